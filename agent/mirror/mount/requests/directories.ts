import { S_IFDIR, readEntries } from '../../../platform/libc.ts';
import type { DirectoryEntry, FileStat } from '../../../platform/libc.ts';
import type { MountContext } from '../context.ts';
import type { Handle } from '../handles.ts';
import type { FuseNode } from '../nodes.ts';
import { ENTRY_SIZE, Op } from '../protocol.ts';

const DIRENT_SIZE = 24;
const isDot = (name: string): boolean => name === '.' || name === '..';

/** struct fuse_dirent at `offset` bytes of the reply. `next` is what the kernel asks with to go on behind this entry. */
function putDirent(context: MountContext, offset: number, entry: DirectoryEntry, type: number, next: number): void {
  const { channel } = context;
  const word = offset >> 2;
  const { name } = entry;
  channel.put64(word, entry.ino);
  channel.put64(word + 2, next);
  channel.put32(word + 4, name.length);
  channel.put32(word + 5, type);
  const start = offset + DIRENT_SIZE;
  channel.replyBody.fill(0, start, (start + name.length + 7) & ~7);
  channel.replyBody.write(name, start, 'latin1');
}

/** READDIR and READDIRPLUS: the entries as they were when the directory was read from its start. */
export function readdir(context: MountContext): void {
  const { channel } = context;
  const handle = context.handles.get(channel.u64(0));
  const first = channel.u64(2);
  const size = Math.min(channel.u32(4), channel.replyBody.byteLength);
  const plus = channel.opcode === Op.READDIRPLUS;
  if (first === 0 || handle.entries === null) handle.entries = readEntries(handle.fd);
  const entries = handle.entries;
  const path = context.nodes.path(handle.node);
  let offset = 0;
  for (let index = first; index < entries.length; index++) {
    const entry = entries[index] as DirectoryEntry;
    const length = (plus ? ENTRY_SIZE : 0) + ((DIRENT_SIZE + entry.name.length + 7) & ~7);
    if (offset + length > size) break;
    const stat = plus ? statEntry(context, handle.node, path, entry) : undefined;
    if (stat === null) continue; // removed since
    if (plus) putEntryPlus(context, offset, handle, entry, stat);
    const type = stat === undefined ? entry.type : stat.mode >>> 12;
    putDirent(context, offset + (plus ? ENTRY_SIZE : 0), entry, isDot(entry.name) ? S_IFDIR >>> 12 : type, index + 1);
    offset += length;
  }
  channel.answer(offset);
}

/** undefined for what is not looked up with the listing, null for what is not there any more. */
function statEntry(
  context: MountContext,
  parent: FuseNode,
  directory: string | null,
  entry: DirectoryEntry,
): FileStat | null | undefined {
  if (isDot(entry.name)) return undefined;
  if (directory === null) return null;
  const stat = context.files.tryStat(directory === '' ? entry.name : `${directory}/${entry.name}`);
  if (typeof stat === 'number') return null;
  return context.isForeign(parent, stat) ? undefined : stat;
}

/** struct fuse_entry_out before an entry; all zero where the kernel shall look up by itself. */
function putEntryPlus(
  context: MountContext,
  offset: number,
  handle: Handle,
  entry: DirectoryEntry,
  stat: FileStat | undefined,
): void {
  const { channel } = context;
  const word = offset >> 2;
  if (stat === undefined) return channel.clear(word, ENTRY_SIZE >> 2);
  const node = context.nodes.lookup(handle.node, entry.name, stat);
  channel.putEntry(word, node.id, stat, context.options.validSeconds);
}
