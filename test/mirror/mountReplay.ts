import { createHash } from 'node:crypto';
import * as libc from '../../agent/platform/libc.ts';
import type { FileRef, Mutation } from '../../agent/mirror/mutation.ts';

type Recorded = Mutation | { readonly kind: 'released'; readonly ino: number } | { readonly kind: 'flush' };

const pathOf = (file: FileRef): string => {
  if (file.path === null) throw new Error(`a change of inode ${file.ino}, which has no name, was replicated`);
  return file.path === '' ? '.' : file.path;
};

/** Applies a recorded mutation below `root` (O_PATH), as a secondary would. */
export function replay(root: number, mutation: Recorded): void {
  const withFd = (file: FileRef, action: (fd: number) => void): void => {
    const fd = libc.openat(root, pathOf(file), libc.O_WRONLY);
    action(fd);
    libc.close(fd);
  };
  const own = (each: { path: string; uid: number; gid: number; mode?: number }): void => {
    libc.chownat(root, each.path, each.uid, each.gid);
    if (each.mode !== undefined) libc.chmodat(root, each.path, each.mode & 0o7777);
  };
  switch (mutation.kind) {
    case 'write':
      return withFd(mutation.file, (fd) => libc.pwriteFully(fd, mutation.data, mutation.offset));
    case 'truncate':
      return withFd(mutation.file, (fd) => libc.ftruncate(fd, mutation.size));
    case 'fallocate':
      return withFd(mutation.file, (fd) => libc.fallocate(fd, mutation.mode, mutation.offset, mutation.length));
    case 'create':
      libc.close(libc.openat(root, mutation.path, libc.O_CREAT | libc.O_EXCL | libc.O_WRONLY, mutation.mode));
      return own(mutation);
    case 'mkdir':
      libc.mkdirat(root, mutation.path, mutation.mode);
      return own(mutation);
    case 'mknod':
      libc.mknodat(root, mutation.path, mutation.mode, mutation.rdev);
      return own(mutation);
    case 'symlink':
      libc.symlinkat(mutation.target, root, mutation.path);
      return own({ path: mutation.path, uid: mutation.uid, gid: mutation.gid });
    case 'link':
      return libc.linkat(root, pathOf(mutation.file), root, mutation.path);
    case 'unlink':
      return libc.unlinkat(root, mutation.path);
    case 'rmdir':
      return libc.unlinkat(root, mutation.path, libc.AT_REMOVEDIR);
    case 'rename':
      return libc.renameat2(root, mutation.from, root, mutation.to, mutation.flags);
    case 'chmod':
      return libc.chmodat(root, pathOf(mutation.file), mutation.mode);
    case 'chown':
      return libc.chownat(root, pathOf(mutation.file), mutation.uid, mutation.gid);
    case 'utimens':
      return libc.utimensat(root, pathOf(mutation.file), mutation.atime, mutation.mtime);
    case 'setxattr':
      return libc.setxattrat(root, pathOf(mutation.file), mutation.name, mutation.value, mutation.flags);
    case 'removexattr':
      return libc.removexattrat(root, pathOf(mutation.file), mutation.name);
    case 'released':
    case 'flush':
      return;
  }
}

/** Everything that a user could notice about a tree, by path; times without those that follow from when the test ran. */
export function snapshot(directory: string): Map<string, Record<string, unknown>> {
  const root = libc.openat(libc.AT_FDCWD, directory, libc.O_PATH | libc.O_DIRECTORY);
  const tree = new Map<string, Record<string, unknown>>();
  const visit = (path: string): void => {
    const stat = libc.statat(root, path === '' ? '.' : path);
    const type = stat.mode & libc.S_IFMT;
    const isFile = type === libc.S_IFREG;
    const isDirectory = type === libc.S_IFDIR;
    tree.set(path, {
      mode: stat.mode.toString(8),
      nlink: stat.nlink,
      uid: stat.uid,
      gid: stat.gid,
      rdev: stat.rdev,
      size: isDirectory ? 0 : stat.size,
      mtime: libc.timeNs(stat.mtimeSec, stat.mtimeNsec),
      content: isFile ? hash(root, path) : null,
      target: type === libc.S_IFLNK ? libc.readlinkat(root, path) : null,
      xattrs: libc
        .listxattrat(root, path === '' ? '.' : path)
        .sort()
        .map((name) => [name, libc.getxattrat(root, path === '' ? '.' : path, name)?.toString('hex')]),
    });
    if (!isDirectory) return;
    const names = libc.listDirectory(root, path).map((entry) => entry.name);
    for (const name of names.sort()) visit(path === '' ? name : `${path}/${name}`);
  };
  visit('');
  libc.close(root);
  return tree;
}

function hash(root: number, path: string): string {
  const fd = libc.openat(root, path, libc.O_RDONLY);
  const digest = createHash('sha256');
  const buffer = Buffer.alloc(1 << 16);
  for (let offset = 0; ;) {
    const got = libc.pread(fd, buffer, offset);
    if (got === 0) break;
    digest.update(buffer.subarray(0, got));
    offset += got;
  }
  libc.close(fd);
  return digest.digest('hex');
}
