import { O_DIRECTORY, O_NOATIME, O_NOFOLLOW, O_RDONLY, SEEK_SET } from './constants.ts';
import { errnos, must, orThrow } from './errno.ts';
import { close, tryLseek, tryOpenat } from './files.ts';
import { areNumberedApart, fileNumber } from './fileNumbers.ts';
import { bind } from './library.ts';
import { fstat } from './stat.ts';

const c = {
  getdents64: bind<(fd: number, buffer: Uint8Array, size: number) => number>('int64_t getdents64(int, void *, size_t)'),
};

/** One entry of a directory. */
export interface DirectoryEntry {
  /** Byte string. */
  readonly name: string;
  readonly ino: number;
  /** The file type bits of a mode shifted right by 12 (DT_REG 8, DT_DIR 4, …), 0 when the file system does not say. */
  readonly type: number;
}

const buffer = Buffer.allocUnsafe(1 << 16);

/** All entries of an open directory, '.' and '..' among them, from its start. */
export function readEntries(fd: number): DirectoryEntry[] {
  tryLseek(fd, 0, SEEK_SET);
  const device = areNumberedApart() ? fstat(fd).dev : -1;
  const entries: DirectoryEntry[] = [];
  for (;;) {
    const size = orThrow(c.getdents64(fd, buffer, buffer.length), 'getdents64');
    if (size === 0) return entries;
    for (let at = 0; at < size;) {
      const length = buffer.readUInt16LE(at + 16);
      const end = buffer.indexOf(0, at + 19);
      entries.push({
        ino: fileNumber(device, buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * 4294967296),
        type: buffer[at + 18] as number,
        name: buffer.toString('latin1', at + 19, end),
      });
      at += length;
    }
  }
}

/** The entries of the directory `path` below `dirFd`, without '.' and '..', in no order. '' is `dirFd` itself. */
export function listDirectory(dirFd: number, path: string): DirectoryEntry[] {
  const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  let fd = tryOpenat(dirFd, path === '' ? '.' : path, flags | O_NOATIME);
  // O_NOATIME is for the owner and root.
  if (fd === -errnos.EPERM) fd = tryOpenat(dirFd, path === '' ? '.' : path, flags);
  must(fd, 'openat', path);
  try {
    return readEntries(fd).filter((entry) => entry.name !== '.' && entry.name !== '..');
  } finally {
    close(fd);
  }
}
