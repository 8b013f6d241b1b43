import { ErrnoError, S_IFLNK, errnos, readlinkat } from '../../../platform/libc.ts';
import type { FileStat } from '../../../platform/libc.ts';
import type { MountContext } from '../context.ts';
import type { FuseNode } from '../nodes.ts';
import { ENTRY_SIZE } from '../protocol.ts';

/** Refuses what lies on another file system: its inode numbers are not ours, and it is not part of the mirror. */
function refuseForeign(context: MountContext, parent: FuseNode, path: string, stat: FileStat): void {
  if (!context.isForeign(parent, stat)) return;
  context.options.log(`'${path}' is on another file system or of another directory, and not part of the mirror`);
  throw new ErrnoError(errnos.EXDEV, 'lookup', path);
}

/** LOOKUP: which file has this name. */
export function lookup(context: MountContext): void {
  const { channel, nodes, files } = context;
  const parent = context.node();
  const name = channel.name(0);
  const path = files.childPath(parent, name);
  const stat = files.tryStat(path);
  const valid = context.options.validSeconds;
  if (typeof stat === 'number') {
    if (stat !== -errnos.ENOENT) return channel.answer(0, -stat);
    // Node id 0 lets the kernel remember that there is no such name.
    channel.clear(0, ENTRY_SIZE >> 2);
    channel.put64(4, valid);
    return channel.answer(ENTRY_SIZE);
  }
  refuseForeign(context, parent, path, stat);
  channel.putEntry(0, nodes.lookup(parent, name, stat).id, stat, valid);
  channel.answer(ENTRY_SIZE);
}

/** FORGET; has no reply. */
export function forget(context: MountContext): void {
  context.nodes.forget(context.channel.nodeId, context.channel.u64(0));
}

/** BATCH_FORGET; has no reply. */
export function batchForget(context: MountContext): void {
  const { channel, nodes } = context;
  const count = channel.u32(0);
  for (let index = 0; index < count; index++) nodes.forget(channel.u64(2 + index * 4), channel.u64(4 + index * 4));
}

/** READLINK. */
export function readlink(context: MountContext): void {
  const { channel, files } = context;
  const node = context.node();
  if (node.type !== S_IFLNK) throw new ErrnoError(errnos.EINVAL, 'readlink');
  const place = files.place(node);
  const target = place.heldFd === -1 ? readlinkat(place.dirFd, place.path) : readlinkat(place.heldFd, '');
  channel.replyBody.write(target, 0, 'latin1');
  channel.answer(target.length);
}
