/** The calls that a program on a mirror may make and the agent itself never makes. */
import { cString } from '../../../agent/platform/libc/bytes.ts';
import { errnos, ErrnoError, orThrow } from '../../../agent/platform/libc/errno.ts';
import { bind } from '../../../agent/platform/libc/library.ts';

type Bytes = Uint8Array;
type Offset = Bytes | null;
const c = {
  open: bind<(path: Bytes, flags: number, mode: number) => number>('int open(const void *, int, uint32_t)'),
  flock: bind<(fd: number, how: number) => number>('int flock(int, int)'),
  fcntlLock: bind<(fd: number, command: number, lock: Bytes) => number>('int fcntl(int, int, void *)'),
  fcntl: bind<(fd: number, command: number, value: number) => number>('int fcntl(int, int, int64_t)'),
  copyFileRange: bind<(a: number, at: Offset, b: number, to: Offset, length: number, flags: number) => number>(
    'int64_t copy_file_range(int, void *, int, void *, size_t, uint32_t)',
  ),
  sendfile: bind<(to: number, from: number, at: Offset, length: number) => number>(
    'int64_t sendfile(int, int, void *, size_t)',
  ),
  splice: bind<(a: number, at: Offset, b: number, to: Offset, length: number, flags: number) => number>(
    'int64_t splice(int, void *, int, void *, size_t, uint32_t)',
  ),
  mmap: bind<(at: number, length: number, protection: number, flags: number, fd: number, offset: number) => number>(
    'intptr_t mmap(intptr_t, size_t, int, int, int, int64_t)',
  ),
  msync: bind<(at: number, length: number, flags: number) => number>('int msync(intptr_t, size_t, int)'),
  munmap: bind<(at: number, length: number) => number>('int munmap(intptr_t, size_t)'),
  poke: bind<(to: number, from: Bytes, length: number) => number>('intptr_t memcpy(intptr_t, const void *, size_t)'),
  peek: bind<(to: Bytes, from: number, length: number) => number>('intptr_t memcpy(void *, intptr_t, size_t)'),
  writeMapped: bind<(fd: number, from: number, length: number) => number>('int64_t write(int, intptr_t, size_t)'),
  syscall4: bind<(call: number, fd: number, path: Bytes, how: Bytes, size: number) => number>(
    'int64_t syscall(int64_t, int, const void *, void *, size_t)',
  ),
  getdents64: bind<(fd: number, buffer: Bytes, size: number) => number>('int64_t getdents64(int, void *, size_t)'),
  faccessat: bind<(fd: number, path: Bytes, mode: number, flags: number) => number>(
    'int faccessat(int, const void *, int, int)',
  ),
};

export const lock = { shared: 1, exclusive: 2, nonBlocking: 4, unlock: 8 } as const;
export const lockType = { read: 0, write: 1, unlock: 2 } as const;

export const open = (path: string, flags: number, mode = 0): number =>
  orThrow(c.open(cString(path), flags, mode), 'open');
export const flock = (fd: number, how: number): number => orThrow(c.flock(fd, how), 'flock');
export const access = (fd: number, path: string, mode: number): number =>
  orThrow(c.faccessat(fd, cString(path), mode, 0x200), 'faccessat');

/** Sets or asks for a lock of a range (fcntl(2)); `owner` is the process or the open file description. Returns the type that is found. */
export function rangeLock(
  fd: number,
  owner: 'process' | 'description',
  what: 'set' | 'get',
  type: number,
  start: number,
  length: number,
): string {
  const bytes = Buffer.alloc(32);
  bytes.writeInt16LE(type, 0);
  bytes.writeBigInt64LE(BigInt(start), 8);
  bytes.writeBigInt64LE(BigInt(length), 16);
  const command = { process: { get: 5, set: 6 }, description: { get: 36, set: 37 } }[owner][what];
  orThrow(c.fcntlLock(fd, command, bytes), 'fcntl');
  return what === 'set' ? 'set' : `${bytes.readInt16LE(0)} ${bytes.readBigInt64LE(8)}+${bytes.readBigInt64LE(16)}`;
}

