import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fence, look } from '../../../agent/fencing/fenceAgent.ts';
import { processRuns } from '../../../agent/platform/children.ts';
import type { ResolvedFenceDevice } from '../../../schemas/resolvedFence.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'understudy-fence-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function device(agent: string, more: Partial<ResolvedFenceDevice> = {}): ResolvedFenceDevice {
  return { agent, options: {}, secretFiles: {}, action: 'off', timeoutMs: 10_000, ...more };
}

/** A fence agent whose whole standard input is in `$input`, and the action in `$action`. */
async function script(body: string): Promise<string> {
  const file = path.join(folder, 'fence_script');
  const lines = ['#!/bin/sh', 'input=$(cat)', 'action=$(echo "$input" | sed -n "s/^action=//p")', body];
  await writeFile(file, `${lines.join('\n')}\n`);
  await chmod(file, 0o755);
  return file;
}

async function secret(value: string, mode = 0o600): Promise<string> {
  const file = path.join(folder, 'password');
  await writeFile(file, value, { mode });
  await chmod(file, mode);
  return file;
}

const hasAgents = existsSync('/usr/sbin/fence_dummy');
if (!hasAgents && process.env['CI'] !== undefined) throw new Error('fence_dummy is missing: apt install fence-agents');

describe.skipIf(!hasAgents)("a fence agent of the distribution's", () => {
  it('powers off, says so, and resets', async () => {
    const statusFile = path.join(folder, 'power');
    await writeFile(statusFile, 'on');
    const dummy = device('fence_dummy', { options: { type: 'file', status_file: statusFile } });
    expect(await look(dummy)).toEqual({ answers: true, power: 'on', reason: null });
    expect(await readFile(statusFile, 'utf8')).toBe('on');
    expect(await fence(dummy)).toBe('off by fence_dummy, which says that the host has no power');
    expect(await look(dummy)).toEqual({ answers: true, power: 'off', reason: null });
    expect(await fence({ ...dummy, action: 'reboot' })).toBe('reboot by fence_dummy');
    expect(await readFile(statusFile, 'utf8')).toBe('on');
  }, 60_000);

  it('that fails is told of with what it says', async () => {
    const dummy = device('fence_dummy', { options: { type: 'fail', power_timeout: '1' } });
    await expect(fence(dummy)).rejects.toThrow(/^fence_dummy: off failed, exit code 1: .*Timed out/s);
  }, 60_000);
});

describe('a fence agent', () => {
  it('gets its options on its standard input, and secrets from their files, which nobody sees', async () => {
    const agent = await script(`echo "$input" > ${folder}/input; tr '\\0' ' ' < /proc/$$/cmdline > ${folder}/arguments
      env > ${folder}/environment; echo "cannot log in with geheim" >&2; exit 1`);
    const secretFiles = { password: await secret('geheim\n') };
    const failed = fence(
      device(agent, { options: { ip: '10.0.9.1', lanplus: 'true' }, secretFiles, action: 'reboot' }),
    );
    await expect(failed).rejects.toThrow(`${agent}: reboot failed, exit code 1: cannot log in with ***`);
    expect(await readFile(path.join(folder, 'input'), 'utf8')).toBe(
      'action=reboot\nip=10.0.9.1\nlanplus=true\npassword=geheim\n',
    );
    for (const seen of ['arguments', 'environment']) {
      expect(await readFile(path.join(folder, seen), 'utf8')).not.toContain('geheim');
    }
  });

  it('is not run with a secret that others may read', async () => {
    const agent = await script(`touch ${folder}/ran`);
    const secretFiles = { password: await secret('geheim', 0o644) };
    await expect(fence(device(agent, { secretFiles }))).rejects.toThrow('run `chmod 600');
    await expect(fence(device(agent, { secretFiles: { password: `${folder}/none` } }))).rejects.toThrow(
      `${folder}/none does not exist: put it there, or change "fence" in the cluster file.`,
    );
    expect(existsSync(path.join(folder, 'ran'))).toBe(false);
  });

  it('that says it has worked while the host has power has not worked', async () => {
    const agent = await script('exit 0');
    await expect(fence(device(agent))).rejects.toThrow('says that off has worked, and that the host still has power');
  });

  it('that does not tell of the power is believed', async () => {
    const agent = await script('[ "$action" = off ]');
    expect(await fence(device(agent))).toBe(`off by ${agent}`);
  });

  it('that hangs is killed with what it has started', async () => {
    const agent = await script(`sleep 600 & echo $! > ${folder}/pid; wait`);
    const failed = fence(device(agent, { timeoutMs: 1500 }));
    await expect(failed).rejects.toThrow(`${agent}: off failed, no answer within 1.5 s`);
    const pid = Number(await readFile(path.join(folder, 'pid'), 'utf8'));
    await expect.poll(() => processRuns(pid), { timeout: 5000 }).toBe(false);
  });

  it('that is not installed is told of with what to do', async () => {
    await expect(fence(device('fence_nothing'))).rejects.toThrow(
      'there is no fence_nothing on this host: install it, in Debian by `apt install fence-agents`',
    );
    expect(await look(device('/nowhere/fence'))).toEqual({
      answers: false,
      power: null,
      reason: '/nowhere/fence does not exist: put the program there, or change "fence" in the cluster file',
    });
  });
});
