import { ErrnoError, sendFully } from '../../platform/libc.ts';
import type { Mutation } from '../mutation.ts';
import { ByteWriter } from './bytes.ts';
import { encodeMutation } from './mutationCodec.ts';
import { HEADER_BYTES, TAG_BYTES, ToFollower } from './protocol.ts';
import { Sealer } from './sealer.ts';
import { Link, type SharedState } from './sharedState.ts';

/** The dispatcher's end of the connection to the follower: everything that is sent goes through here, in order. */
export class PrimarySession {
  readonly #shared: SharedState;
  readonly #fd: number;
  readonly #sealer: Sealer;
  readonly #onLost: (reason: string) => void;
  readonly #writer = new ByteWriter(4096);
  #epoch: number;

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

  /** Sends a frame; returns the bytes that went out. A connection that breaks is declared lost, which is no error of the caller's. */
  send(type: number, ...parts: readonly Uint8Array[]): number {
    const frame = this.#sealer.seal(type, this.#epoch, parts);
    this.#shared.noteSent(this.#sealer.number);
    try {
      sendFully(this.#fd, frame);
    } catch (error) {
      if (!(error instanceof ErrnoError)) throw error;
      this.lost(`sending to the peer failed: ${error.code}`);
    }
    return frame.length;
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

/** Bytes on the wire of a frame with this payload. */
export function frameBytes(payload: number): number {
  return HEADER_BYTES + payload + TAG_BYTES;
}
