import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect } from 'vitest';
import { BusyGuest } from './busyGuest.ts';
import { GuestProgram } from './guestProgram.ts';
import { Pair, settle } from './pairHarness.ts';

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A pair whose mirror is carried by one process after the other while programs use it. After each test nothing of it is left. */
export class BusyPair {
  #pair: Pair | null = null;
  readonly #guests: { kill(): void }[] = [];

  constructor() {
    afterEach(async () => {
      for (const guest of this.#guests.splice(0)) guest.kill();
      await this.#pair?.remove();
      this.#pair = null;
    });
  }

  get pair(): Pair {
    if (this.#pair === null) throw new Error('There is no pair yet.');
    return this.#pair;
  }

  /** A new pair that is not open yet. */
  create(): Pair {
    return (this.#pair = new Pair());
  }

  /** A new pair, served by alpha. */
  async serve(): Promise<Pair> {
    const pair = await this.create().open();
    await pair.serve(pair.alpha);
    return pair;
  }

  /** Killed after the test, if it has not ended. */
  keep<T extends { kill(): void }>(guest: T): T {
    this.#guests.push(guest);
    return guest;
  }

  /** Programs that write and read all the time, once all of them do. */
  async start(names: readonly string[]): Promise<BusyGuest[]> {
    const busy = names.map((name) => this.keep(new BusyGuest(this.pair.alpha.directory, name)));
    for (const guest of busy) await guest.goesOn();
    return busy;
  }

  async end(busy: readonly BusyGuest[]): Promise<void> {
    for (const guest of busy) expect(await guest.end()).toContain('ended well');
  }

  async expectEqualReplicas(): Promise<void> {
    const { alpha, beta } = this.pair;
    await alpha.mirror.release();
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  }

  /** Another process goes on, by `change`, without the secondary: nothing is answered until the arbiter has let the primary go on alone. */
  async expectHeldUntilAlone(busy: readonly BusyGuest[], change: () => Promise<unknown>): Promise<void> {
    const { alpha } = this.pair;
    const from = alpha.seen.length;
    await change();
    await alpha.event('peerLost', from);
    await pause(200);
    // What they said before is read, however late this process has its turn.
    for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
    const held = busy.map((guest) => guest.rounds);
    await pause(200);
    expect(busy.map((guest) => guest.rounds)).toEqual(held);
    await this.pair.goAlone(alpha);
    for (const guest of busy) await guest.goesOn();
  }

  /**
   * A lock and a removed file that is open survive `change`, and the mirror is frozen after `changeFrozen` until it is thawed.
   * @param changeFrozen freezes it before or while another process goes on
   */
  async expectHoldingOn(change: () => Promise<unknown>, changeFrozen: () => Promise<void>): Promise<void> {
    const { directory, mirror } = this.pair.alpha;
    const holder = this.keep(
      new GuestProgram(
        'cd "$1"; exec 9>lock; flock 9; echo kept >removed; exec 8<removed; rm removed; echo ready; while [ ! -e go ]; do sleep 0.05; done; cat <&8',
        directory,
      ),
    );
    while (!holder.output.includes('ready')) await pause(20);
    await change();
    const second = new GuestProgram('flock -n "$1/lock" true || echo taken', directory);
    expect(await second.end()).toContain('taken');
    await changeFrozen();
    const writer = this.keep(new GuestProgram('echo new >"$1/go"; echo done', directory));
    expect(await writer.waits()).toBe(true);
    await mirror.thaw();
    expect(await writer.end()).toContain('done');
    expect(await holder.end()).toContain('kept');
    expect(fs.existsSync(path.join(directory, 'removed'))).toBe(false);
  }
}
