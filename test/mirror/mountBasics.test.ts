import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import { TestMount } from './mountHarness.ts';

const run = promisify(execFile);
let mount: TestMount | undefined;

afterEach(async () => {
  await mount?.close();
  mount = undefined;
});

it('shows the files that it covers and keeps what is written', async () => {
  mount = await TestMount.start({}, () => undefined);
  await fs.writeFile(mount.path('a'), 'hello');
  expect(await fs.readFile(mount.path('a'), 'utf8')).toBe('hello');
  await fs.mkdir(mount.path('d'));
  await fs.rename(mount.path('a'), mount.path('d/b'));
  expect(await fs.readdir(mount.path('d'))).toEqual(['b']);
  const { stdout } = await run('ls', ['-la', mount.directory]);
  expect(stdout).toContain('d');
  expect((await mount.unmount())['end']).toBe('unmounted');
  expect(await fs.readFile(mount.path('d/b'), 'utf8')).toBe('hello');
  expect(mount.logged).toEqual([]);
});
