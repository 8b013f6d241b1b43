/**
 * What changes a replica. The mount describes every change that it applied to the primary's files as one of these, in the
 * order in which they were applied; the secondary applies the same list in the same order.
 *
 * Paths are relative to the mirrored directory, without leading slash, '' for the directory itself. They are *byte strings*:
 * one character (U+0000..U+00FF, "latin1") per byte, because a POSIX name is bytes and need not be UTF-8.
 */
export interface FileRef {
  /** Inode number of the file on the primary's disk; the name of an open file that has no path any more. */
  readonly ino: number;
  /** A path under which the file can be reached now, null when its last known name was removed. */
  readonly path: string | null;
}

/** Nanoseconds since the epoch. */
export type TimeNs = bigint;

export type Mutation =
  | { readonly kind: 'write'; readonly file: FileRef; readonly offset: number; readonly data: Uint8Array }
  | { readonly kind: 'truncate'; readonly file: FileRef; readonly size: number }
  | {
      readonly kind: 'fallocate';
      readonly file: FileRef;
      readonly mode: number;
      readonly offset: number;
      readonly length: number;
    }
  | {
      readonly kind: 'create';
      readonly ino: number;
      readonly path: string;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | {
      readonly kind: 'mkdir';
      readonly ino: number;
      readonly path: string;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | {
      readonly kind: 'mknod';
      readonly ino: number;
      readonly path: string;
      /** With the file type bits. */
      readonly mode: number;
      readonly rdev: number;
      readonly uid: number;
      readonly gid: number;
    }
  | {
      readonly kind: 'symlink';
      readonly ino: number;
      readonly path: string;
      readonly target: string;
      readonly uid: number;
      readonly gid: number;
    }
  /** A `file` without a path was made without a name (O_TMPFILE) and has its first one now: the replica learns its content, too. */
  | { readonly kind: 'link'; readonly file: FileRef; readonly path: string }
  | { readonly kind: 'unlink'; readonly ino: number; readonly path: string }
  | { readonly kind: 'rmdir'; readonly ino: number; readonly path: string }
  | {
      readonly kind: 'rename';
      readonly ino: number;
      readonly from: string;
      readonly to: string;
      /** RENAME_NOREPLACE 1, RENAME_EXCHANGE 2, RENAME_WHITEOUT 4 (renameat2(2)). */
      readonly flags: number;
    }
  | { readonly kind: 'chmod'; readonly file: FileRef; readonly mode: number }
  /** A uid or gid of null stays as it is. */
  | { readonly kind: 'chown'; readonly file: FileRef; readonly uid: number | null; readonly gid: number | null }
  /** A time of null stays as it is; "now" was resolved by the primary. */
  | { readonly kind: 'utimens'; readonly file: FileRef; readonly atime: TimeNs | null; readonly mtime: TimeNs | null }
  | {
      readonly kind: 'setxattr';
      readonly file: FileRef;
      readonly name: string;
      readonly value: Uint8Array;
      readonly flags: number;
    }
  | { readonly kind: 'removexattr'; readonly file: FileRef; readonly name: string };

/** The answer to one request of the kernel, ready to be written to /dev/fuse in one piece (fuse_out_header and body). */
export interface PreparedReply {
  readonly bytes: Uint8Array;
}

/**
 * What the mount does with changes beside applying them. All calls come from the one dispatcher thread; the order of `commit`,
 * `begin` and `beginFlush` calls is the order of the mirror.
 */
export interface MutationSink {
  /** Called before the files change. Returns once the zone marks of the change are durable; throws an ErrnoError to refuse it. */
  prepare(mutation: Mutation): void;
  /**
   * Called after the change was applied to the local files. `reply` answers the request that the changes belong to (a SETATTR may be
   * several). Returns true when the sink takes over the reply and will write it later, false when the mount should answer now.
   */
  commit(mutations: readonly Mutation[], reply: PreparedReply): boolean;
  /**
   * As `commit`, for one change that the disk of this host is still at work on. `finish` follows; the reply goes out afterwards.
   * @returns what `finish` names it by
   */
  begin(mutation: Mutation, reply: PreparedReply): number;
  /** The guest asks for durability of a file, and this host's disk is about to be asked for it, too. Otherwise as `begin`. */
  beginFlush(file: FileRef, datasync: boolean, reply: PreparedReply): number;
  /**
   * This host's disk is done. With `errno` (not 0) it has failed, and the reply becomes that error. `repair` makes a replica that has what was
   * announced equal to what the files hold now; null when nobody knows what they hold. It is empty for a flush.
   */
  finish(begun: number, errno: number, repair: readonly Mutation[] | null): void;
  /** A change that failed has left in a file what nobody knows, so that nobody can be told of it. */
  unknown(): void;
  /**
   * The changes that follow need not be told to anybody until `settle`, so that they can be told together. Every call of these two is followed
   * by `settle` before the dispatcher waits for anything.
   */
  gather(): void;
  /** Everything that was handed over goes out now. */
  settle(): void;
  /** The last handle of a file was closed; nothing will refer to `ino` by number alone any more. */
  released(ino: number): void;
}
