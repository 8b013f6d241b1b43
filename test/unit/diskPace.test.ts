import { describe, expect, test } from 'vitest';
import { DiskPace } from '../../agent/mirror/diskPace.ts';

/** A disk whose waits take what it is told, on a clock of its own. */
class Disk {
  now = 0;
  readonly pace = new DiskPace(() => this.now);

  /** Whether the thread waited for it. */
  wait(ms: number): boolean {
    return this.pace.try(() => (this.now += ms));
  }
}

describe('a thread that waits for the disk itself', () => {
  test('goes on doing so after a single slow answer', () => {
    const disk = new Disk();
    for (let count = 0; count < 20; count++) disk.wait(0.05);
    disk.wait(2.5);
    expect(disk.wait(0.05)).toBe(true);
  });

  test('stops after one that is far too slow, and tries again a second later', () => {
    const disk = new Disk();
    for (let count = 0; count < 20; count++) disk.wait(0.05);
    disk.wait(30);
    expect(disk.wait(0.05)).toBe(false);
    disk.now += 999;
    expect(disk.wait(0.05)).toBe(false);
    disk.now += 1;
    expect(disk.wait(0.05)).toBe(true);
    expect(disk.wait(0.05)).toBe(true);
  });

  test('waits for a slow disk a few times in a second at most', () => {
    const disk = new Disk();
    let waits = 0;
    while (disk.now < 10_000) {
      if (disk.wait(2)) waits++;
      else disk.now += 1;
    }
    expect(waits).toBeLessThan(30);
  });
});
