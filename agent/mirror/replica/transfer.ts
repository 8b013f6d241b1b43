import { close, O_NOATIME, O_NONBLOCK, O_RDONLY, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../platform/libc.ts';
import type { Mutation } from '../mutation.ts';
import { readPiece, splitHoles } from '../resync/content.ts';
import { joinPath, type ReplicaTree } from './tree.ts';

const PIECE_BYTES = 256 * 1024;

/** Describes a file, or a directory with everything below it, as the changes that make it from nothing. */
export function* describeTree(
  tree: ReplicaTree,
  path: string,
  excluded: (path: string) => boolean,
): Generator<Mutation> {
  const entry = tree.entry(path);
  if (entry === null) return;
  const { ino, mode, uid, gid } = entry;
  const file = { ino, path };
  switch (mode & S_IFMT) {
    case S_IFREG: {
      yield { kind: 'create', ino, path, mode, uid, gid };
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
      for (const name of tree.names(path)) {
        const child = joinPath(path, name);
        if (!excluded(child)) yield* describeTree(tree, child, excluded);
      }
      break;
    case S_IFLNK:
      yield { kind: 'symlink', ino, path, target: entry.target, uid, gid };
      break;
    default:
      yield { kind: 'mknod', ino, path, mode, rdev: entry.rdev, uid, gid };
  }
  for (const { name, value } of entry.xattrs) yield { kind: 'setxattr', file, name, value, flags: 0 };
  yield { kind: 'utimens', file, atime: null, mtime: entry.mtime };
}
