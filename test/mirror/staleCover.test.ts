import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bindReadOnly, mountAt } from '../../agent/platform/mounts.ts';
import { TestHost } from './pairHarness.ts';

let host: TestHost;
beforeEach(() => {
  host = new TestHost('beta');
});
afterEach(() => host.remove());

test('a secondary that was killed while it covered its directory finds it as plain files again', async () => {
  await host.open();
  await host.mirror.follow('127.0.0.1', 1);
  // The crash takes the cover away, as a reboot does: killed between the bind and whatever came after it, it would be there.
  await host.crash();
  fs.writeFileSync(path.join(host.options.stateDirectory, 'read-only-mount'), '');
  bindReadOnly(host.directory);
  await host.open();
  expect(mountAt(host.directory)).toBeNull();
  fs.writeFileSync(path.join(host.directory, 'file'), '');
});

test('a disk that an administrator mounted read-only is not taken for such a cover', async () => {
  const { directory, stateDirectory } = host.options;
  fs.mkdirSync(stateDirectory);
  fs.writeFileSync(path.join(stateDirectory, 'read-only-mount'), '');
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'none', directory]);
  await expect(host.open()).rejects.toMatchObject({ code: 'directory-not-writable' });
  expect(mountAt(directory)?.type).toBe('tmpfs');
});
