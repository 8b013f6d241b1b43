import { errnos, ErrnoError, sendFully } from '../../platform/libc.ts';
import type { Mutation } from '../mutation.ts';
import { ByteWriter } from './bytes.ts';
import { encodeMutation } from './mutationCodec.ts';
import { ToFollower } from './protocol.ts';
import { frameBytes, Sealer } from './sealer.ts';
import { Link, type SharedState } from './sharedState.ts';

/** What sending ends with when the peer has ended the connection, or this host has. */
const ENDED = new Set([errnos.EPIPE, errnos.ECONNRESET]);
/** Room for frames that are sent together. */
const FRAMES_BYTES = 256 * 1024;
/** A longer frame is sent at once. */
const LONGEST_TO_GATHER = 32 * 1024;

/** The dispatcher's end of the connection to the follower: everything that is sent goes through here, in order. */
export class PrimarySession {
  readonly #shared: SharedState;
  readonly #fd: number;
  readonly #sealer: Sealer;
  readonly #onLost: (reason: string) => void;
  readonly #writer = new ByteWriter(4096);
  #epoch: number;
  #frames = Buffer.allocUnsafeSlow(FRAMES_BYTES);
  /** Of the frames that were not sent yet. */
  #length = 0;
  #gathering = false;
  /** Number of the last frame that was handed to the socket. */
  #handedOver: number;

  constructor(options: {
    shared: SharedState;
    fd: number;
    /** Key of this direction, and how many frames were sealed with it. */
    key: Buffer;
    sealed: number;
    epoch: number;
    /** Called once at most, by whoever finds the peer lost first. */
    onLost: (reason: string) => void;
  }) {
    this.#shared = options.shared;
    this.#fd = options.fd;
    this.#sealer = new Sealer(options.key, options.sealed);
    this.#epoch = options.epoch;
    this.#handedOver = options.sealed;
    this.#onLost = options.onLost;
  }

  get alive(): boolean {
    return this.#shared.link === Link.connected;
  }

  /** Number that the next frame will have. */
  get nextNumber(): number {
    return this.#sealer.number + 1;
  }

  get lastNumber(): number {
    return this.#sealer.number;
  }

  set epoch(epoch: number) {
    this.#epoch = epoch;
  }

  /** From here to {@link settle} frames are put together. */
  gather(): void {
    this.#gathering = true;
  }

  /** Sends what was put together. */
  settle(): void {
    this.#gathering = false;
    this.#flush();
  }

  /**
   * Sends a frame, unless it is to go with others; returns its bytes. A connection that breaks is declared lost, which is no error of the
   * caller's.
   */
  send(type: number, ...parts: readonly Uint8Array[]): number {
    const size = frameBytes(parts);
    if (this.#length + size > this.#frames.length) this.#flush();
    if (size > this.#frames.length) this.#frames = Buffer.allocUnsafeSlow(size);
    this.#sealer.sealTo(this.#frames, this.#length, type, this.#epoch, parts);
    this.#length += size;
    if (!this.#gathering || size > LONGEST_TO_GATHER) this.#flush();
    return size;
  }

  #flush(): void {
    if (this.#length === 0) return;
    const frames = this.#frames.subarray(0, this.#length);
    this.#length = 0;
    // Not earlier: while this host's own disk is waited for with frames in hand, the peer owes no acknowledgement of them.
    while (this.#handedOver < this.#sealer.number) this.#shared.noteSent(++this.#handedOver);
    this.#shared.disk.elsewhere();
    try {
      sendFully(this.#fd, frames);
    } catch (error) {
      if (!(error instanceof ErrnoError)) throw error;
      // The thread that receives finds the same end, behind what the peer said last: why it has ended it.
      if (!ENDED.has(error.errno)) this.lost(`sending to the peer failed: ${error.code}`);
    } finally {
      this.#shared.disk.busy();
    }
  }

  sendJson(type: number, value: unknown): number {
    return this.send(type, Buffer.from(JSON.stringify(value)));
  }

  /** Sends changes that belong together. */
  sendMutations(mutations: readonly Mutation[]): number {
    const out = this.#writer.reset().u32(mutations.length);
    const only = mutations.length === 1 ? mutations[0] : undefined;
    if (only?.kind === 'write') {
      encodeMutation(out, only);
      // The data are sealed from where the kernel put them, without a copy.
      return this.send(ToFollower.mutations, out.done(), only.data);
    }
    for (const mutation of mutations) {
      encodeMutation(out, mutation);
      if (mutation.kind === 'write') out.raw(mutation.data);
    }
    return this.send(ToFollower.mutations, out.done());
  }

  lost(reason: string): void {
    if (this.#shared.declareLost()) this.#onLost(reason);
  }
}
