import {
  ErrnoError,
  S_IFREG,
  S_ISGID,
  S_ISUID,
  S_IXGRP,
  errnoOf,
  errnos,
  fallocate as fallocateFd,
  fstat,
  timeNs,
} from '../../../platform/libc.ts';
import type { NewTime } from '../../../platform/libc.ts';
import type { MountContext } from '../context.ts';
import { Note } from '../journal.ts';
import type { FuseNode } from '../nodes.ts';
import { ATTR_OUT_SIZE, GETATTR_FH, SetAttr } from '../protocol.ts';

/** FALLOC_FL_COLLAPSE_RANGE and FALLOC_FL_INSERT_RANGE. */
const COLLAPSE_OR_INSERT = 8 | 32;
/** FALLOC_FL_PUNCH_HOLE and FALLOC_FL_ZERO_RANGE. */
const PUNCH_OR_ZERO = 2 | 16;
/** What a file system refuses before it has changed anything. */
const REFUSALS: readonly number[] = [errnos.EOPNOTSUPP, errnos.EINVAL, errnos.EPERM, errnos.EFBIG, errnos.ENODEV];

/** GETATTR. */
export function getattr(context: MountContext): void {
  const { channel } = context;
  const stat =
    (channel.u32(0) & GETATTR_FH) !== 0
      ? fstat(context.handles.get(channel.u64(2)).fd)
      : context.files.stat(context.node());
  channel.putAttrOut(stat, context.options.validSeconds);
  channel.answer(ATTR_OUT_SIZE);
}

/**
 * The mode that a write leaves: without set-uid; without set-gid where the group may execute or the caller is not of the group. The caller's
 * further groups are not told to us: those lose the bit, too, which errs on the safe side.
 */
function withoutSetId(mode: number, ofGroup: boolean): number {
  const withoutUid = mode & ~S_ISUID;
  return (mode & S_IXGRP) !== 0 || !ofGroup ? withoutUid & ~S_ISGID : withoutUid;
}

/** Clears set-id bits before someone who may not keep them changes the content of a file. */
export function clearSetId(context: MountContext, node: FuseNode): void {
  if (!node.maySetId) return;
  const stat = context.files.stat(node);
  const mode = stat.mode & 0o7777;
  const cleared = withoutSetId(mode, context.channel.gid === stat.gid);
  if (node.type === S_IFREG && cleared !== mode) {
    context.applyTo(
      node,
      (file) => ({ kind: 'chmod', file, mode: cleared }),
      () => context.files.chmod(node, cleared),
    );
  }
  node.maySetId = (cleared & (S_ISUID | S_ISGID)) !== 0;
}

/** Changes the size of a file, with what follows from it. `fd`: a descriptor that is open for writing, if there is one. */
export function truncate(context: MountContext, node: FuseNode, size: number, killSetId: boolean, fd?: number): void {
  if (node.isDirectory) throw new ErrnoError(errnos.EISDIR, 'truncate');
  context.localIo?.waitFor(node);
  if (killSetId) clearSetId(context, node);
  context.applyTo(
    node,
    (file) => ({ kind: 'truncate', file, size }),
    () => context.files.truncate(node, size, fd),
  );
}

/** Whether the caller's change of content clears set-id bits: the kernel says so, or an older one leaves it to us. */
export function killsSetId(context: MountContext, flagged: boolean): boolean {
  return context.killPrivV2 ? flagged : context.channel.uid !== 0;
}

/** chown(2) clears set-id bits on either replica in the same way: there is nothing to replicate beside it. */
function changeOwner(context: MountContext, node: FuseNode, uid: number | null, gid: number | null): void {
  context.applyTo(
    node,
    (file) => ({ kind: 'chown', file, uid, gid }),
    () => context.files.chown(node, uid, gid),
  );
}

