import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { run } from '../../agent/platform/children.ts';
import { setOutOfMemoryScoreBack } from '../../agent/platform/outOfMemory.ts';
import { QemuServer } from '../../agent/server/qemu/qemuServer.ts';
import { runScript } from '../../agent/server/scripts/scriptRun.ts';
import type { ResolvedQemu } from '../../schemas/defaults.ts';
import { runSyncQuietly } from '../lab/harness/run.ts';

/** Above this process's own, as the usual one is above the agent's: not every machine allows tests a value below 0. */
const usual = 300;
vi.mock(import('../../agent/platform/outOfMemory.ts'), async (original) => {
  const real = await original();
  return { ...real, setOutOfMemoryScoreBack: (pid) => real.setOutOfMemoryScoreBack(pid, usual) };
});

const hasQemu = runSyncQuietly(['qemu-system-x86_64', '--version']);
const never = new AbortController().signal;
const scoreOf = (pid: number | string): number => Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'));

let folder: string;
beforeEach(() => (folder = mkdtempSync(path.join(os.tmpdir(), 'us-oom-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(process.platform !== 'linux')('what the agent starts is not spared by the out-of-memory killer', () => {
  it('commands are not, with all that they start', async () => {
    // What it reads is written to it when it was started.
    const script = 'read -r _; cat /proc/self/oom_score_adj; sh -c "cat /proc/self/oom_score_adj"';
    const { stdout } = await run('sh', ['-c', script], { input: 'go\n' });
    expect(stdout).toBe(`${String(usual)}\n${String(usual)}\n`);
    expect(scoreOf('self')).toBeLessThan(usual);
  });

  it('scripts are not, nor what they leave running', async () => {
    writeFileSync(
      path.join(folder, 'start'),
      `#!/bin/sh\nuntil grep -qx ${String(usual)} /proc/self/oom_score_adj; do :; done\nsleep 600 &\necho $!\n`,
      { mode: 0o755 },
    );
    const start = { action: 'start', title: 'start script', key: 'server.scripts.start', argv: ['start'] };
    const { code, output } = await runScript({
      ...{ ...start, directory: folder, environment: {}, timeoutMs: 20_000, signal: never },
    });
    expect(code).toBe(0);
    try {
      expect(scoreOf(output)).toBe(usual);
    } finally {
      process.kill(Number(output), 'SIGKILL');
    }
  });

  it.skipIf(!hasQemu)('a virtual machine is not', async () => {
    const config: ResolvedQemu = {
      kind: 'qemu',
      accelerator: 'tcg',
      ...{ binary: 'qemu-system-x86_64', machine: 'pc', cpu: null, cpus: 1, memoryBytes: 32 * 1024 ** 2 },
      ...{ kernel: null, initrd: null, append: null, disks: [], networks: [], serial: null },
      ...{ extraArguments: [], shutdownTimeoutMs: 300, startTimeoutMs: 20_000 },
    };
    const options = {
      ...{ module: 'web', host: 'alpha', config, directory: folder, runDirectory: path.join(folder, 'run') },
      ...{ cacheDirectory: folder, hasGuestAgent: false, log: () => undefined },
    };
    const server = new QemuServer(options);
    try {
      await server.start({ module: 'web', host: 'alpha', epoch: 1 }, never);
      const [pid = 0] = server.processGroups();
      expect(scoreOf(pid)).toBe(usual);
    } finally {
      await server.kill();
    }
  });

  it('a value that is higher already stays, and a process that has ended is no error', () => {
    const child = spawn('sleep', ['600']);
    try {
      const { pid = 0 } = child;
      writeFileSync(`/proc/${pid}/oom_score_adj`, '500');
      setOutOfMemoryScoreBack(pid);
      expect(scoreOf(pid)).toBe(500);
    } finally {
      child.kill('SIGKILL');
    }
    expect(() => setOutOfMemoryScoreBack(2 ** 30)).not.toThrow();
    expect(() => setOutOfMemoryScoreBack(undefined)).not.toThrow();
  });
});
