import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guestAgentProbe } from '../../agent/checks/guestAgent.ts';
import { qemuFiles } from '../../agent/server/qemu/qemuArguments.ts';
import { QemuServer } from '../../agent/server/qemu/qemuServer.ts';
import { resolveModule, type ResolvedQemu } from '../../schemas/defaults.ts';
import type { ModuleFile } from '../../schemas/generated/module.ts';
import { buildAgentGuest } from './guest/build.ts';
import { noLab } from './labSuite.ts';

const bootLimitMs = 60_000;

describe.skipIf(noLab !== null)('a guest that runs the QEMU guest agent', () => {
  let folder: string;
  let server: QemuServer;
  const look = (limitMs: number): Promise<string | null> =>
    guestAgentProbe(qemuFiles(path.join(folder, 'run')).guestAgent)(AbortSignal.timeout(limitMs));

  beforeAll(async () => {
    const { kernel, initrd } = await buildAgentGuest();
    folder = mkdtempSync(path.join(tmpdir(), 'us-agent-'));
    writeFileSync(path.join(folder, 'disk.raw'), Buffer.alloc(1 << 20));
    const qemu = {
      ...{ memory: '192MiB', kernel, initrd, append: 'console=ttyS0 quiet panic=-1 noreplace-smp' },
      ...{ disks: [{ file: 'disk.raw' }], serial: path.join(folder, 'serial.log') },
    };
    const file = { name: 'web', hosts: ['alpha', 'beta'], mirror: { directories: [folder] } };
    const { server: config } = resolveModule({ ...file, server: { qemu } } as unknown as ModuleFile);
    server = new QemuServer({
      ...{ module: 'web', host: 'alpha', config: config as ResolvedQemu, directory: folder, cacheDirectory: folder },
      ...{ runDirectory: path.join(folder, 'run'), hasGuestAgent: true, log: () => undefined },
    });
    await server.start({ module: 'web', host: 'alpha', epoch: 1 }, new AbortController().signal);
  });
  afterAll(async () => {
    await server.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is well as soon as the agent answers, not while the guest stands still, and after that again', async () => {
    const end = Date.now() + bootLimitMs;
    // Before any guest can have booted.
    let found = await look(20);
    expect(found).not.toBeNull();
    while (found !== null && Date.now() < end) {
      found = await look(1000);
      await delay(50);
    }
    expect(found, readFileSync(path.join(folder, 'serial.log'), 'utf8')).toBeNull();

    const [group = 0] = server.processGroups();
    process.kill(-group, 'SIGSTOP');
    // What is asked for meanwhile is answered later, when nobody waits for it any more.
    for (let asked = 0; asked < 3; asked += 1) expect(await look(200)).not.toBeNull();
    process.kill(-group, 'SIGCONT');
    found = 'not asked';
    for (let asked = 0; asked < 10 && found !== null; asked += 1) found = await look(2000);
    expect(found).toBeNull();
  });
});
