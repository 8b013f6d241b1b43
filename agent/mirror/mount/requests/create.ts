import {
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  ErrnoError,
  O_ACCMODE,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_TMPFILE,
  O_TRUNC,
  S_IFMT,
  S_IFREG,
  S_ISGID,
  S_ISUID,
  chmodat,
  chownat,
  close,
  errnos,
  fchmod,
  fchown,
  fstat,
  linkat,
  mkdirat,
  mknodat,
  openat,
  statat,
  symlinkat,
  tryGetxattrat,
  tryOpenat,
  tryUnlinkat,
} from '../../../platform/libc.ts';
import type { FileStat } from '../../../platform/libc.ts';
import type { MountContext } from '../context.ts';
import type { FuseNode } from '../nodes.ts';
import { ENTRY_SIZE, OPEN_KILL_SUIDGID, OPEN_OUT_SIZE } from '../protocol.ts';
import { killsSetId, truncate } from './attributes.ts';
import { directness, localFlags, putOpenOut } from './open.ts';

const none = new Uint8Array(0);

/** The mode of a new file: a default ACL of the directory takes the place of the umask (acl(5)), which is why the kernel leaves it to us. */
function newMode(context: MountContext, parent: FuseNode, mode: number, umask: number): number {
  if (umask === 0) return mode;
  if (parent.hasDefaultAcl === null) {
    const place = context.files.place(parent);
    parent.hasDefaultAcl = tryGetxattrat(place.dirFd, place.path, 'system.posix_acl_default', none) >= 0;
  }
  return parent.hasDefaultAcl ? mode : mode & ~umask;
}

/**
 * Gives a file that we made to the one who asked for it. In a directory with the set-gid bit the group was inherited and stays. Returns the status
 * that the file has then.
 */
function giveToCaller(context: MountContext, parent: FuseNode, path: string): FileStat {
  const { backingFd } = context.files;
  const { uid, gid } = context.channel;
  const made = statat(backingFd, path);
  // We are root, so what root asks for is right already.
  if (uid === 0 && gid === 0) return made;
  const inheritsGroup = (context.files.stat(parent).mode & S_ISGID) !== 0;
  chownat(backingFd, path, uid, inheritsGroup ? null : gid);
  // A change of owner clears set-id bits, which the caller may well have asked for.
  const setId = (made.mode & (S_ISUID | S_ISGID)) !== 0;
  if (setId && (made.mode & S_IFMT) === S_IFREG) chmodat(backingFd, path, made.mode & 0o7777);
  return statat(backingFd, path);
}

/** As {@link giveToCaller}; when it fails, the name that we made is taken away again. */
function giveOrRemove(context: MountContext, parent: FuseNode, path: string, removeFlags = 0): FileStat {
  try {
    return giveToCaller(context, parent, path);
  } catch (error) {
    tryUnlinkat(context.files.backingFd, path, removeFlags);
    throw error;
  }
}

/** Enters the new name and prepares fuse_entry_out. */
function enter(context: MountContext, parent: FuseNode, name: string, stat: FileStat): FuseNode {
  const node = context.nodes.lookup(parent, name, stat);
  context.channel.putEntry(0, node.id, stat, context.options.validSeconds);
  return node;
}

const ownerOf = (stat: FileStat): { ino: number; mode: number; uid: number; gid: number } => ({
  ino: stat.ino,
  mode: stat.mode & 0o7777,
  uid: stat.uid,
  gid: stat.gid,
});

/** Makes a regular file and opens it. */
function createFile(context: MountContext, parent: FuseNode, name: string, mode: number, flags: number) {
  const { channel, files } = context;
  const path = files.childPath(parent, name);
  const open = localFlags(context, flags) | O_CREAT | O_EXCL | O_NOFOLLOW;
  let fd = -1;
  let stat: FileStat | undefined;
  context.aboutToMake(path);
  context.apply({ kind: 'create', ino: 0, path, mode, uid: channel.uid, gid: channel.gid }, () => {
    fd = openat(files.backingFd, path, open, mode);
    try {
      stat = giveOrRemove(context, parent, path);
    } catch (error) {
      close(fd);
      throw error;
    }
    return { kind: 'create', path, ...ownerOf(stat) };
  });
  return { fd, stat: stat as FileStat };
}

