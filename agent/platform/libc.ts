/**
 * What Node's `fs`, `net` and `process` lack, as direct calls of the C library (Linux, glibc).
 *
 * Every function throws an {@link ErrnoError} when the call fails, so that a forgotten check can never lose a write. Those named
 * `try…` return the negative error number instead (-2 for ENOENT), for places where failure is ordinary and speed counts.
 *
 * Names and paths are *byte strings*: one character (U+0000..U+00FF) per byte, because a POSIX name is bytes and need not be
 * UTF-8. {@link toByteString} and {@link fromByteString} convert from and to ordinary strings.
 *
 * All functions may be called from every thread; file descriptors belong to the whole process.
 */
export * from './libc/errno.ts';
export * from './libc/constants.ts';
export * from './libc/bytes.ts';
export * from './libc/files.ts';
export * from './libc/tree.ts';
export * from './libc/stat.ts';
export * from './libc/fileNumbers.ts';
export * from './libc/attributes.ts';
export * from './libc/xattrs.ts';
export * from './libc/directories.ts';
export * from './libc/events.ts';
export * from './libc/asyncIo.ts';
export * from './libc/sockets.ts';
export * from './libc/localSockets.ts';
export * from './libc/packetSockets.ts';
export * from './libc/process.ts';
export * from './libc/mountCalls.ts';
export * from './libc/ioctl.ts';
