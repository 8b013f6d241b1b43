import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, link, mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changedBytes, compareTrees } from '../../lab/guest/compareTrees.ts';
import { makeDisk } from '../../lab/guest/disk.ts';
import { checkRecords, judgeRecords } from '../../lab/guest/records.ts';
import { parseSerial } from '../../lab/guest/serialLog.ts';
import { run } from '../../lab/harness/run.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(path.join(os.tmpdir(), 'us-records-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const record = (number: number, id = '0000000a'): string => `${number} boot=1 id=${id} up=1.00`;
const console1 = [1, 2, 3].map((number) => `WROTE ${record(number)}\r\n`).join('');

describe('the record checker', () => {
  it('reads only whole lines of a console', () => {
    const text = `SeaBIOS\r\n\r\nGUEST_UP boot=1 id=0000000a last=0 bad=none uptime=1.00\r\n${console1}WROTE 4 boot=1 id=0000`;
    const report = parseSerial(text);
    expect(report.acknowledged).toEqual([record(1), record(2), record(3)]);
    expect(report.boots).toEqual([{ boot: 1, id: '0000000a', last: 0, bad: 'none' }]);
  });

  it('takes a line that a loss of power cut short for no report, although the next guest begins a new one', () => {
    for (const cut of ['up=1', 'up=1.', 'up=1.0']) {
      const text = `${console1}WROTE 4 boot=1 id=0000000a ${cut}\r\nGUEST_UP boot=2 id=0000000b last=3 bad=none uptime=1.00\r\n`;
      expect(parseSerial(text).acknowledged).toEqual([record(1), record(2), record(3)]);
    }
  });

  it('accepts a disk with every reported record and more', () => {
    const verdict = judgeRecords(
      [1, 2, 3, 4].map((number) => record(number)),
      [parseSerial(console1)],
    );
    expect(verdict).toEqual({ acknowledged: 3, lost: [], firstOutOfOrder: null, onDisk: 4 });
  });

  it('counts a record as lost that is missing, or that another boot wrote anew under the same number', () => {
    const serial = [parseSerial(console1)];
    expect(judgeRecords([record(1), record(2)], serial).lost).toEqual([record(3)]);
    expect(judgeRecords([], serial).lost).toEqual([record(1), record(2), record(3)]);
    expect(judgeRecords([record(1), 'torn', record(3)], serial).lost).toEqual([record(2)]);
    expect(judgeRecords([record(1), record(2), record(3, '0000000b')], serial).lost).toEqual([record(3)]);
  });

  it('finds a record that is on the disk twice or out of order', () => {
    expect(judgeRecords([record(1), record(2), record(2), record(3)], []).firstOutOfOrder).toBe(3);
    expect(judgeRecords([record(2), record(1)], []).firstOutOfOrder).toBe(1);
  });

  it('reads the records from a real disk image without changing it', async () => {
    const image = path.join(folder, 'disk.raw');
    await makeDisk(image, 16);
    writeFileSync(path.join(folder, 'log'), `${record(1)}\n${record(2)}\n${record(3)}\n`);
    await run(['debugfs', '-w', '-R', `write ${path.join(folder, 'log')} log`, image]);
    const copy = path.join(folder, 'copy.raw');
    await run(['cp', image, copy]);
    writeFileSync(path.join(folder, 'serial'), console1);
    const verdict = await checkRecords(image, [path.join(folder, 'serial'), path.join(folder, 'no-such-console')]);
    expect(verdict).toEqual({ acknowledged: 3, lost: [], firstOutOfOrder: null, onDisk: 3 });
    expect(await changedBytes(image, copy)).toBe(0);
  });
});

describe('the comparison of trees', () => {
  async function tree(name: string): Promise<string> {
    const root = path.join(folder, name);
    await mkdir(path.join(root, 'inner'), { recursive: true });
    await writeFile(path.join(root, 'inner/file'), Buffer.alloc(10_000, 1));
    await symlink('file', path.join(root, 'inner/pointer'));
    await link(path.join(root, 'inner/file'), path.join(root, 'twin'));
    await writeFile(path.join(root, 'other'), 'x');
    for (const entry of ['inner/file', 'other', 'inner', '']) await utimes(path.join(root, entry), 1000, 1000);
    await run(['touch', '-h', '-d', '@1000', path.join(root, 'inner/pointer')]);
    return root;
  }

  it('finds nothing in equal trees', async () => {
    expect(await compareTrees(await tree('a'), await tree('b'))).toEqual([]);
  });

  it.each<[string, (root: string) => Promise<unknown>, string]>([
    ['content', (root) => writeFile(path.join(root, 'other'), 'y'), 'other: 4096 bytes of blocks with other content'],
    ['size', (root) => writeFile(path.join(root, 'other'), 'xy'), 'other: size 1 against 2'],
    ['mode', (root) => chmod(path.join(root, 'other'), 0o600), 'other: mode 100644 against 100600'],
    [
      'time',
      (root) => utimes(path.join(root, 'inner'), 2000, 2000),
      'inner: mtimeNs 1000000000000 against 2000000000000',
    ],
    ['a name', (root) => mkdir(path.join(root, 'new')), 'new: only in'],
    [
      'link targets',
      (root) => run(['ln', '-sfn', 'nowhere', path.join(root, 'inner/pointer')]),
      'points to file against nowhere',
    ],
    [
      'extended attributes',
      (root) => run(['setfattr', '-n', 'user.note', '-v', '1', path.join(root, 'other')]),
      'extended attributes differ',
    ],
    ['hard links', relinked, 'twin: other hard links'],
  ])('finds other %s', async (_, change, expected) => {
    const a = await tree('a');
    const b = await tree('b');
    await change(b);
    expect((await compareTrees(a, b)).join('\n')).toContain(expected);
  });

  async function relinked(root: string): Promise<void> {
    await run(['ln', '-f', path.join(root, 'other'), path.join(root, 'twin')]);
    await run(['ln', path.join(root, 'inner/file'), path.join(root, 'inner/second')]);
  }

  it('counts the blocks in which two files differ', async () => {
    const a = path.join(folder, 'a');
    const b = path.join(folder, 'b');
    await writeFile(a, Buffer.alloc(5 * 1024 * 1024));
    const content = Buffer.alloc(5 * 1024 * 1024 + 1);
    content[0] = 1;
    content[4095] = 1;
    content[4096 * 1100] = 1;
    await writeFile(b, content);
    expect(await changedBytes(a, b)).toBe(3 * 4096);
    expect(await changedBytes(b, a)).toBe(3 * 4096);
  });
});
