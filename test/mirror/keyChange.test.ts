import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { GREETING_BYTES } from '../../agent/mirror/link/greeting.ts';
import { HEADER_BYTES, TAG_BYTES } from '../../agent/mirror/link/protocol.ts';
import { BusyPair } from './busyPair.ts';
import { WireProxy } from './wireProxy.ts';

const KEY_FRAMES = 8;
const MANY = 30;
const KEY_NUMBER_AT = 6;

/** What the headers of one direction say of its keys. */
class KeysOnWire {
  #waiting = Buffer.alloc(0);
  #skip = GREETING_BYTES;
  frames = 0;
  keys = 0;

  take(data: Buffer): void {
    this.#waiting = Buffer.concat([this.#waiting, data]);
    for (;;) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, this.#waiting.length);
        this.#skip -= skipped;
        this.#waiting = this.#waiting.subarray(skipped);
      }
      if (this.#skip > 0 || this.#waiting.length < HEADER_BYTES) return;
      this.frames++;
      this.keys = Math.max(this.keys, this.#waiting.readUInt16LE(KEY_NUMBER_AT));
      this.#skip = HEADER_BYTES + this.#waiting.readUInt32LE(0) + TAG_BYTES;
    }
  }
}

let proxy: WireProxy | null = null;
const busyPair = new BusyPair();
afterEach(() => {
  proxy?.stop();
  proxy = null;
});

test('the keys of both directions change again and again, in a resync and after it, beside programs that write', async () => {
  const pair = busyPair.create();
  pair.alpha.keyFrames = pair.beta.keyFrames = KEY_FRAMES;
  await pair.open();
  await pair.serve(pair.alpha);
  const { alpha, beta } = pair;
  fs.writeFileSync(path.join(alpha.directory, 'image'), Buffer.alloc(32 << 20, 'content '));
  // Frames enough in the resync, however fast it is and however slow the programs are.
  for (let number = 0; number < 2 * MANY * KEY_FRAMES; number++) {
    fs.writeFileSync(path.join(alpha.directory, `small-${String(number)}`), 'content');
  }
  const guests = await busyPair.start(['one', 'two']);

  const endpoint = await beta.mirror.follow('127.0.0.1', pair.epoch);
  proxy = await WireProxy.start(endpoint.port);
  const seen = { toFollower: new KeysOnWire(), toPrimary: new KeysOnWire() };
  proxy.onData = (direction, data) => seen[direction].take(data);
  const from = alpha.seen.length;
  await alpha.mirror.attach('127.0.0.1', { ...endpoint, port: proxy.port }, pair.epoch);
  await alpha.event('inStep', from);
  await alpha.mirror.onPeerLoss('hold');
  expect(seen.toFollower.keys).toBeGreaterThan(MANY);
  const inResync = { toFollower: seen.toFollower.keys, toPrimary: seen.toPrimary.keys };

  const isEnough = (direction: 'toFollower' | 'toPrimary'): boolean =>
    seen[direction].keys - inResync[direction] > MANY;
  // How many answers go out at a time is a matter of how busy the machine is.
  while (!isEnough('toFollower') || !isEnough('toPrimary')) for (const guest of guests) await guest.goesOn(100);
  for (const direction of ['toFollower', 'toPrimary'] as const) {
    // No key seals more than it may.
    expect(seen[direction].frames).toBeLessThanOrEqual((seen[direction].keys + 1) * KEY_FRAMES);
  }
  await busyPair.end(guests);
  expect(alpha.seen.slice(from).filter(({ type }) => type === 'peerLost')).toEqual([]);
  await busyPair.expectEqualReplicas();
});
