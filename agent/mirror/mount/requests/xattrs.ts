import {
  S_ISGID,
  errnos,
  listxattrat,
  removexattrat,
  setxattrat,
  tryGetxattrat,
  tryListxattrat,
} from '../../../platform/libc.ts';
import type { MountContext } from '../context.ts';
import { Note } from '../journal.ts';
import type { FuseNode } from '../nodes.ts';
import { SETXATTR_ACL_KILL_SGID } from '../protocol.ts';

const XATTR_CREATE = 1;
const none = new Uint8Array(0);

/** Where the attributes of a node are: the calls take '' for the file behind a descriptor. */
function whereIs(context: MountContext, node: FuseNode): readonly [dirFd: number, path: string] {
  const place = context.files.place(node);
  return place.heldFd === -1 ? [place.dirFd, place.path] : [place.heldFd, ''];
}

export function hasXattr(context: MountContext, node: FuseNode, name: string): boolean {
  return tryGetxattrat(...whereIs(context, node), name, none) >= 0;
}

/** An ACL is more than an attribute: it changes the mode, and how new files get theirs. */
function noteChange(node: FuseNode, name: string): void {
  if (name === 'system.posix_acl_default') node.hasDefaultAcl = null;
  if (name === 'system.posix_acl_access') node.maySetId = true;
}

/** SETXATTR. */
export function setxattr(context: MountContext): void {
  const { channel, files } = context;
  const node = context.node();
  const size = channel.u32(0);
  const flags = channel.u32(1);
  const long = context.setxattrExt;
  const killSgid = long && (channel.u32(2) & SETXATTR_ACL_KILL_SGID) !== 0;
  const nameAt = long ? 16 : 8;
  const name = channel.name(nameAt);
  // A copy: nothing else of a request outlives it, and values are small.
  const value = Uint8Array.from(channel.data(nameAt + name.length + 1, size));
  // Only one that must not be there before cannot be done twice.
  if ((flags & XATTR_CREATE) !== 0 && context.journal && !hasXattr(context, node, name)) {
    context.about(Note.settingXattr, [node.id], [name]);
  }
  context.applyTo(
    node,
    (file) => ({ kind: 'setxattr', file, name, value, flags }),
    () => setxattrat(...whereIs(context, node), name, value, flags),
  );
  noteChange(node, name);
  if (killSgid) {
    const mode = files.stat(node).mode & 0o7777 & ~S_ISGID;
    context.applyTo(
      node,
      (file) => ({ kind: 'chmod', file, mode }),
      () => files.chmod(node, mode),
    );
  }
  context.finish(0);
}

/** REMOVEXATTR. */
export function removexattr(context: MountContext): void {
  const { channel } = context;
  const node = context.node();
  const name = channel.name(0);
  if (context.journal && hasXattr(context, node, name)) context.about(Note.removingXattr, [node.id], [name]);
  context.applyTo(
    node,
    (file) => ({ kind: 'removexattr', file, name }),
    () => removexattrat(...whereIs(context, node), name),
  );
  noteChange(node, name);
  context.finish(0);
}

/** Answers GETXATTR and LISTXATTR: asked for no bytes they want to know how many there are. */
function answer(context: MountContext, asked: number, result: number): void {
  const { channel } = context;
  if (result < 0) return channel.answer(0, -result);
  if (asked !== 0) return channel.answer(result);
  channel.put32(0, result);
  channel.put32(1, 0);
  channel.answer(8);
}

/** GETXATTR. */
export function getxattr(context: MountContext): void {
  const { channel } = context;
  const asked = channel.u32(0);
  const target = asked === 0 ? none : channel.replyBody.subarray(0, asked);
  answer(context, asked, tryGetxattrat(...whereIs(context, context.node()), channel.name(8), target));
}

/** LISTXATTR. Names in `trusted.` are for root's eyes (xattr(7)). */
export function listxattr(context: MountContext): void {
  const { channel } = context;
  const asked = channel.u32(0);
  if (channel.uid === 0) {
    const target = asked === 0 ? none : channel.replyBody.subarray(0, asked);
    return answer(context, asked, tryListxattrat(...whereIs(context, context.node()), target));
  }
  const names = listxattrat(...whereIs(context, context.node())).filter((name) => !name.startsWith('trusted.'));
  const list = names.map((name) => `${name}\0`).join('');
  if (asked !== 0 && list.length > asked) return channel.answer(0, errnos.ERANGE);
  channel.replyBody.write(list, 0, 'latin1');
  answer(context, asked, list.length);
}