export const fcntl = (fd: number, command: number, value: number): number =>
  orThrow(c.fcntl(fd, command, value), 'fcntl');
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_SETLEASE = 1024;
export const F_GETLEASE = 1025;

const offset = (at: number | null): Offset => {
  if (at === null) return null;
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(at));
  return bytes;
};

/** Copies until everything is copied or a step copies nothing. Returns the bytes copied. */
export function copyFileRange(from: number, at: number, to: number, target: number, length: number): number {
  for (let done = 0; ;) {
    if (done === length) return done;
    const step = orThrow(
      c.copyFileRange(from, offset(at + done), to, offset(target + done), length - done, 0),
      'copy_file_range',
    );
    if (step === 0) return done;
    done += step;
  }
}
export const sendfile = (to: number, from: number, at: number, length: number): number =>
  orThrow(c.sendfile(to, from, offset(at), length), 'sendfile');
export const splice = (from: number, at: number | null, to: number, target: number | null, length: number): number =>
  orThrow(c.splice(from, offset(at), to, offset(target), length, 0), 'splice');

export const MAP_SHARED = 1;
export const MAP_PRIVATE = 2;

/** A part of a file in memory. */
export class Mapping {
  readonly #at: number;
  readonly #length: number;

  constructor(fd: number, length: number, flags: number, fileOffset = 0, protection = 3) {
    this.#at = Number(c.mmap(0, length, protection, flags, fd, fileOffset));
    if (this.#at === -1) orThrow(-1, 'mmap');
    this.#length = length;
  }

  write(at: number, data: string): string {
    c.poke(this.#at + at, Buffer.from(data, 'latin1'), data.length);
    return 'written';
  }

  read(at: number, length: number): string {
    const bytes = Buffer.alloc(length);
    c.peek(bytes, this.#at + at, length);
    return bytes.toString('latin1');
  }

  /** Has the kernel read a byte for us: EFAULT where touching it would be SIGBUS. */
  touch(at: number, intoFd: number): number {
    return orThrow(c.writeMapped(intoFd, this.#at + at, 1), 'write');
  }

  sync(): number {
    return orThrow(c.msync(this.#at, this.#length, 4), 'msync');
  }

  end(): void {
    c.munmap(this.#at, this.#length);
  }
}

const OPENAT2 = 437;
export const resolve = { noXdev: 1, noMagicLinks: 2, noSymlinks: 4, beneath: 8, inRoot: 16, cached: 32 } as const;

export function openat2(dirFd: number, path: string, flags: number, how: number): number {
  const bytes = Buffer.alloc(24);
  bytes.writeBigUInt64LE(BigInt(flags), 0);
  bytes.writeBigUInt64LE(BigInt(how), 16);
  return orThrow(Number(c.syscall4(OPENAT2, dirFd, cString(path), bytes, 24)), 'openat2');
}

export interface Listed {
  readonly name: string;
  /** Where lseek(2) goes on behind this entry. */
  readonly next: number;
}

/** One getdents64(2) of so many bytes: nothing at the end. */
export function listStep(fd: number, size: number): Listed[] {
  const buffer = Buffer.alloc(size);
  const got = orThrow(Number(c.getdents64(fd, buffer, size)), 'getdents64');
  const found: Listed[] = [];
  for (let at = 0; at < got; at += buffer.readUInt16LE(at + 16)) {
    const end = buffer.indexOf(0, at + 19);
    found.push({ name: buffer.toString('latin1', at + 19, end), next: Number(buffer.readBigInt64LE(at + 8)) });
  }
  return found;
}

/** What a call that failed is called, or what it returned. */
export function outcomeOf(action: () => unknown): unknown {
  try {
    return action() ?? 'done';
  } catch (error) {
    if (error instanceof ErrnoError) return error.code;
    throw error;
  }
}
export { errnos };
