/**
 * Numbers of the FUSE kernel protocol, version 7 (include/uapi/linux/fuse.h). All fields are little endian.
 * Positions are counted in 32 bit words from the start of the body, unless they say bytes.
 */
export const FUSE_MAJOR = 7;
/** The newest minor version that this code knows. */
export const FUSE_MINOR = 40;
/** Bytes. */
export const IN_HEADER_SIZE = 40;
/** Bytes. */
export const OUT_HEADER_SIZE = 16;
/** Bytes: fuse_entry_out. */
export const ENTRY_SIZE = 128;
/** Bytes: fuse_attr_out. */
export const ATTR_OUT_SIZE = 104;
/** Bytes: fuse_open_out. */
export const OPEN_OUT_SIZE = 16;
/** Bytes: the largest single read or write. */
export const MAX_IO = 1 << 20;
export const ROOT_ID = 1;

/** Requests that this file system answers with more than ENOSYS. */
export const Op = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  READLINK: 5,
  SYMLINK: 6,
  MKNOD: 8,
  MKDIR: 9,
  UNLINK: 10,
  RMDIR: 11,
  RENAME: 12,
  LINK: 13,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  SETXATTR: 21,
  GETXATTR: 22,
  LISTXATTR: 23,
  REMOVEXATTR: 24,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  FSYNCDIR: 30,
  CREATE: 35,
  INTERRUPT: 36,
  DESTROY: 38,
  NOTIFY_REPLY: 41,
  BATCH_FORGET: 42,
  FALLOCATE: 43,
  READDIRPLUS: 44,
  RENAME2: 45,
  LSEEK: 46,
  SYNCFS: 50,
  TMPFILE: 51,
} as const;

/** Bits of fuse_init_in.flags and fuse_init_out.flags. */
export const Init = {
  ASYNC_READ: 1 << 0,
  ATOMIC_O_TRUNC: 1 << 3,
  BIG_WRITES: 1 << 5,
  DONT_MASK: 1 << 6,
  DO_READDIRPLUS: 1 << 13,
  READDIRPLUS_AUTO: 1 << 14,
  ASYNC_DIO: 1 << 15,
  PARALLEL_DIROPS: 1 << 18,
  HANDLE_KILLPRIV: 1 << 19,
  POSIX_ACL: 1 << 20,
  MAX_PAGES: 1 << 22,
  CACHE_SYMLINKS: 1 << 23,
  HANDLE_KILLPRIV_V2: 1 << 28,
  SETXATTR_EXT: 1 << 29,
  INIT_EXT: 1 << 30,
} as const;

/** The kernel sends again what it has no answer to (init flag 39, in the second word). */
export const INIT2_HAS_RESEND = 1 << 7;
/** In the upper half of a request's number: it was sent before, perhaps to an earlier process. */
export const UNIQUE_RESENT = 0x80000000;
/** A notification to the kernel: send again what has no answer. */
export const NOTIFY_RESEND = 7;

/** Bits of fuse_setattr_in.valid. */
export const SetAttr = {
  MODE: 1,
  UID: 2,
  GID: 4,
  SIZE: 8,
  ATIME: 16,
  MTIME: 32,
  FH: 64,
  ATIME_NOW: 128,
  MTIME_NOW: 256,
  KILL_SUIDGID: 2048,
} as const;

/** fuse_getattr_in.getattr_flags: the request names an open file. */
export const GETATTR_FH = 1;
/** fuse_open_in.open_flags. */
export const OPEN_KILL_SUIDGID = 1;
/** fuse_write_in.write_flags. */
export const WRITE_KILL_SUIDGID = 4;
/** fuse_setxattr_in.setxattr_flags. */
export const SETXATTR_ACL_KILL_SGID = 1;
/** fuse_fsync_in.fsync_flags. */
export const FSYNC_FDATASYNC = 1;
/** fuse_open_out.open_flags: what the kernel has cached of the file stays valid. */
export const FOPEN_KEEP_CACHE = 2;
/** fuse_open_out.open_flags: no FLUSH when a descriptor is closed. */
export const FOPEN_NOFLUSH = 32;
