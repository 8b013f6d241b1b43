import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compareEntries } from '../../agent/mirror/verify/compareEntries.ts';
import type { Entry } from '../../agent/mirror/replica/tree.ts';
import type { Difference, Mirror, VerifyReport } from '../../agent/mirror/mirror.ts';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import { ModuleVerify, VerifyFile } from '../../agent/runtime/moduleVerify.ts';
import type { LastVerify } from '../../schemas/generated/api.ts';

const entry: Entry = {
  ...{ name: 'a', ino: 3, mode: 0o100644, nlink: 1, uid: 0, gid: 0, size: 5, rdev: 0, mtime: 1_000_000_007n },
  ...{ target: '', xattrs: [] },
};
const found = (theirs: Partial<Entry>, ours: Partial<Entry> = {}) =>
  compareEntries('a', { ...entry, ...ours }, { ...entry, ...theirs }).map(({ what, detail }) => `${what}: ${detail}`);

describe('two entries', () => {
  it('are equal whatever their inode numbers, and whatever sizes and links a directory has', () => {
    expect(found({ ino: 9 })).toEqual([]);
    expect(found({ mode: 0o40755, nlink: 3, size: 9 }, { mode: 0o40755, nlink: 5 })).toEqual([]);
    expect(found({ mode: 0o120600, target: 'x' }, { mode: 0o120777, target: 'x' })).toEqual([]);
  });

  it('differ with both values', () => {
    expect(found({ mode: 0o104600 })).toEqual(['mode: 0644 on the primary, 4600 on the secondary']);
    expect(found({ mode: 0o120777, target: 'x' })).toEqual([
      'type: a file on the primary, a symbolic link on the secondary',
    ]);
    expect(found({ mtime: 2_000_000_000n })).toEqual([
      'mtime: 1.000000007 on the primary, 2.000000000 on the secondary',
    ]);
    expect(found({ nlink: 2 })).toHaveLength(1);
    // Further names of it may not be replicated.
    expect(found({ nlink: 2 }, { nlink: 0 })).toEqual([]);
    expect(found({ xattrs: [{ name: 'user.a', value: Buffer.from([1]) }] })).toEqual([
      'xattrs:  on the primary, user.a=01 on the secondary',
    ]);
  });
});

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'us-verify-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function open(file = new VerifyFile(directory)): ModuleVerify {
  const log = new EventLog(join(directory, 'events.log'), 'alpha', 'error');
  return new ModuleVerify({ module: 'web', host: 'alpha', file, log, onChange: () => undefined });
}

describe('the last verify', () => {
  it('is kept over a restart, whole in its file and shortened in what travels', () => {
    const file = new VerifyFile(directory);
    expect(file.read()).toBeNull();
    const differences = Array.from({ length: 50 }, (_, index) => ({
      ...{ path: String(index), what: 'missing' as const, detail: 'only on the primary' },
    }));
    file.save({
      ...{ at: '2026-01-01T00:00:00Z', host: 'alpha', by: 'ann', outcome: 'complete', reason: null },
      ...{ names: 1, checked: 2, durationMs: 3, total: 50, differences },
    });
    const kept = open().last;
    expect(kept).toMatchObject({ by: 'ann', total: 50 });
    expect(kept?.differences).toHaveLength(20);
    const whole = JSON.parse(readFileSync(file.path, 'utf8')) as { verify: { differences: unknown[] } };
    expect(whole.verify.differences).toHaveLength(50);
    writeFileSync(file.path, 'damaged');
    expect(file.read()).toBeNull();
  });
});

describe('a repair', () => {
  const differences: Difference[] = [
    { path: 'disk', what: 'content', detail: '4096 bytes at 0', offset: 0, length: 4096 },
  ];
  const report = (total: number, outcome: VerifyReport['outcome'] = 'complete'): VerifyReport => ({
    ...{ outcome, reason: null, names: 3, checked: 4096, durationMs: 5, total },
    differences: differences.slice(0, total),
  });
  let asked: string[];
  /** What of a mirror a verify needs; it notes what it is asked for. */
  const mirror = {
    verify: () => Promise.resolve(void asked.push('verify')),
    markDifferences: (found: readonly Difference[] | null) =>
      Promise.resolve(void asked.push(`mark ${found === null ? 'everything' : found.map((each) => each.path).join()}`)),
  } as unknown as Mirror;
  beforeEach(() => (asked = []));

  async function verified(verify: ModuleVerify, found: VerifyReport): Promise<LastVerify> {
    await verify.start(mirror, null, 'ann');
    verify.onReport(found);
    if (!verify.last) throw new Error('no verify is known');
    return verify.last;
  }

  it('repairs what the verify found that was seen, is remembered over a restart, and is checked when the pair is whole', async () => {
    const verify = open();
    const { at } = await verified(verify, report(1));
    expect(verify.planRepair('2001-01-01T00:00:00Z', 'bob')).toMatchObject({ code: 'NOT_HEALTHY' });
    expect(verify.planRepair(at, 'bob')).toBeNull();
    // It waits for the arbiter: no other verify may take the place of what is to be repaired.
    expect(await verify.start(mirror, null, 'ann')).toMatchObject({ code: 'BUSY' });
    await verify.beginRepair(mirror, 'beta');
    expect(asked).toEqual(['verify', 'mark disk']);
    expect(verify.last?.repair).toMatchObject({ by: 'bob', host: 'beta', differences: 1, phase: 'begun' });

    const restarted = open();
    expect(restarted.planRepair(at, 'bob')).toMatchObject({ code: 'BUSY' });
    restarted.checkRepair(mirror);
    restarted.checkRepair(mirror);
    expect(asked).toEqual(['verify', 'mark disk', 'verify']);
    await Promise.resolve();
    // The secondary was lost: that tells nothing, and it is looked at again.
    restarted.onReport(report(0, 'incomplete'));
    restarted.checkRepair(mirror);
    await Promise.resolve();
    restarted.onReport(report(0));
    expect(restarted.last).toMatchObject({ total: 0, by: 'bob', repair: { phase: 'checked', differences: 1 } });
    asked = [];
    restarted.checkRepair(mirror);
    expect(asked).toEqual([]);
    const kept = JSON.parse(readFileSync(join(directory, 'verify.json'), 'utf8')) as { history: { total: number }[] };
    expect(kept.history.map(({ total }) => total)).toEqual([1, 0]);
  });

  it('compares everything when more was found than is listed', async () => {
    const verify = open();
    const { at } = await verified(verify, { ...report(1), total: 5000 });
    expect(verify.planRepair(at, 'bob')).toBeNull();
    await verify.beginRepair(mirror, 'beta');
    expect(asked.at(-1)).toBe('mark everything');
  });

  it('needs a verify that came to its end and found something', async () => {
    const verify = open();
    expect(verify.planRepair('', 'bob')).toMatchObject({ code: 'NOT_HEALTHY' });
    expect(verify.planRepair((await verified(verify, report(0))).at, 'bob')).toMatchObject({ code: 'ALREADY' });
    const unreadable = { path: 'disk', what: 'unreadable' as const, detail: 'on the primary: EIO' };
    const failing = await verified(verify, { ...report(1), differences: [unreadable] });
    expect(verify.planRepair(failing.at, 'bob')).toMatchObject({
      code: 'NOT_HEALTHY',
      reason: '"disk" cannot be read on the primary: EIO: mend what ails that disk first, then verify again',
    });
    const stopped = await verified(verify, report(1, 'stopped'));
    expect(verify.planRepair(stopped.at, 'bob')).toMatchObject({ code: 'NOT_HEALTHY' });
  });
});
