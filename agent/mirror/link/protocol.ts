/**
 * The wire between a primary and its follower, version 4. One TCP connection: a greeting of 64 bytes each way in the clear
 * (`greeting.ts`), then frames (`sealer.ts`). The order of the frames is the order of the mirror.
 */
export const PROTOCOL_VERSION = 4;

/** Bytes of a frame's header; authenticated, not encrypted. */
export const HEADER_BYTES = 32;
/** Bytes of the AES-GCM tag behind the payload. */
export const TAG_BYTES = 16;
/** A frame that announces a longer payload is refused and ends the session, bytes. */
export const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;

/** Unit of zone marks, bytes. */
export const ZONE_BYTES = 64 * 1024;
/** Unit in which content is compared and sent by a resync, bytes. */
export const BLOCK_BYTES = 4096;
export const BLOCKS_PER_ZONE = ZONE_BYTES / BLOCK_BYTES;

/** Frame types, primary to follower. Numbers are part of the protocol. */
export const ToFollower = {
  /** JSON: who connects, its record, the epoch. First frame. */
  authenticate: 1,
  /** Changes that belong to one request, applied together. */
  mutations: 2,
  /** One file durable, please, or only what fdatasync(2) covers; answered by `flushed` with the same number, while later frames are applied. */
  flush: 3,
  /** The whole replica durable, please; answered by `synced` with the same number. */
  sync: 4,
  /** JSON LineageEntry: persist, then answer `epochEntered`. */
  epoch: 5,
  /** One directory's listing to compare with. */
  directory: 6,
  /** Hashes of zones of one file. */
  zones: 7,
  /** Hashes of the blocks of zones that differ. */
  blocks: 8,
  /** Content sent by a resync. */
  content: 9,
  /** Everything was sent: be durable and in step under this name. */
  finish: 10,
  /** The session ends in order. */
  goodbye: 11,
  /** Nothing but a number to acknowledge. */
  barrier: 12,
  /** JSON: a resync of this kind begins; the replica is not consistent from here on. */
  begin: 13,
  /** Removes a whole tree that left the mirrored names. */
  removeTree: 14,
  /** A verify's listing of one directory: compared at this place in the order of changes, nothing is changed. */
  verifyDirectory: 15,
  /** A verify's hashes of blocks of one file, and ranges that have to be zeros. */
  verifyContent: 16,
  /** The last frame of a primary whose agent has died, when its server is dead, too: nothing was acknowledged that is not here. */
  ended: 17,
} as const;

/** Frame types, follower to primary. */
export const ToPrimary = {
  /** JSON: the follower's record. Answer to `authenticate`. */
  welcome: 65,
  /** JSON {epoch, reason}: answer to a frame of a lower epoch or to a refused `authenticate`; the session ends. */
  refused: 66,
  /** Every frame up to this number is applied. */
  acknowledged: 67,
  /** JSON: the frame could not be applied; the session ends. */
  failed: 68,
  /** A change could not be applied because the resync has not been there yet: compare these paths (again). */
  missed: 69,
  synced: 70,
  epochEntered: 71,
  directoryCompared: 72,
  zonesCompared: 73,
  blocksCompared: 74,
  finished: 75,
  /** At work on something long. */
  alive: 76,
  begun: 77,
  /** The flush of this number was carried out. */
  flushed: 78,
  /** JSON: what a verify's frame found. */
  verified: 79,
} as const;
