import { describe, expect, it } from 'vitest';
import { Link } from '../../agent/mirror/link/sharedState.ts';
import { Watchdog } from '../../agent/mirror/replica/watchdog.ts';

/** A link to a peer, on a clock of its own. Frames are numbered from 1. */
class Peer {
  now = 10_000;
  link: number = Link.connected;
  acked = 0;
  heardAt = 10_000;
  oldestPeerFlush = 0;
  lostAt: number | null = null;
  readonly sentTimes: number[] = [];
  readonly watchdog: Watchdog;
  #nextLook: number;

  constructor(limitMs: number) {
    this.watchdog = new Watchdog(
      this,
      limitMs,
      () => this.now,
      () => (this.lostAt = this.now),
    );
    this.watchdog.reset();
    this.#nextLook = this.now + this.watchdog.check();
  }

  get sent(): number {
    return this.sentTimes.length;
  }

  sentAt(number: number): number | null {
    return this.sentTimes[number - 1] ?? null;
  }

  declareLost(): boolean {
    this.link = Link.lost;
    return true;
  }

  changeLimit(limitMs: number): void {
    this.watchdog.changeLimit(limitMs);
    this.#nextLook = this.now + this.watchdog.check();
  }

  send(): number {
    return this.sentTimes.push(this.now);
  }

  acknowledge(): void {
    this.acked = this.sent;
    this.heardAt = this.now;
  }

  /** Time passes, with looks when they were asked for. */
  pass(ms: number, each: () => void = () => undefined): void {
    for (const end = this.now + ms; this.now < end; this.now += 1) {
      each();
      if (this.now < this.#nextLook) continue;
      this.looks += 1;
      this.#nextLook = this.now + this.watchdog.check();
    }
  }

  looks = 0;

  /** This process does not run for so long. */
  stall(ms: number): void {
    this.now += ms;
  }
}

describe('the watch over a silent peer', () => {
  it.each([0, 1, 200, 500, 900, 999])('finds it within a quarter of the limit, %i ms after a look', (afterMs) => {
    for (const limit of [400, 1000, 5000]) {
      const peer = new Peer(limit);
      peer.pass(3000 + afterMs);
      peer.send();
      const sentAt = peer.now;
      peer.pass(limit);
      expect(peer.lostAt).toBeNull();
      peer.pass(Math.min(250, limit / 4) + 2);
      expect(peer.lostAt).toBeGreaterThan(sentAt + limit);
    }
  });

  it('looks once a second while nothing is due, and lets a frame now and then be answered late', () => {
    const peer = new Peer(1000);
    for (let turn = 0; turn < 20; turn++) {
      peer.send();
      peer.pass(900);
      peer.acknowledge();
      peer.pass(100);
    }
    expect(peer.lostAt).toBeNull();
    const before = peer.looks;
    peer.pass(20_000);
    expect(peer.looks - before).toBeLessThanOrEqual(21);
  });

  it('waits as long as anything is heard, however much is outstanding', () => {
    const peer = new Peer(1000);
    peer.pass(5000, () => {
      peer.send();
      if (peer.now % 900 === 0) {
        peer.acked = peer.sent - 1;
        peer.heardAt = peer.now;
      }
    });
    expect(peer.lostAt).toBeNull();
  });

  it('finds a flush that is not carried out while what comes behind it is acknowledged', () => {
    const peer = new Peer(1000);
    peer.pass(2500);
    peer.oldestPeerFlush = peer.send();
    const sentAt = peer.now;
    peer.pass(1000, () => peer.acknowledge());
    expect(peer.lostAt).toBeNull();
    peer.pass(252, () => peer.acknowledge());
    expect(peer.lostAt).toBeGreaterThan(sentAt + 1000);
  });

  it.each(['a frame', 'a flush'])('measures %s that is waited for by another limit from when it was sent', (what) => {
    const peer = new Peer(1000);
    peer.pass(2500);
    peer.send();
    const isFlush = what === 'a flush';
    if (isFlush) peer.oldestPeerFlush = peer.sent;
    const sentAt = peer.now;
    const acknowledged = () => {
      if (isFlush) peer.acknowledge();
    };
    peer.pass(900, acknowledged);
    peer.changeLimit(3000);
    peer.pass(2100, acknowledged);
    expect(peer.lostAt).toBeNull();
    peer.changeLimit(10_000);
    peer.pass(4000, acknowledged);
    expect(peer.lostAt).toBeNull();
    // It has been silent for longer than that, and is lost with the first look.
    peer.changeLimit(2000);
    expect(peer.lostAt).toBe(sentAt + 7000);
  });

  it('looks as often as a shorter limit asks for', () => {
    const peer = new Peer(60_000);
    peer.pass(3000);
    peer.changeLimit(400);
    peer.send();
    peer.pass(400);
    expect(peer.lostAt).toBeNull();
    peer.pass(102);
    expect(peer.lostAt).not.toBeNull();
  });

  it('looks first at what came while this process did not run', () => {
    const peer = new Peer(1000);
    peer.pass(2500);
    peer.send();
    peer.pass(300);
    peer.stall(60_000);
    peer.pass(10);
    expect(peer.lostAt).toBeNull();
    peer.acknowledge();
    peer.pass(3000);
    expect(peer.lostAt).toBeNull();
  });
});
