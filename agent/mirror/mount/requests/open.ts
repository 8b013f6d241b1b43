import {
  O_ACCMODE,
  O_APPEND,
  O_CREAT,
  O_DIRECT,
  O_DIRECTORY,
  O_DSYNC,
  O_EXCL,
  O_NOATIME,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_SYNC,
  O_TRUNC,
  S_IFREG,
  ErrnoError,
  errnos,
} from '../../../platform/libc.ts';
import type { MountContext } from '../context.ts';
import type { Handle } from '../handles.ts';
import type { FuseNode } from '../nodes.ts';
import { FOPEN_KEEP_CACHE, FOPEN_NOFLUSH, OPEN_KILL_SUIDGID, OPEN_OUT_SIZE } from '../protocol.ts';
import { killsSetId, truncate } from './attributes.ts';

/**
 * How the file below is opened. Truncation is a change of its own; the kernel turns O_APPEND into offsets and O_SYNC into FSYNC requests; and
 * we read without touching access times, since nobody but us reads these files.
 */
export function localFlags(context: MountContext, flags: number): number {
  const dropped = O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_SYNC | O_DSYNC | O_NOCTTY | O_NOFOLLOW | O_DIRECTORY;
  const kept = flags & ~dropped & ~(context.options.keepDirect ? 0 : O_DIRECT);
  return kept | O_NOATIME | O_NONBLOCK;
}

/** What becomes of direct I/O through a file that is opened with these flags. */
export function directness({ options }: MountContext, flags: number): Pick<Handle, 'keepsDirect' | 'direct'> {
  const { keepDirect: keepsDirect } = options;
  return { keepsDirect, direct: keepsDirect && (flags & O_DIRECT) !== 0 };
}

/** Puts fuse_open_out at the word `index`. */
export function putOpenOut(context: MountContext, index: number, handle: number, node: FuseNode): void {
  const { channel } = context;
  channel.put64(index, handle);
  channel.put32(index + 2, node.isDirectory ? 0 : FOPEN_KEEP_CACHE | FOPEN_NOFLUSH);
  channel.put32(index + 3, 0);
}

/** OPEN. With O_TRUNC (ATOMIC_O_TRUNC) it is a change, too. */
export function open(context: MountContext): void {
  const { channel } = context;
  const node = context.node();
  const flags = channel.u32(0);
  const killSetId = killsSetId(context, (channel.u32(1) & OPEN_KILL_SUIDGID) !== 0);
  if (node.type !== S_IFREG) throw new ErrnoError(errnos.ENXIO, 'open');
  const fd = context.files.open(node, localFlags(context, flags));
  const writable = (flags & O_ACCMODE) !== O_RDONLY;
  const handle = context.handles.add({ fd, node, writable, ...directness(context, flags), entries: null });
  try {
    if ((flags & O_TRUNC) !== 0) truncate(context, node, 0, killSetId, writable ? fd : undefined);
  } catch (error) {
    context.handles.remove(handle);
    throw error;
  }
  context.keepOpened(node);
  putOpenOut(context, 0, handle, node);
  context.finish(OPEN_OUT_SIZE);
}

/** RELEASE: a handle is closed. */
export function release(context: MountContext): void {
  const { node } = context.handles.remove(context.channel.u64(0));
  context.channel.answer(0);
  if (node.openFds.length === 0) context.sink.released(node.ino);
}

/** OPENDIR. */
export function opendir(context: MountContext): void {
  const node = context.node();
  const fd = context.files.open(node, O_RDONLY | O_DIRECTORY | O_NOATIME);
  const handle = context.handles.add({ fd, node, writable: false, keepsDirect: false, direct: false, entries: null });
  putOpenOut(context, 0, handle, node);
  context.channel.answer(OPEN_OUT_SIZE);
}

/** RELEASEDIR. */
export function releasedir(context: MountContext): void {
  context.handles.remove(context.channel.u64(0));
  context.channel.answer(0);
}
