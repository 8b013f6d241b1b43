import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compareEntries } from '../../agent/mirror/verify/compareEntries.ts';
import type { Entry } from '../../agent/mirror/replica/tree.ts';
import { VerifyFile } from '../../agent/runtime/moduleVerify.ts';

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

describe('the last verify', () => {
  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'us-verify-'))));
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

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
    const kept = new VerifyFile(directory).read();
    expect(kept).toMatchObject({ by: 'ann', total: 50 });
    expect(kept?.differences).toHaveLength(20);
    const whole = JSON.parse(readFileSync(file.path, 'utf8')) as { verify: { differences: unknown[] } };
    expect(whole.verify.differences).toHaveLength(50);
    writeFileSync(file.path, 'damaged');
    expect(file.read()).toBeNull();
  });
});
