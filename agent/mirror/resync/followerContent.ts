import { ErrnoError, forgetCached, pwriteCachedFully } from '../../platform/libc.ts';
import { BLOCK_BYTES, ZONE_BYTES } from '../link/protocol.ts';
import { type ContentMessage, HASH_BYTES, type HashMessage } from '../link/resyncMessages.ts';
import type { BeforeChange } from '../undo/stateKeeper.ts';
import type { Applier } from '../replica/applier.ts';
import { keepCapability } from './capability.ts';
import { keepTime } from './keepTime.ts';
import { clearRange, dataWithin, hasHash } from './content.ts';
import type { DataPiece, DirectStore } from './directStore.ts';
import { NOT_THERE_YET } from './notThereYet.ts';
import { PieceBuffer } from './pieceBuffer.ts';

const read = new PieceBuffer();

/** Compares pieces of a local file with the primary's hashes; what is a hole at the primary becomes zeros here. */
export function compareHashes(
  applier: Applier,
  store: DirectStore,
  message: HashMessage,
  options: {
    /** Pieces are zones, else blocks. */
    readonly zones: boolean;
    readonly before: BeforeChange | null;
    /** This replica's disk has lost what it had taken: what counts is what it holds, not what memory does. */
    readonly fromDisk: boolean;
  },
): { absent: boolean; differing: Uint8Array } {
  const { offsets, hashes } = message;
  const differing = new Uint8Array(offsets.length);
  let fd: number;
  try {
    fd = applier.file(message.file);
  } catch (error) {
    if (!(error instanceof ErrnoError) || !NOT_THERE_YET.has(error.errno)) throw error;
    return { absent: true, differing };
  }
  const length = options.zones ? ZONE_BYTES : BLOCK_BYTES;
  if (message.holes.length > 0) store.settle();
  else store.settleFor(fd, offsets, length);
  if (options.fromDisk) forgetCached(fd);
  for (let from = 0; from < offsets.length; from += read.count) {
    read.read(fd, offsets, from, length);
    let some = false;
    for (let index = 0; index < read.count; index++) {
      if (hasHash(read.bytesOf(index), hashes, (from + index) * HASH_BYTES)) continue;
      differing[from + index] = 1;
      some = true;
    }
    // Of a zone that differs the blocks are compared next.
    if (some && !options.zones) options.before?.expectContent(fd, read, differing);
  }
  for (const hole of message.holes) {
    const cleared = dataWithin(fd, hole.start, hole.end);
    if (cleared === null) continue;
    options.before?.content(fd, [cleared]);
    keepTime(fd, () => keepCapability(fd, () => clearRange(fd, cleared.start, cleared.end)));
  }
  return { absent: false, differing };
}

/** Stores what the primary sent; of many blocks it is only begun, see {@link DirectStore}. */
export function storeContent(
  applier: Applier,
  store: DirectStore,
  message: ContentMessage,
  before: BeforeChange | null,
): void {
  const fd = applier.file(message.file);
  before?.content(
    fd,
    message.pieces.map(({ offset, length }) => ({ start: offset, end: offset + length })),
  );
  keepCapability(fd, () => {
    const stored: DataPiece[] = [];
    for (const { offset, length, data } of message.pieces) {
      if (data === null) clearRange(fd, offset, offset + length);
      else stored.push({ offset, data });
    }
    if (store.begin(fd, stored)) return;
    for (const { offset, data } of stored) pwriteCachedFully(fd, data, offset);
  });
}
