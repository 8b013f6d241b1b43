import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mountAt } from '../../agent/platform/mounts.ts';
import { cleanUp } from '../support/cleanUp.ts';
import { TestHost } from './pairHarness.ts';

const run = (program: string, ...args: string[]) => execFileSync(program, args, { stdio: 'pipe' });

let base: string;
let host: TestHost;
const opened: TestHost[] = [];

beforeEach(async () => {
  base = fs.mkdtempSync('/tmp/us-replaced-');
  run('mount', '-t', 'tmpfs', 'us-replaced', base);
  fs.writeFileSync(path.join(base, 'image'), 'of the disk');
  host = new TestHost('alpha', { directory: base });
  opened.push(host);
  await host.open();
  await host.mirror.enterEpoch({ epoch: 1, primary: 'alpha' });
});
afterEach(() =>
  cleanUp([
    ...opened.splice(0).map((each) => () => each.remove()),
    () => {
      while (mountAt(base) !== null) run('umount', '-l', base);
      fs.rmSync(base, { recursive: true });
    },
  ]),
);

const replaced = {
  code: 'directory-replaced',
  message: expect.stringMatching(/was its disk unmounted\? Mount it again/) as string,
};

test('a host whose disk was unmounted meanwhile does not serve the empty mount point, nor follow into it', async () => {
  run('umount', '-l', base);
  await expect(host.mirror.serve(1)).rejects.toMatchObject(replaced);
  await expect(host.mirror.follow('127.0.0.1', 1)).rejects.toMatchObject(replaced);
  expect(fs.readdirSync(base)).toEqual([]);
});

test('it serves when the disk is mounted again', async () => {
  const elsewhere = fs.mkdtempSync('/tmp/us-elsewhere-');
  run('mount', '--bind', base, elsewhere);
  run('umount', '-l', base);
  await expect(host.mirror.serve(1)).rejects.toMatchObject(replaced);
  run('mount', '--move', elsewhere, base);
  fs.rmdirSync(elsewhere);
  await host.mirror.serve(1);
  expect(fs.readFileSync(path.join(base, 'image'), 'utf8')).toBe('of the disk');
});
