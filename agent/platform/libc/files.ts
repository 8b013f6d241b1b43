import koffi from 'koffi';
import { cString } from './bytes.ts';
import { O_CLOEXEC } from './constants.ts';
import { negativeErrno, orThrow } from './errno.ts';
import { bind } from './library.ts';

type Bytes = Uint8Array;
const c = {
  openat: bind<(dirFd: number, path: Bytes, flags: number, mode: number) => number>(
    'int openat(int, const void *, int, uint32_t)',
  ),
  close: bind<(fd: number) => number>('int close(int)'),
  read: bind<(fd: number, buffer: Bytes, length: number) => number>('int64_t read(int, void *, size_t)'),
  write: bind<(fd: number, buffer: Bytes, length: number) => number>('int64_t write(int, const void *, size_t)'),
  pread: bind<(fd: number, buffer: Bytes, length: number, offset: number) => number>(
    'int64_t pread(int, void *, size_t, int64_t)',
  ),
  pwrite: bind<(fd: number, buffer: Bytes, length: number, offset: number) => number>(
    'int64_t pwrite(int, const void *, size_t, int64_t)',
  ),
  preadv2: bind<(fd: number, vector: Bytes, count: number, offset: number, flags: number) => number>(
    'int64_t preadv2(int, const void *, int, int64_t, int)',
  ),
  ftruncate: bind<(fd: number, size: number) => number>('int ftruncate(int, int64_t)'),
  fallocate: bind<(fd: number, mode: number, offset: number, length: number) => number>(
    'int fallocate(int, int, int64_t, int64_t)',
  ),
  memfd_create: bind<(name: Bytes, flags: number) => number>('int memfd_create(const void *, uint32_t)'),
  lseek: bind<(fd: number, offset: number, whence: number) => number>('int64_t lseek(int, int64_t, int)'),
  fsync: bind<(fd: number) => number>('int fsync(int)'),
  fdatasync: bind<(fd: number) => number>('int fdatasync(int)'),
  posix_fadvise: bind<(fd: number, offset: number, length: number, advice: number) => number>(
    'int posix_fadvise(int, int64_t, int64_t, int)',
  ),
  syncfs: bind<(fd: number) => number>('int syncfs(int)'),
};

/** openat(2). The descriptor is always close-on-exec: none of ours may leak into a guest's process. */
export function openat(dirFd: number, path: string, flags: number, mode = 0): number {
  return orThrow(c.openat(dirFd, cString(path), flags | O_CLOEXEC, mode), 'openat', path);
}

/** As {@link openat}; the negative error number on failure. */
export function tryOpenat(dirFd: number, path: string, flags: number, mode = 0): number {
  const fd = c.openat(dirFd, cString(path), flags | O_CLOEXEC, mode);
  return fd === -1 ? negativeErrno() : fd;
}

/** close(2). Never fails for a valid descriptor in a way that a caller could act on: data were synced before or are not asked for. */
export function close(fd: number): void {
  c.close(fd);
}

function length(buffer: Bytes, bytes: number): number {
  if (bytes > buffer.byteLength) {
    throw new RangeError(`${bytes} bytes do not fit into a buffer of ${buffer.byteLength}`);
  }
  return bytes;
}

/** read(2) into the start of `buffer`. Returns the bytes read, 0 at the end of a file or a connection. */
export function read(fd: number, buffer: Bytes, bytes = buffer.byteLength): number {
  return orThrow(c.read(fd, buffer, length(buffer, bytes)), 'read');
}

/** As {@link read}; the negative error number on failure. */
export function tryRead(fd: number, buffer: Bytes, bytes = buffer.byteLength): number {
  const result = c.read(fd, buffer, length(buffer, bytes));
  return result === -1 ? negativeErrno() : result;
}

/** write(2), once: may write less than asked. */
export function write(fd: number, buffer: Bytes, bytes = buffer.byteLength): number {
  return orThrow(c.write(fd, buffer, length(buffer, bytes)), 'write');
}

/** As {@link write}; the negative error number on failure. */
export function tryWrite(fd: number, buffer: Bytes, bytes = buffer.byteLength): number {
  const result = c.write(fd, buffer, length(buffer, bytes));
  return result === -1 ? negativeErrno() : result;
}

/** pread(2). */
export function pread(fd: number, buffer: Bytes, offset: number, bytes = buffer.byteLength): number {
  return orThrow(c.pread(fd, buffer, length(buffer, bytes), offset), 'pread');
}

/** As {@link pread}; the negative error number on failure. */
export function tryPread(fd: number, buffer: Bytes, offset: number, bytes = buffer.byteLength): number {
  const result = c.pread(fd, buffer, length(buffer, bytes), offset);
  return result === -1 ? negativeErrno() : result;
}

/** pwrite(2), once: may write less than asked. */
export function pwrite(fd: number, buffer: Bytes, offset: number, bytes = buffer.byteLength): number {
  return orThrow(c.pwrite(fd, buffer, length(buffer, bytes), offset), 'pwrite');
}

/** As {@link pwrite}; the negative error number on failure. */
export function tryPwrite(fd: number, buffer: Bytes, offset: number, bytes = buffer.byteLength): number {
  const result = c.pwrite(fd, buffer, length(buffer, bytes), offset);
  return result === -1 ? negativeErrno() : result;
}

