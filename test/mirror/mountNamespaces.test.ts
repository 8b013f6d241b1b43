import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cleanUp } from '../support/cleanUp.ts';
import { differences, Pair } from './pairHarness.ts';

let pair: Pair;
let service: ChildProcess | null = null;
beforeEach(async () => {
  pair = await new Pair().open();
  const { alpha, beta } = pair;
  await pair.serve(alpha);
  await pair.join(alpha, beta);
});
afterEach(() => cleanUp([end, () => pair.remove()]));

/** A service with a mount namespace of its own, as a container has: what is unmounted here stays mounted there. */
async function start(script: string, program = 'sleep'): Promise<void> {
  service = spawn(
    'unshare',
    ['-m', '--propagation', 'private', 'sh', '-c', `${script}; echo ready; exec ${program} 600`],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  if (service.stdout) await once(service.stdout, 'data');
  const comm = `/proc/${service.pid}/comm`;
  await expect.poll(() => fs.readFileSync(comm, 'utf8').trim()).toBe(path.basename(program));
}

async function end(): Promise<void> {
  const ending = service;
  service = null;
  if (ending?.exitCode !== null || ending.signalCode !== null) return;
  const exit = once(ending, 'exit');
  ending.kill('SIGKILL');
  await exit;
}

test('a mirror is released although a service that does not use it has a mount namespace of its own', async () => {
  const { alpha, beta } = pair;
  await start(`echo content > ${path.join(alpha.directory, 'file')}`);
  await alpha.mirror.release();
  expect(fs.readFileSync(path.join(beta.directory, 'file'), 'utf8')).toBe('content\n');
  expect(differences(alpha.directory, beta.directory)).toEqual([]);
  fs.writeFileSync(path.join(alpha.directory, 'afterwards'), '');
}, 40_000);

test('a mirror is not released while a service with a mount namespace of its own has a file open', async () => {
  const { alpha, beta } = pair;
  await start(`exec 3> ${path.join(alpha.directory, 'open')}; echo before >&3`);
  await expect(alpha.mirror.release()).rejects.toMatchObject({
    code: 'busy',
    message: expect.stringContaining(`${service?.pid} (sleep)`) as string,
  });
  fs.writeFileSync(path.join(alpha.directory, 'open'), 'still served\n');
  await end();
  await alpha.mirror.release();
  expect(fs.readFileSync(path.join(beta.directory, 'open'), 'utf8')).toBe('still served\n');
}, 40_000);

test.each([
  ['works in a directory of it', (directory: string) => `cd ${directory}`, 'sleep'],
  ['runs a program of it', (directory: string) => `cp "$(command -v sleep)" ${directory}/waits`, 'waits'],
])(
  'nor while one %s',
  async (_, prepare, command) => {
    const { alpha } = pair;
    const program = command === 'sleep' ? 'sleep' : path.join(alpha.directory, command);
    await start(prepare(alpha.directory), program);
    await expect(alpha.mirror.release()).rejects.toMatchObject({
      code: 'busy',
      message: expect.stringContaining(`${service?.pid} (${command})`) as string,
    });
    await end();
    await alpha.mirror.release();
  },
  40_000,
);
