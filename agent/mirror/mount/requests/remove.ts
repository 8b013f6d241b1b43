import {
  AT_REMOVEDIR,
  ErrnoError,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  RENAME_WHITEOUT,
  S_IFDIR,
  S_IFMT,
  S_ISGID,
  chownat,
  errnos,
  must,
  renameat2,
  unlinkat,
} from '../../../platform/libc.ts';
import type { MountContext } from '../context.ts';
import { Note } from '../journal.ts';
import type { FuseNode } from '../nodes.ts';
import { Op } from '../protocol.ts';

/** The inode number of a name; throws as stat(2) does. */
function inoOf(context: MountContext, node: FuseNode | undefined, path: string): number {
  if (node !== undefined) return node.ino;
  const stat = context.files.tryStat(path);
  if (typeof stat !== 'number') return stat.ino;
  return must(stat, 'statx', path);
}

function remove(context: MountContext, kind: 'unlink' | 'rmdir'): void {
  const { channel, files, nodes } = context;
  const parent = context.node();
  const name = channel.name(0);
  const path = files.childPath(parent, name);
  const node = nodes.child(parent, name);
  const ino = inoOf(context, node, path);
  const keep = context.holdBeforeRemoval(node, path);
  context.about(Note.removing, [parent.id], [name, path]);
  try {
    context.apply({ kind, ino, path }, () => unlinkat(files.backingFd, path, kind === 'rmdir' ? AT_REMOVEDIR : 0));
  } catch (error) {
    keep();
    throw error;
  }
  nodes.unlink(parent, name);
  context.finish(0);
  if (kind === 'unlink') context.releaseIfUnreachable(node, ino);
}

/** UNLINK. */
export const unlink = (context: MountContext): void => remove(context, 'unlink');

/** RMDIR. */
export const rmdir = (context: MountContext): void => remove(context, 'rmdir');

/** What a rename to `path` replaces, null when nothing is there. */
function replacedBy(context: MountContext, node: FuseNode | undefined, path: string) {
  if (node !== undefined) return { node, ino: node.ino, isFile: !node.isDirectory };
  const stat = context.files.tryStat(path);
  if (typeof stat === 'number') return null;
  return { node: undefined, ino: stat.ino, isFile: (stat.mode & S_IFMT) !== S_IFDIR };
}

/** The whiteout that a rename leaves belongs to the caller, as everything that a caller makes: in a sticky directory nobody else may remove it. */
function giveWhiteout(context: MountContext, parent: FuseNode, path: string): void {
  const stat = context.files.tryStat(path);
  const { uid } = context.channel;
  // In a directory with the set-gid bit the group was inherited and stays.
  const inheritsGroup = (context.files.stat(parent).mode & S_ISGID) !== 0;
  const gid = inheritsGroup || typeof stat === 'number' ? null : context.channel.gid;
  if (typeof stat === 'number' || (stat.uid === uid && (gid === null || stat.gid === gid))) return;
  context.apply({ kind: 'chown', file: { ino: stat.ino, path }, uid, gid }, () =>
    chownat(context.files.backingFd, path, uid, gid),
  );
}

/** RENAME and RENAME2. */
export function rename(context: MountContext): void {
  const { channel, files, nodes } = context;
  const fromParent = context.node();
  const toParent = context.node(channel.u64(0));
  const long = channel.opcode === Op.RENAME2;
  const flags = long ? channel.u32(2) : 0;
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) !== 0) {
    throw new ErrnoError(errnos.EINVAL, 'rename');
  }
  const fromName = channel.name(long ? 16 : 8);
  const toName = channel.name((long ? 16 : 8) + fromName.length + 1);
  const from = files.childPath(fromParent, fromName);
  const to = files.childPath(toParent, toName);
  const node = nodes.child(fromParent, fromName);
  const ino = inoOf(context, node, from);
  const exchange = (flags & RENAME_EXCHANGE) !== 0;
  const target = exchange ? null : replacedBy(context, nodes.child(toParent, toName), to);
  const keep = target === null ? null : context.holdBeforeRemoval(target.node, to);
  if (context.journal) {
    const there = files.tryStat(to);
    const replaced = typeof there === 'number' ? 0 : there.ino;
    context.about(Note.renaming, [fromParent.id, toParent.id, flags, ino, replaced], [fromName, toName, from, to]);
  }
  try {
    context.apply({ kind: 'rename', ino, from, to, flags }, () =>
      renameat2(files.backingFd, from, files.backingFd, to, flags),
    );
  } catch (error) {
    keep?.();
    throw error;
  }
  if (exchange) nodes.exchange(fromParent, fromName, toParent, toName);
  else nodes.rename(fromParent, fromName, toParent, toName);
  if ((flags & RENAME_WHITEOUT) !== 0) giveWhiteout(context, fromParent, from);
  context.finish(0);
  if (target !== null && target.isFile && target.ino !== ino) context.releaseIfUnreachable(target.node, target.ino);
}
