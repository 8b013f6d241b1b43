import { describe, expect, it } from 'vitest';
import { DiskWaits } from '../../agent/mirror/link/diskWaits.ts';
import { DiskWatch } from '../../agent/mirror/replica/diskWatch.ts';

/** A disk and those that wait for it, on a clock of their own. */
class Host {
  now = 50_000;
  readonly waits = new DiskWaits();
  readonly told: (number | null)[] = [];
  readonly watch: DiskWatch;

  constructor(limitMs: number) {
    this.watch = new DiskWatch(
      this.waits,
      limitMs,
      () => this.now,
      (silentMs) => this.told.push(silentMs),
    );
  }

  pass(ms: number, each: () => void = () => undefined): void {
    for (const end = this.now + ms; this.now < end;) {
      this.now += 250;
      each();
      this.watch.check();
    }
  }
}

describe('a disk that does not answer', () => {
  it.each([
    ['the dispatcher', ({ waits }: Host) => waits.busy(), ({ waits }: Host) => waits.elsewhere()],
    ['a request beside it', ({ waits }: Host) => waits.requestBegun(63), ({ waits }: Host) => waits.requestDone(63)],
    ['a helper that reads', ({ waits }: Host) => waits.reader(3), ({ waits }: Host) => waits.reader(3)],
  ])('is told of once when %s waits for longer than the limit, and when it answers', (_, begin, end) => {
    const host = new Host(1500);
    begin(host);
    host.pass(2000);
    expect(host.told).toEqual([]);
    host.pass(60_000);
    expect(host.told).toHaveLength(1);
    expect(host.told[0]).toBeGreaterThan(1500);
    expect(host.told[0]).toBeLessThan(4000);
    end(host);
    host.pass(1000);
    expect(host.told.slice(1)).toEqual([null]);
  });

  it('is none that is slow: each wait ends in time', () => {
    const host = new Host(1500);
    let turns = 0;
    host.waits.busy();
    host.waits.requestBegun(0);
    host.pass(60_000, () => {
      turns += 1;
      if (turns % 4 !== 0) return;
      host.waits.busy();
      host.waits.requestDone(0);
      host.waits.requestBegun(0);
    });
    expect(host.told).toEqual([]);
  });

  it('is none when all of the file system is being written out, for half a minute', () => {
    const host = new Host(1000);
    host.waits.wholeBegun();
    host.pass(29_000);
    expect(host.told).toEqual([]);
    host.pass(5000);
    expect(host.told).toHaveLength(1);
    host.waits.wholeDone();
    host.pass(1000);
    expect(host.told.at(-1)).toBeNull();
  });

  it('is none when this process itself stood still', () => {
    const host = new Host(1500);
    host.waits.busy();
    host.pass(1000);
    host.now += 30_000;
    host.pass(1500);
    host.waits.elsewhere();
    host.pass(5000);
    expect(host.told).toEqual([]);
  });

  it('is measured by another limit from when it began, and stays until it answers', () => {
    const host = new Host(10_000);
    host.waits.busy();
    host.pass(5000);
    host.watch.changeLimit(3000);
    host.pass(1000);
    expect(host.told).toHaveLength(1);
    expect(host.told[0]).toBeGreaterThan(4000);
    host.watch.changeLimit(60_000);
    host.pass(5000);
    expect(host.told).toHaveLength(1);
    host.waits.elsewhere();
    host.pass(1000);
    expect(host.told.slice(1)).toEqual([null]);
    host.waits.busy();
    host.pass(30_000);
    expect(host.told).toHaveLength(2);
  });

  it('ends with the mount', () => {
    const host = new Host(1000);
    host.waits.busy();
    host.pass(5000);
    host.watch.end();
    host.watch.end();
    expect(host.told.slice(1)).toEqual([null]);
  });
});
