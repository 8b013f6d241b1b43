import { Bucket } from './bucket.ts';

/** Handshakes that one address may begin at once, and per second, unless said otherwise. Several sites may be behind one address. */
const usualAtOnce = 100;
const usualPerSecond = 20;
/** Addresses that are remembered. */
const addressesKept = 1024;

/** Whether an address may begin a handshake, which costs the listener more than it costs the other end. */
export class HandshakeGate {
  readonly #buckets = new Map<string, Bucket>();
  readonly #atOnce: number;
  readonly #perSecond: number;

  constructor(atOnce = usualAtOnce, perSecond = usualPerSecond) {
    this.#atOnce = atOnce;
    this.#perSecond = perSecond;
  }

  /** @param now monotonic milliseconds */
  admits(address: string, now: number): boolean {
    const key = networkOf(address);
    const bucket = this.#buckets.get(key) ?? new Bucket(this.#atOnce, this.#perSecond, now);
    // Put last: the first ones are those that were not heard of for longest.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > addressesKept) this.#buckets.delete(this.#buckets.keys().next().value ?? '');
    if (bucket.left(now) < 1) return false;
    bucket.take(1, now);
    return true;
  }
}

/** Who has one IPv6 address has a whole network of them. */
function networkOf(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address;
  return address.split(':').slice(0, 4).join(':');
}
