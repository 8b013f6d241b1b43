import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { bundleProgram } from '../support/bundles.ts';

test.skipIf(process.getuid?.() !== 0)(
  'a mount is aborted where another sysfs hides the control file system of FUSE',
  async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'understudy-hidden-'));
    onTestFinished(() => fs.rmSync(directory, { recursive: true }));
    const program = await bundleProgram('hiddenControl', 'test/mirror/hiddenControlProgram.ts');
    // Another network: another sysfs.
    const namespace = ['-m', '-n', '--propagation', 'private'];
    // With it what waits for its mount ends as well, should it hang.
    const limit = { timeout: 30_000, killSignal: 'SIGKILL' } as const;
    const { stdout } = await promisify(execFile)(
      'unshare',
      [...namespace, process.execPath, program, directory],
      limit,
    );
    expect(stdout).toBe('ended\n');
  },
);