function changeTimes(context: MountContext, node: FuseNode, atime: NewTime, mtime: NewTime): void {
  const known = (time: NewTime): bigint | null => (time === 'now' ? 0n : time);
  context.applyTo(
    node,
    (file) => ({ kind: 'utimens', file, atime: known(atime), mtime: known(mtime) }),
    () => {
      context.files.setTimes(node, atime, mtime);
      if (atime !== 'now' && mtime !== 'now') return;
      // What "now" was is read back, so that both replicas hold the same.
      const stat = context.files.stat(node);
      return {
        kind: 'utimens',
        file: context.nodes.ref(node),
        atime: atime === 'now' ? timeNs(stat.atimeSec, stat.atimeNsec) : atime,
        mtime: mtime === 'now' ? timeNs(stat.mtimeSec, stat.mtimeNsec) : mtime,
      };
    },
  );
}

/** SETATTR: owner before mode, because a change of owner clears set-id bits; times last, because a change of size sets them. */
export function setattr(context: MountContext): void {
  const { channel, files } = context;
  const node = context.node();
  const valid = channel.u32(0);
  const has = (bit: number): boolean => (valid & bit) !== 0;
  const handle = has(SetAttr.FH) ? context.handles.get(channel.u64(2)) : undefined;
  const size = channel.u64(4);
  const mode = channel.u32(17) & 0o7777;
  const uid = has(SetAttr.UID) ? channel.u32(19) : null;
  const gid = has(SetAttr.GID) ? channel.u32(20) : null;
  const time = (set: number, now: number, seconds: number, nanoseconds: number): NewTime => {
    if (has(now)) return 'now';
    return has(set) ? timeNs(channel.s64(seconds), channel.u32(nanoseconds)) : null;
  };
  const atime = time(SetAttr.ATIME, SetAttr.ATIME_NOW, 8, 14);
  const mtime = time(SetAttr.MTIME, SetAttr.MTIME_NOW, 10, 15);

  if (uid !== null || gid !== null) changeOwner(context, node, uid, gid);
  if (has(SetAttr.MODE)) {
    context.applyTo(
      node,
      (file) => ({ kind: 'chmod', file, mode }),
      () => files.chmod(node, mode),
    );
    node.maySetId = true;
  }
  if (has(SetAttr.SIZE)) {
    const kills = killsSetId(context, has(SetAttr.KILL_SUIDGID));
    truncate(context, node, size, kills, handle?.writable === true ? handle.fd : undefined);
  }
  if (atime !== null || mtime !== null) changeTimes(context, node, atime, mtime);

  channel.putAttrOut(files.stat(node), context.options.validSeconds);
  context.finish(ATTR_OUT_SIZE);
}

/** FALLOCATE, in every mode that the file system below takes. */
export function fallocate(context: MountContext): void {
  const { channel } = context;
  const { node, fd } = context.handles.get(channel.u64(0));
  const [offset, length, mode] = [channel.u64(2), channel.u64(4), channel.u32(6)];
  context.localIo?.waitFor(node);
  // The kernel does not flag these as it does writes and truncations; root is the caller that may keep the bits.
  if (channel.uid !== 0) clearSetId(context, node);
  const before = fstat(fd).size;
  if ((mode & COLLAPSE_OR_INSERT) !== 0) context.about(Note.resizing, [node.id, before], []);
  try {
    context.applyTo(
      node,
      (file) => ({ kind: 'fallocate', file, mode, offset, length }),
      () => fallocateFd(fd, mode, offset, length),
    );
  } catch (error) {
    // A full disk may leave a file that has grown a part of the way, or a range that was cleared before it was to be allocated anew.
    const { size } = fstat(fd);
    const refused = REFUSALS.includes(errnoOf(error) ?? 0);
    if ((mode & PUNCH_OR_ZERO) !== 0 && !refused) context.repair(node, offset, length);
    else if (size !== before) {
      context.applyTo(
        node,
        (file) => ({ kind: 'truncate', file, size }),
        () => undefined,
      );
    }
    throw error;
  }
  context.finish(0);
}
