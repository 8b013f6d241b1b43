import { close, O_NOATIME, O_NONBLOCK, O_RDONLY, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../platform/libc.ts';
import type { Mutation } from '../mutation.ts';
import { readPiece, splitHoles } from '../resync/content.ts';
import { type Entry, joinPath, parentOf, type ReplicaTree } from './tree.ts';

const ACLS = { access: 'system.posix_acl_access', default: 'system.posix_acl_default' };

const PIECE_BYTES = 256 * 1024;

/** Another name of a file with several, by which the replica that is to get it has it already; null for none. */
export type LinkOf = (entry: Pick<Entry, 'ino' | 'nlink'>, path: string) => string | null;

/** Describes a file, or a directory with everything below it, as the changes that make it from nothing. */
export function* describeTree(
  tree: ReplicaTree,
  path: string,
  excluded: (path: string) => boolean,
  linkOf: LinkOf,
): Generator<Mutation> {
  const entry = tree.entry(path);
  if (entry === null) return;
  const other = (entry.mode & S_IFMT) === S_IFDIR ? null : linkOf(entry, path);
  if (other !== null) {
    yield { kind: 'link', file: { ino: entry.ino, path: other }, path };
    return;
  }
  const { ino, mode, uid, gid } = entry;
  const file = { ino, path };
  switch (mode & S_IFMT) {
    case S_IFREG: {
      yield { kind: 'create', ino, path, mode, uid, gid };
      yield* withoutInherited(tree, entry, path);
      const fd = tree.open(path, O_RDONLY | O_NONBLOCK | O_NOATIME);
      try {
        if (entry.size > 0) yield { kind: 'truncate', file, size: entry.size };
        for (const { start, end } of splitHoles(fd, { start: 0, end: entry.size }).data) {
          for (let offset = start; offset < end; offset += PIECE_BYTES) {
            yield { kind: 'write', file, offset, data: readPiece(fd, offset, Math.min(PIECE_BYTES, end - offset)) };
          }
        }
      } finally {
        close(fd);
      }
      break;
    }
    case S_IFDIR:
      yield { kind: 'mkdir', ino, path, mode, uid, gid };
      yield* withoutInherited(tree, entry, path);
      for (const name of tree.names(path)) {
        const child = joinPath(path, name);
        if (!excluded(child)) yield* describeTree(tree, child, excluded, linkOf);
      }
      break;
    case S_IFLNK:
      yield { kind: 'symlink', ino, path, target: entry.target, uid, gid };
      break;
    default:
      yield { kind: 'mknod', ino, path, mode, rdev: entry.rdev, uid, gid };
      yield* withoutInherited(tree, entry, path);
  }
  for (const { name, value } of entry.xattrs) yield { kind: 'setxattr', file, name, value, flags: 0 };
  yield { kind: 'utimens', file, atime: null, mtime: entry.mtime };
}

/** Takes away what a new file gets from the directory that it is made in (acl(5)), and the file itself does not have. */
function* withoutInherited(tree: ReplicaTree, { ino, mode, xattrs }: Entry, path: string): Generator<Mutation> {
  const inherits = tree.entry(parentOf(path))?.xattrs.some(({ name }) => name === ACLS.default);
  if (!inherits) return;
  const file = { ino, path };
  const isDirectory = (mode & S_IFMT) === S_IFDIR;
  for (const name of isDirectory ? [ACLS.default, ACLS.access] : [ACLS.access]) {
    if (!xattrs.some((each) => each.name === name)) yield { kind: 'removexattr', file, name };
  }
  // What the access list left to the group was its mask.
  yield { kind: 'chmod', file, mode: mode & 0o7777 };
}
