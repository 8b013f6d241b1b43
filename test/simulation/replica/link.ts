import { Link as LinkState, type SharedState } from '../../../agent/mirror/link/sharedState.ts';
import type { FollowerLink } from '../../../agent/mirror/replica/replication.ts';
import type { Connection } from './connection.ts';

/** The primary's end of a connection, as replication uses it. */
export class Link implements FollowerLink {
  epoch: number;
  lastNumber: number;
  readonly #shared: SharedState;
  readonly #connection: Connection;
  readonly #onLost: (reason: string) => void;

  /** @param number of the last frame that was sent */
  constructor(
    shared: SharedState,
    connection: Connection,
    { epoch, number }: { epoch: number; number: number },
    onLost: (reason: string) => void,
  ) {
    this.#shared = shared;
    this.#connection = connection;
    this.epoch = epoch;
    this.lastNumber = number;
    this.#onLost = onLost;
  }

  get alive(): boolean {
    return this.#shared.link === LinkState.connected;
  }

  get nextNumber(): number {
    return this.lastNumber + 1;
  }

  send(type: number, ...parts: readonly Uint8Array[]): void {
    const number = (this.lastNumber += 1);
    const payload = Buffer.concat(parts);
    this.#shared.noteSent(number);
    this.#connection.send('primary', { header: { type, number, epoch: this.epoch, length: payload.length }, payload });
  }

  sendJson(type: number, value: unknown): void {
    this.send(type, Buffer.from(JSON.stringify(value)));
  }

  lost(reason: string): void {
    if (this.#shared.declareLost()) this.#onLost(reason);
  }
}
