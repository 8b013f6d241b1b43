import { cString } from './bytes.ts';
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW } from './constants.ts';
import { errnos, must, negativeErrno, orThrow } from './errno.ts';
import { fileNumber } from './fileNumbers.ts';
import { bind } from './library.ts';

type Bytes = Uint8Array;
const c = {
  statx: bind<(dirFd: number, path: Bytes, flags: number, mask: number, buffer: Bytes) => number>(
    'int statx(int, const void *, int, uint32_t, void *)',
  ),
  fstatfs: bind<(fd: number, buffer: Bytes) => number>('int fstatfs(int, void *)'),
  statfs: bind<(path: Bytes, buffer: Bytes) => number>('int statfs(const void *, void *)'),
};

/** What statx(2) tells. Times are split into seconds (signed) and nanoseconds; {@link timeNs} joins them. */
export interface FileStat {
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  /** The inode's, see {@link fileNumber}. */
  ino: number;
  /** Bytes. */
  size: number;
  /** Allocated blocks of 512 bytes. */
  blocks: number;
  /** Preferred size of I/O, bytes. */
  blksize: number;
  /** Device number of a device node in the kernel's 32 bit form, as mknod(2) takes it. */
  rdev: number;
  /** Device that the file lies on, in the same form. */
  dev: number;
  atimeSec: number;
  atimeNsec: number;
  mtimeSec: number;
  mtimeNsec: number;
  ctimeSec: number;
  ctimeNsec: number;
}

/** Nanoseconds since the epoch. */
export function timeNs(seconds: number, nanoseconds: number): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
}

/** The kernel's 32 bit form of a device number. */
export function makeDev(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

const basicStats = 0x7ff;
const u32 = new Uint32Array(64);
const i32 = new Int32Array(u32.buffer);
const bytes = new Uint8Array(u32.buffer);
const at32 = (index: number): number => u32[index] as number;
const at64 = (index: number): number => at32(index) + at32(index + 1) * 4294967296;
const signed64 = (index: number): number => at32(index) + (i32[index + 1] as number) * 4294967296;

function decode(): FileStat {
  const dev = makeDev(at32(34), at32(35));
  return {
    mode: at32(7) & 0xffff,
    nlink: at32(4),
    uid: at32(5),
    gid: at32(6),
    ino: fileNumber(dev, at64(8)),
    size: at64(10),
    blocks: at64(12),
    blksize: at32(1),
    rdev: makeDev(at32(32), at32(33)),
    dev,
    atimeSec: signed64(16),
    atimeNsec: at32(18),
    ctimeSec: signed64(24),
    ctimeNsec: at32(26),
    mtimeSec: signed64(28),
    mtimeNsec: at32(30),
  };
}

/** statx(2) of a path, symbolic links not followed unless `flags` say otherwise; the negative error number on failure. */
export function tryStatat(dirFd: number, path: string, flags = AT_SYMLINK_NOFOLLOW): FileStat | number {
  if (c.statx(dirFd, cString(path), path === '' ? flags | AT_EMPTY_PATH : flags, basicStats, bytes) === -1) {
    return negativeErrno();
  }
  return decode();
}

/** statx(2) of a path below `dirFd`, symbolic links not followed unless `flags` say otherwise. '' is `dirFd` itself. */
export function statat(dirFd: number, path: string, flags = AT_SYMLINK_NOFOLLOW): FileStat {
  const stat = tryStatat(dirFd, path, flags);
  if (typeof stat !== 'number') return stat;
  must(stat, 'statx', path);
  throw new Error('unreachable');
}

/** statx(2) of an open file. */
export function fstat(fd: number): FileStat {
  return statat(fd, '', AT_EMPTY_PATH);
}

/** As {@link statat}; null when nothing is there (ENOENT). */
export function statatIfExists(dirFd: number, path: string): FileStat | null {
  const stat = tryStatat(dirFd, path);
  if (typeof stat !== 'number') return stat;
  if (stat === -errnos.ENOENT) return null;
  must(stat, 'statx', path);
  return null;
}

/** What statfs(2) tells; `bsize` and `frsize` in bytes, block counts in units of `frsize`. */
export interface FileSystemStat {
  readonly type: number;
  readonly bsize: number;
  readonly frsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
  readonly nameMax: number;
}

function decodeFileSystem(buffer: Buffer): FileSystemStat {
  const at = (offset: number): number => Number(buffer.readBigUInt64LE(offset));
  return {
    type: at(0),
    bsize: at(8),
    blocks: at(16),
    bfree: at(24),
    bavail: at(32),
    files: at(40),
    ffree: at(48),
    nameMax: at(64),
    frsize: at(72) === 0 ? at(8) : at(72),
  };
}

/** statfs(2) of the file system that `fd` (O_PATH will do) lies on. */
export function fstatfs(fd: number): FileSystemStat {
  const buffer = Buffer.alloc(128);
  orThrow(c.fstatfs(fd, buffer), 'fstatfs');
  return decodeFileSystem(buffer);
}

/** statfs(2). */
export function statfs(path: string): FileSystemStat {
  const buffer = Buffer.alloc(128);
  orThrow(c.statfs(cString(path), buffer), 'statfs', path);
  return decodeFileSystem(buffer);
}