/** CREATE: makes and opens a file; one that is there already is opened, unless O_EXCL. */
export function create(context: MountContext): void {
  const { channel, files } = context;
  const parent = context.node();
  const flags = channel.u32(0);
  const killSetId = killsSetId(context, (channel.u32(3) & OPEN_KILL_SUIDGID) !== 0);
  const name = channel.name(16);
  const mode = newMode(context, parent, channel.u32(1) & 0o7777, channel.u32(2));
  const path = files.childPath(parent, name);
  const existing = tryOpenat(files.backingFd, path, localFlags(context, flags) | O_NOFOLLOW);
  if (existing >= 0) {
    if ((flags & O_EXCL) !== 0) {
      close(existing);
      throw new ErrnoError(errnos.EEXIST, 'create', path);
    }
    return openExisting(context, parent, name, existing, flags, killSetId);
  }
  if (existing !== -errnos.ENOENT) {
    throw new ErrnoError((flags & O_EXCL) !== 0 ? errnos.EEXIST : -existing, 'create', path);
  }
  const { fd, stat } = createFile(context, parent, name, mode, flags);
  const node = enter(context, parent, name, stat);
  const handle = context.handles.add({
    fd,
    node,
    writable: (flags & O_ACCMODE) !== 0,
    ...directness(context, flags),
    entries: null,
  });
  putOpenOut(context, ENTRY_SIZE >> 2, handle, node);
  context.finish(ENTRY_SIZE + OPEN_OUT_SIZE);
}

function openExisting(
  context: MountContext,
  parent: FuseNode,
  name: string,
  fd: number,
  flags: number,
  killSetId: boolean,
): void {
  const writable = (flags & O_ACCMODE) !== 0;
  const node = enter(context, parent, name, statat(fd, ''));
  const handle = context.handles.add({ fd, node, writable, ...directness(context, flags), entries: null });
  try {
    if ((flags & O_TRUNC) !== 0) truncate(context, node, 0, killSetId, writable ? fd : undefined);
  } catch (error) {
    context.handles.remove(handle);
    context.nodes.forget(node.id, 1); // the kernel learns nothing of it
    throw error;
  }
  context.channel.putEntry(0, node.id, statat(fd, ''), context.options.validSeconds);
  putOpenOut(context, ENTRY_SIZE >> 2, handle, node);
  context.finish(ENTRY_SIZE + OPEN_OUT_SIZE);
}

/** MKNOD: a fifo, a socket, a device, or a regular file that is not opened. */
export function mknod(context: MountContext): void {
  const { channel, files } = context;
  const parent = context.node();
  const asked = channel.u32(0);
  const rdev = channel.u32(1);
  const name = channel.name(16);
  const mode = newMode(context, parent, asked & 0o7777, channel.u32(2));
  const type = asked & S_IFMT;
  if (type === S_IFREG || type === 0) {
    const { fd, stat } = createFile(context, parent, name, mode, 1);
    close(fd);
    enter(context, parent, name, stat);
    return context.finish(ENTRY_SIZE);
  }
  const path = files.childPath(parent, name);
  const { uid, gid } = channel;
  context.aboutToMake(path);
  context.apply({ kind: 'mknod', ino: 0, path, mode: type | mode, rdev, uid, gid }, () => {
    mknodat(files.backingFd, path, type | mode, rdev);
    const stat = giveOrRemove(context, parent, path);
    enter(context, parent, name, stat);
    return { kind: 'mknod', path, rdev, ...ownerOf(stat), mode: stat.mode };
  });
  context.finish(ENTRY_SIZE);
}