/**
 * The page cache keeps what one call writes together, as far as it can (large folios); each later write into such a piece, however small, looks
 * through all of its blocks. So what goes to the page cache goes in pieces of this size, which costs a large write little.
 */
const CACHED_PIECE = 64 * 1024;

/** Pieces end where pages do: half a page would have to be read first. */
const pieceAt = (offset: number): number => CACHED_PIECE - (offset % CACHED_PIECE);

/** As {@link tryPwrite}, by way of the page cache. */
export function tryPwriteCached(fd: number, buffer: Bytes, offset: number): number {
  if (buffer.byteLength <= CACHED_PIECE) return tryPwrite(fd, buffer, offset);
  let done = 0;
  while (done < buffer.byteLength) {
    const piece = buffer.subarray(done, done + pieceAt(offset + done));
    const written = tryPwrite(fd, piece, offset + done);
    if (written < 0) return done === 0 ? written : done;
    done += written;
    if (written < piece.byteLength) break;
  }
  return done;
}

/** As {@link pwriteFully}, by way of the page cache. */
export function pwriteCachedFully(fd: number, buffer: Bytes, offset: number): void {
  for (let at = 0; at < buffer.byteLength; at += pieceAt(offset + at)) {
    pwriteFully(fd, buffer.subarray(at, at + pieceAt(offset + at)), offset + at);
  }
}

/** Writes all of `buffer` at `offset`, in as many steps as it takes. */
export function pwriteFully(fd: number, buffer: Bytes, offset: number): void {
  let done = 0;
  while (done < buffer.byteLength) {
    done += pwrite(fd, done === 0 ? buffer : buffer.subarray(done), offset + done);
  }
}

/** Reads until `buffer` is full or the file ends. Returns the bytes read. */
export function preadFully(fd: number, buffer: Bytes, offset: number): number {
  let done = 0;
  while (done < buffer.byteLength) {
    const got = pread(fd, done === 0 ? buffer : buffer.subarray(done), offset + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

/** ftruncate(2); `size` in bytes. */
export function ftruncate(fd: number, size: number): void {
  orThrow(c.ftruncate(fd, size), 'ftruncate');
}

/** fallocate(2) with the mode bits FALLOC_FL_…. */
export function fallocate(fd: number, mode: number, offset: number, bytes: number): void {
  orThrow(c.fallocate(fd, mode, offset, bytes), 'fallocate');
}

/** As {@link fallocate}; the negative error number on failure. */
export function tryFallocate(fd: number, mode: number, offset: number, bytes: number): number {
  return c.fallocate(fd, mode, offset, bytes) === -1 ? negativeErrno() : 0;
}

/** memfd_create(2): a file in memory, without a name, that lives as long as somebody has it open. */
export function memoryFile(name: string): number {
  const MFD_CLOEXEC = 1;
  return orThrow(c.memfd_create(cString(name), MFD_CLOEXEC), 'memfd_create');
}

/** lseek(2), mostly for SEEK_DATA and SEEK_HOLE. Throws ENXIO behind the last data. */
export function lseek(fd: number, offset: number, whence: number): number {
  return orThrow(c.lseek(fd, offset, whence), 'lseek');
}

/** As {@link lseek}; the negative error number on failure. */
export function tryLseek(fd: number, offset: number, whence: number): number {
  const result = c.lseek(fd, offset, whence);
  return result === -1 ? negativeErrno() : result;
}

/** fsync(2). */
export function fsync(fd: number): void {
  orThrow(c.fsync(fd), 'fsync');
}

/** fdatasync(2). */
export function fdatasync(fd: number): void {
  orThrow(c.fdatasync(fd), 'fdatasync');
}

/** syncfs(2): everything of the file system that `fd` lies on. `fd` must not be an O_PATH descriptor. */
export function syncfs(fd: number): void {
  orThrow(c.syncfs(fd), 'syncfs');
}

const POSIX_FADV_DONTNEED = 4;

/**
 * posix_fadvise(2): what is in memory of a file, and not waiting to be written, is read from the disk the next time. Of a part of a file the
 * kernel would keep what it holds in larger pieces than that.
 */
export function forgetCached(fd: number): void {
  c.posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

const RWF_NOWAIT = 8;

/** Reads only what the page cache holds already (preadv2(2), RWF_NOWAIT). */
export class CachedReader {
  readonly #vector = Buffer.alloc(16);
  readonly #buffer: Bytes;

  /** `buffer` is where everything is read to; it must not move, as nothing but WebAssembly memory promises. */
  constructor(buffer: Bytes) {
    this.#buffer = buffer;
    this.#vector.writeBigUInt64LE(BigInt(koffi.address(buffer)), 0);
  }

  /** As {@link tryPread}; -EAGAIN when the first byte is not in the cache, fewer bytes when a later one is not. */
  read(fd: number, offset: number, bytes: number): number {
    this.#vector.writeUInt32LE(length(this.#buffer, bytes), 8);
    const result = c.preadv2(fd, this.#vector, 1, offset, RWF_NOWAIT);
    return result === -1 ? negativeErrno() : result;
  }
}
