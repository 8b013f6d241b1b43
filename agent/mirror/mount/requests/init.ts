import type { MountContext } from '../context.ts';
import { Note } from '../journal.ts';
import { FUSE_MAJOR, FUSE_MINOR, INIT2_HAS_RESEND, Init, MAX_IO } from '../protocol.ts';

const MAX_BACKGROUND = 256;
const PAGE = 4096;

/**
 * INIT: what we and the kernel agree on. No writeback cache, which would acknowledge a write before it is replicated, and no invalidation of
 * cached data by time stamps, because all changes come through the mount.
 */
export function init(context: MountContext): void {
  const { channel } = context;
  const [major, minor, readahead, offered] = [channel.u32(0), channel.u32(1), channel.u32(2), channel.u32(3)];
  if (major !== FUSE_MAJOR) {
    throw new Error(`the kernel speaks FUSE ${major}.${minor}, this is for version ${FUSE_MAJOR}`);
  }
  const wanted =
    Init.ASYNC_READ |
    Init.ATOMIC_O_TRUNC |
    Init.BIG_WRITES |
    Init.DONT_MASK |
    Init.DO_READDIRPLUS |
    Init.READDIRPLUS_AUTO |
    Init.ASYNC_DIO |
    Init.PARALLEL_DIROPS |
    Init.POSIX_ACL |
    Init.MAX_PAGES |
    Init.CACHE_SYMLINKS |
    Init.SETXATTR_EXT |
    Init.INIT_EXT |
    ((offered & Init.HANDLE_KILLPRIV_V2) !== 0 ? Init.HANDLE_KILLPRIV_V2 : Init.HANDLE_KILLPRIV);
  const agreed = (wanted & offered) >>> 0;
  context.killPrivV2 = (agreed & Init.HANDLE_KILLPRIV_V2) !== 0;
  context.setxattrExt = (agreed & Init.SETXATTR_EXT) !== 0;
  const resends = (offered & Init.INIT_EXT) !== 0 && (channel.u32(4) & INIT2_HAS_RESEND) !== 0;
  if (resends) context.keep?.resumable();
  context.journal?.note(Note.init, [context.killPrivV2 ? 1 : 0, context.setxattrExt ? 1 : 0]);
  channel.clear(0, 16);
  channel.put32(0, FUSE_MAJOR);
  channel.put32(1, Math.min(minor, FUSE_MINOR));
  channel.put32(2, readahead);
  channel.put32(3, agreed);
  // max_background and, in the upper half, the congestion threshold.
  channel.put32(4, MAX_BACKGROUND | (((MAX_BACKGROUND * 3) / 4) << 16));
  channel.put32(5, MAX_IO);
  channel.put32(6, 1); // time granularity, nanoseconds
  channel.put32(7, MAX_IO / PAGE);
  channel.put32(8, resends ? INIT2_HAS_RESEND : 0);
  channel.answer(64);
}

/** STATFS: that of the file system below. */
export function statfs(context: MountContext): void {
  const { channel } = context;
  const stat = context.files.statFileSystem(context.nodes.byId(channel.nodeId) ?? context.nodes.root);
  channel.clear(0, 20);
  channel.put64(0, stat.blocks);
  channel.put64(2, stat.bfree);
  channel.put64(4, stat.bavail);
  channel.put64(6, stat.files);
  channel.put64(8, stat.ffree);
  channel.put32(10, stat.bsize);
  channel.put32(11, stat.nameMax);
  channel.put32(12, stat.frsize);
  channel.answer(80);
}
