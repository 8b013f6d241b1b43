import type { MountContext } from '../context.ts';
import { Op } from '../protocol.ts';
import { fallocate, getattr, setattr } from './attributes.ts';
import { create, link, mkdir, mknod, symlink, tmpfile } from './create.ts';
import { readdir } from './directories.ts';
import { init, statfs } from './init.ts';
import { fsync, lseek, read, syncfs, write } from './io.ts';
import { batchForget, forget, lookup, readlink } from './names.ts';
import { open, opendir, release, releasedir } from './open.ts';
import { rename, rmdir, unlink } from './remove.ts';
import { getxattr, listxattr, removexattr, setxattr } from './xattrs.ts';

/** Answers one request; throws an ErrnoError to have it refused. */
export type Handler = (context: MountContext) => void;

const noReply: Handler = () => undefined;

/** The handler of each request by its number. What is not here is answered with ENOSYS, which the kernel remembers. */
export const handlers: readonly (Handler | undefined)[] = (() => {
  const table: (Handler | undefined)[] = [];
  table[Op.INIT] = init;
  table[Op.DESTROY] = (context) => context.channel.answer(0);
  table[Op.INTERRUPT] = noReply;
  table[Op.NOTIFY_REPLY] = noReply;
  table[Op.LOOKUP] = lookup;
  table[Op.FORGET] = forget;
  table[Op.BATCH_FORGET] = batchForget;
  table[Op.READLINK] = readlink;
  table[Op.GETATTR] = getattr;
  table[Op.SETATTR] = setattr;
  table[Op.CREATE] = create;
  table[Op.TMPFILE] = tmpfile;
  table[Op.MKNOD] = mknod;
  table[Op.MKDIR] = mkdir;
  table[Op.SYMLINK] = symlink;
  table[Op.LINK] = link;
  table[Op.UNLINK] = unlink;
  table[Op.RMDIR] = rmdir;
  table[Op.RENAME] = rename;
  table[Op.RENAME2] = rename;
  table[Op.OPEN] = open;
  table[Op.RELEASE] = release;
  table[Op.READ] = read;
  table[Op.WRITE] = write;
  table[Op.LSEEK] = lseek;
  table[Op.FALLOCATE] = fallocate;
  table[Op.FSYNC] = fsync;
  table[Op.FSYNCDIR] = fsync;
  table[Op.SYNCFS] = syncfs;
  table[Op.OPENDIR] = opendir;
  table[Op.RELEASEDIR] = releasedir;
  table[Op.READDIR] = readdir;
  table[Op.READDIRPLUS] = readdir;
  table[Op.STATFS] = statfs;
  table[Op.SETXATTR] = setxattr;
  table[Op.GETXATTR] = getxattr;
  table[Op.LISTXATTR] = listxattr;
  table[Op.REMOVEXATTR] = removexattr;
  return table;
})();