/** MKDIR. */
export function mkdir(context: MountContext): void {
  const { channel, files } = context;
  const parent = context.node();
  const name = channel.name(8);
  const mode = newMode(context, parent, channel.u32(0) & 0o7777, channel.u32(1));
  const path = files.childPath(parent, name);
  const { uid, gid } = channel;
  context.aboutToMake(path);
  context.apply({ kind: 'mkdir', ino: 0, path, mode, uid, gid }, () => {
    mkdirat(files.backingFd, path, mode);
    const stat = giveOrRemove(context, parent, path, AT_REMOVEDIR);
    enter(context, parent, name, stat);
    return { kind: 'mkdir', path, ...ownerOf(stat) };
  });
  context.finish(ENTRY_SIZE);
}

/** SYMLINK. */
export function symlink(context: MountContext): void {
  const { channel, files } = context;
  const parent = context.node();
  const name = channel.name(0);
  const target = channel.name(name.length + 1);
  const path = files.childPath(parent, name);
  const { uid, gid } = channel;
  context.aboutToMake(path);
  context.apply({ kind: 'symlink', ino: 0, path, target, uid, gid }, () => {
    symlinkat(target, files.backingFd, path);
    const stat = giveOrRemove(context, parent, path);
    enter(context, parent, name, stat);
    return { kind: 'symlink', ino: stat.ino, path, target, uid: stat.uid, gid: stat.gid };
  });
  context.finish(ENTRY_SIZE);
}

/**
 * TMPFILE: makes and opens a file without a name. No replica but this one has it until it gets a name, since nobody could find it after a
 * failover.
 */
export function tmpfile(context: MountContext): void {
  const { channel, files } = context;
  const parent = context.node();
  const flags = channel.u32(0);
  const mode = newMode(context, parent, channel.u32(1) & 0o7777, channel.u32(2));
  const fd = files.open(parent, localFlags(context, flags) | O_TMPFILE | (flags & O_EXCL), mode);
  let stat: FileStat;
  let held: number;
  try {
    const made = fstat(fd);
    const inheritsGroup = (files.stat(parent).mode & S_ISGID) !== 0;
    fchown(fd, channel.uid, inheritsGroup ? null : channel.gid);
    // A change of owner clears set-id bits.
    fchmod(fd, made.mode & 0o7777);
    stat = fstat(fd);
    held = openat(AT_FDCWD, `/proc/self/fd/${fd}`, O_PATH);
  } catch (error) {
    close(fd);
    throw error;
  }
  const node = context.nodes.lookupNameless(stat, held);
  channel.putEntry(0, node.id, stat, context.options.validSeconds);
  const writable = (flags & O_ACCMODE) !== 0;
  const handle = context.handles.add({ fd, node, writable, ...directness(context, flags), entries: null });
  context.keepOpened(node);
  putOpenOut(context, ENTRY_SIZE >> 2, handle, node);
  channel.answer(ENTRY_SIZE + OPEN_OUT_SIZE);
}

/** LINK. */
export function link(context: MountContext): void {
  const { channel, files, nodes } = context;
  const parent = context.node();
  const node = context.node(channel.u64(0));
  const name = channel.name(8);
  const path = files.childPath(parent, name);
  // Also of a file that has no name yet. One that has none any more the kernel refuses by itself.
  const file = context.isReplicated(node) ? nodes.ref(node) : { ino: node.ino, path: null };
  context.aboutToMake(path);
  context.apply({ kind: 'link', file, path }, () => {
    const place = files.place(node);
    linkat(place.dirFd, place.path, files.backingFd, path, place.heldFd === -1 ? 0 : AT_SYMLINK_FOLLOW);
  });
  enter(context, parent, name, statat(files.backingFd, path));
  context.finish(ENTRY_SIZE);
}
