import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LastVerify } from '../../schemas/generated/api.ts';
import { asideDirectory, mirrorDirectory } from './harness/webModule.ts';
import { noLab, useLabCluster } from './labSuite.ts';

interface Answer {
  readonly ok: boolean;
  readonly verify: LastVerify;
}

describe.skipIf(noLab !== null)('a guest that writes all the time', () => {
  const { cluster } = useLabCluster({ ring: 16 });

  async function understudy(args: readonly string[]): Promise<{ code: number | null; answer: Answer }> {
    const { code, stdout } = await cluster()
      .host('alpha')
      .understudy([...args, '--json'], { timeoutMs: 180_000 });
    return { code, answer: JSON.parse(stdout) as Answer };
  }

  /** Changes one byte of the secondary's own file, as a failing disk would: nothing of the file tells of it. */
  function flip(name: string, offset: number): number {
    const file = path.join(cluster().host('beta').outside(mirrorDirectory), name);
    const times = path.join(cluster().host('beta').outside('/srv'), 'times');
    execFileSync('touch', ['-r', file, times]);
    const fd = openSync(file, 'r+');
    const byte = Buffer.alloc(1);
    readSync(fd, byte, 0, 1, offset);
    const flipped = (byte[0] ?? 0) ^ 0x40;
    writeSync(fd, Buffer.from([flipped]), 0, 1, offset);
    closeSync(fd);
    execFileSync('touch', ['-r', times, file]);
    rmSync(times);
    return flipped;
  }

  it('is verified clean; a byte that changed on the secondary is found, named and repaired, and what was there is kept', async () => {
    const guests = cluster().host('alpha').guests();
    for (let round = 0; round < 3; round++) {
      const clean = await understudy(['verify', 'web', '--bandwidth', 'unlimited']);
      expect(clean.answer.verify).toMatchObject({ outcome: 'complete', total: 0, differences: [] });
      expect(clean.code).toBe(0);
    }

    const flipped = flip('vmlinuz', 123_456);
    const dirty = await understudy(['verify', 'web', '--bandwidth', 'unlimited']);
    expect(dirty.code).toBe(3);
    const found = dirty.answer.verify.differences.filter(({ what }) => what === 'content');
    expect(found).toEqual([
      {
        ...{ path: 'vmlinuz', what: 'content', offset: 122_880, length: 4096 },
        detail: '4096 bytes at 122880',
      },
    ]);
    // Nothing was done about it.
    expect(cluster().isHealthy('alpha')).toBe(true);

    // Without room for what is overwritten nothing is begun, and the reason says where to make some.
    const whole = cluster().view.module('alpha', 'web');
    await cluster().host('beta').run(['mkdir', '-p', asideDirectory]);
    await cluster().host('beta').run(['mount', '-t', 'tmpfs', '-o', 'size=70m', 'full', asideDirectory]);
    const refused = await cluster()
      .host('alpha')
      .understudy(['verify', 'web', '--bandwidth', 'unlimited', '--repair', '--yes'], { timeoutMs: 180_000 })
      .finally(() => cluster().host('beta').run(['umount', asideDirectory]));
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(/what beta holds of web is to be kept aside there first.*make room there/);
    expect(cluster().view.module('alpha', 'web')?.epoch).toBe(whole?.epoch);
    expect(cluster().isHealthy('alpha')).toBe(true);

    const before = await cluster().lastRecord('alpha');
    const repaired = await understudy(['verify', 'web', '--bandwidth', 'unlimited', '--repair', '--yes']);
    expect(repaired.answer.verify).toMatchObject({
      ...{ outcome: 'complete', total: 0, differences: [] },
      repair: { host: 'beta', phase: 'checked' },
    });
    expect(repaired.code).toBe(0);
    await cluster().waitUntilHealthy('alpha');
    expect(cluster().view.module('alpha', 'web')?.lastResync).toMatchObject({ host: 'beta', kind: 'delta' });
    // The guest ran on meanwhile.
    expect(cluster().host('alpha').guests()).toEqual(guests);
    expect(await cluster().lastRecord('alpha')).toBeGreaterThan(before);

    const beta = cluster().host('beta');
    const listed = JSON.parse(await beta.runUnderstudy(['aside', 'list', 'web', '--json'])) as {
      aside: { name: string }[];
    };
    const name = listed.aside.at(-1)?.name ?? '';
    await beta.runUnderstudy(['aside', 'restore', name, '--to', '/srv/restored']);
    expect(readFileSync(path.join(beta.outside('/srv/restored'), 'vmlinuz'))[123_456]).toBe(flipped);
  }, 240_000);
});
