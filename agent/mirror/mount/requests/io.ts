import {
  errnos,
  fdatasync,
  fsync as fsyncFd,
  must,
  setFlag,
  tryLseek,
  tryPread,
  tryPwrite,
  tryPwriteCached,
  O_DIRECT,
} from '../../../platform/libc.ts';
import type { MountContext } from '../context.ts';
import type { Handle } from '../handles.ts';
import { errnoAfter } from '../localIo.ts';
import type { FuseNode } from '../nodes.ts';
import { FSYNC_FDATASYNC, MAX_IO, WRITE_KILL_SUIDGID } from '../protocol.ts';
import { clearSetId, killsSetId } from './attributes.ts';

/** A handle whose holder has turned O_DIRECT on or off since it was opened (fcntl(2)) follows suit. `flags` are those of the request. */
function followDirect(handle: Handle, flags: number): void {
  if (!handle.keepsDirect || ((flags & O_DIRECT) !== 0) === handle.direct) return;
  handle.direct = !handle.direct;
  setFlag(handle.fd, O_DIRECT, handle.direct);
}

/** READ. */
export function read(context: MountContext): void {
  const { channel } = context;
  const handle = context.handles.get(channel.u64(0));
  const { fd } = handle;
  followDirect(handle, channel.u32(8));
  const offset = channel.u64(2);
  const size = Math.min(channel.u32(4), MAX_IO);
  const { coldReads, localIo } = context;
  if (handle.direct && localIo?.read(handle, offset, size) === true) return;
  if (coldReads !== null) {
    // Direct I/O below never finds anything in the cache.
    const cached = handle.direct ? null : coldReads.readCached(fd, offset, size);
    if (cached !== null) return channel.answer(cached);
    const here = coldReads.readHere(fd, offset, size);
    if (here !== null) return here < 0 ? channel.answer(0, -here) : channel.answer(here);
    if (coldReads.submit(fd, offset, size, channel.uniqueLow, channel.uniqueHigh)) return;
  }
  const got = tryPread(fd, channel.replyBody, offset, size);
  if (got < 0) channel.answer(0, -got);
  else channel.answer(got);
}

/** WRITE: what was written is what is replicated, even when it is less than asked. */
export function write(context: MountContext): void {
  const { channel } = context;
  const handle = context.handles.get(channel.u64(0));
  const { fd, node } = handle;
  followDirect(handle, channel.u32(8));
  const offset = channel.u64(2);
  const data = channel.data(40, channel.u32(4));
  if (killsSetId(context, (channel.u32(5) & WRITE_KILL_SUIDGID) !== 0)) clearSetId(context, node);
  const { localIo } = context;
  if (localIo !== null) {
    localIo.waitFor(node, offset, offset + data.byteLength);
    // A write to the page cache is done before the disk would have been asked.
    const beside = handle.direct && data.byteLength > 0 && context.untouched && context.isReplicated(node);
    if (beside) return localIo.write(handle, offset, data);
  }
  let written = 0;
  let refused = 0;
  // The writer's way to us, whatever ours to the disk is.
  const viaDirect = (channel.u32(8) & O_DIRECT) !== 0;
  context.applyTo(
    node,
    (file) => ({ kind: 'write', file, offset, data }),
    () => {
      const first = (handle.direct ? tryPwrite : tryPwriteCached)(fd, data, offset);
      if (handle.direct && first < 0) refused = -first;
      else written = must(first, 'pwrite');
      // The kernel turns a short answer to direct I/O into EIO: what keeps the rest from being written is the better answer.
      while (viaDirect && refused === 0 && written > 0 && written < data.byteLength) {
        const more = tryPwrite(fd, data.subarray(written), offset + written);
        if (more > 0) written += more;
        else refused = more === 0 ? errnos.ENOSPC : -more;
      }
      if (written === data.byteLength) return undefined;
      return { kind: 'write', file: context.nodes.ref(node), offset, data: data.subarray(0, written) };
    },
  );
  if (refused !== 0) {
    // The disk may have taken a part of what it has refused.
    if (handle.direct) context.repair(node, offset + written, data.byteLength - written);
    return context.fail(refused);
  }
  channel.put32(0, written);
  channel.put32(1, 0);
  context.finish(8);
}

/** LSEEK: the kernel asks for holes and data only, the rest it knows itself. */
export function lseek(context: MountContext): void {
  const { channel } = context;
  const { fd } = context.handles.get(channel.u64(0));
  const position = tryLseek(fd, channel.u64(2), channel.u32(4));
  if (position < 0) return channel.answer(0, -position);
  channel.put64(0, position);
  channel.answer(8);
}

/** Answers when a file, or everything, is durable on both sides. */
function flush(context: MountContext, node: FuseNode, datasync: boolean, local: () => void): void {
  const bytes = context.channel.seal(0);
  const begun = context.sink.beginFlush(context.nodes.ref(node), datasync, { bytes });
  context.sink.finish(begun, errnoAfter(local), []);
}

/** FSYNC and FSYNCDIR. */
export function fsync(context: MountContext): void {
  const { channel } = context;
  const handle = context.handles.get(channel.u64(0));
  const { fd, node } = handle;
  const datasync = (channel.u32(2) & FSYNC_FDATASYNC) !== 0;
  const local = () => (datasync ? fdatasync(fd) : fsyncFd(fd));
  if (!context.isReplicated(node)) {
    local();
    channel.answer(0);
  } else if (context.localIo === null) flush(context, node, datasync, local);
  else context.localIo.flush(handle, datasync);
}

/** SYNCFS: everything at once. */
export function syncfs(context: MountContext): void {
  const { nodes, files } = context;
  flush(context, nodes.root, false, () => files.sync());
}
