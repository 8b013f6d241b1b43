import { Bucket } from './bucket.ts';

/** What the links of one cluster may cost at once, and per second; bytes of messages. */
const atOnce = 32 << 20;
const perSecond = 4 << 20;
/** A message costs this on top of its bytes. */
const messageCost = 512;
/** What waits to be sent to a host that does not read. */
const backlogBytes = 256 << 10;

/**
 * What a cluster may ask of a program that serves others, too. Once it is used up no more is read from the cluster's hosts until some of it has
 * come back: they wait, nobody else does.
 */
export class LinkAllowance {
  readonly backlogBytes = backlogBytes;
  readonly #bucket: Bucket;

  constructor(now = performance.now()) {
    this.#bucket = new Bucket(atOnce, perSecond, now);
  }

  /** Messages have come. Returns for how long nothing more should be read, milliseconds. */
  received(bytes: number, messages: number, now = performance.now()): number {
    return this.#bucket.take(bytes + messages * messageCost, now);
  }

  /** Something else was done for the cluster that costs as much as messages of so many bytes. */
  spend(cost: number, now = performance.now()): void {
    this.#bucket.take(cost, now);
  }
}
