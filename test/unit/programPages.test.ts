import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { dropProgramPages, unchangedParts } from '../../agent/platform/programPages.ts';

const part = (head: string, anonymous = 0, dirty = 0): string =>
  `${head}\nSize: 64 kB\nRss: 64 kB\nPrivate_Clean: 4 kB\nPrivate_Dirty: ${String(dirty)} kB\nAnonymous: ${String(anonymous)} kB\nVmFlags: rd ex mr mw me\n`;

describe('pages of the program', () => {
  it('are let go of only where every page is as it is in the file', () => {
    const smaps = [
      part('55d000000000-55d000010000 r--p 00000000 08:01 12345                      /usr/bin/node'),
      part('55d000010000-55d000030000 r-xp 00010000 08:01 12345                      /usr/bin/node'),
      part('55d000030000-55d000040000 r--p 00030000 08:01 12345                      /usr/bin/node', 8, 8),
      part('55d000040000-55d000050000 r-xp 00040000 08:01 12345                      /usr/bin/node', 4),
      part('55d000050000-55d000060000 rw-p 00050000 08:01 12345                      /usr/bin/node'),
      part('7f0000000000-7f0000010000 r-xp 00000000 08:01 54321                      /usr/lib/libc.so.6'),
      part('7f0000020000-7f0000030000 r-xp 00000000 00:00 0 '),
    ].join('');
    expect(unchangedParts(smaps, '/usr/bin/node')).toEqual([
      { start: 0x55d000000000n, length: 0x10000n },
      { start: 0x55d000010000n, length: 0x20000n },
    ]);
  });

  it('come back when they are used', () => {
    const resident = (): number =>
      Number(/^RssFile:\s+([0-9]+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? 0);
    const before = resident();
    dropProgramPages();
    expect(resident()).toBeLessThan(before);
    expect(JSON.parse(execFileSync(process.execPath, ['-p', '6*7'], { encoding: 'utf8' }))).toBe(42);
  });
});
