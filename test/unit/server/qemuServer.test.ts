import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guestAgentProbe } from '../../../agent/checks/guestAgent.ts';
import { QemuServer } from '../../../agent/server/qemu/qemuServer.ts';
import { ServerError, type ServerEvent } from '../../../agent/server/virtualServer.ts';
import type { ResolvedQemu } from '../../../schemas/defaults.ts';
import { runSyncQuietly } from '../../lab/harness/run.ts';

const hasQemu = runSyncQuietly(['qemu-system-x86_64', '--version']);
const context = { module: 'web', host: 'alpha', epoch: 3 };
const never = new AbortController().signal;

/** A disk whose guest does nothing for ever: hlt in a loop, deaf to the power button. */
function idleDisk(): Buffer {
  const sector = Buffer.alloc(64 * 1024);
  Buffer.from('faf4ebfd', 'hex').copy(sector);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

describe.skipIf(!hasQemu)('a QEMU server', () => {
  let folder: string;
  const servers: QemuServer[] = [];

  beforeEach(() => {
    // Commas in every path: QEMU's own option syntax would end the value there.
    folder = mkdtempSync(path.join(os.tmpdir(), 'us,qemu-'));
    writeFileSync(path.join(folder, 'disk,1.raw'), idleDisk());
  });

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  function make(
    changes: Partial<ResolvedQemu> = {},
    hasGuestAgent = false,
  ): { server: QemuServer; events: ServerEvent[] } {
    const config: ResolvedQemu = {
      kind: 'qemu',
      binary: 'qemu-system-x86_64',
      accelerator: 'tcg',
      machine: 'pc',
      cpu: null,
      cpus: 1,
      memoryBytes: 32 * 1024 ** 2,
      kernel: null,
      initrd: null,
      append: null,
      disks: [{ file: 'disk,1.raw', format: 'raw', cache: 'writeback', aio: 'threads' }],
      networks: [],
      serial: path.join(folder, 'serial,1.log'),
      extraArguments: [],
      shutdownTimeoutMs: 300,
      startTimeoutMs: 20_000,
      ...changes,
    };
    const runDirectory = path.join(folder, 'run');
    const options = { module: 'web', host: 'alpha', config, directory: folder, runDirectory, cacheDirectory: folder };
    const server = new QemuServer({ ...options, hasGuestAgent, log: () => undefined });
    const events: ServerEvent[] = [];
    server.events((event) => events.push(event));
    servers.push(server);
    return { server, events };
  }

  it('runs when start resolves, and ends a guest that ignores the power button after the time-out', async () => {
    const { server, events } = make();
    await server.start(context, never);
    expect(server.state()).toBe('running');
    const [group] = server.processGroups();
    expect(readFileSync(`/proc/${group}/cmdline`, 'utf8')).toContain('guest=understudy-web');

    const outcome = await server.stop(never);
    expect(outcome.how).toBe('quit');
    expect(outcome.durationMs).toBeGreaterThanOrEqual(300);
    expect(server.state()).toBe('stopped');
    expect(server.processGroups()).toEqual([]);
    expect(events.map((event) => (event.type === 'state' ? event.state : event.type))).toEqual([
      'starting',
      // With its process known, so that it can be guarded before the guest runs.
      'starting',
      'running',
      'stopping',
      'stopped',
    ]);
    expect((await server.stop(never)).how).toBe('wasNotRunning');
  });

  it('has a channel to an agent in the guest only when that is asked for, and nobody answers without one', async () => {
    const socket = path.join(folder, 'run/qga.sock');
    const without = make().server;
    await without.start(context, never);
    expect(existsSync(socket)).toBe(false);
    await without.kill();
    await make({}, true).server.start(context, never);
    const limit = AbortSignal.timeout(200);
    expect(await guestAgentProbe(socket)(limit)).toMatch(/aborted/);
    expect(limit.aborted).toBe(true);
  });

  it('can be started again after it was killed', async () => {
    const { server, events } = make();
    await server.start(context, never);
    await server.kill();
    expect(server.state()).toBe('stopped');
    await server.start(context, never);
    expect(server.state()).toBe('running');
    expect(events.some((event) => event.type === 'died')).toBe(false);
  });

  it('reports a QEMU that ends without being asked', async () => {
    const { server } = make();
    const died = new Promise<string>((resolve) => {
      server.events((event) => {
        if (event.type === 'died') resolve(event.reason);
      });
    });
    await server.start(context, never);
    process.kill(server.processGroups()[0] ?? 0, 'SIGKILL');
    expect(await died).toContain('SIGKILL');
    expect(server.state()).toBe('stopped');
  });

  it('names the file and the key of an image that is missing, and starts nothing', async () => {
    const { server } = make({ kernel: 'vmlinuz' });
    await expect(server.start(context, never)).rejects.toMatchObject({
      code: 'SERVER_IMAGE_MISSING',
      message: `${folder}/vmlinuz does not exist (key server.qemu.kernel of module web). Put the file there or correct the key.`,
    });
    expect(server.state()).toBe('stopped');
  });

  it('passes on what QEMU says when it refuses its arguments', async () => {
    const { server } = make({ extraArguments: ['-no-such-option'] });
    await expect(server.start(context, never)).rejects.toMatchObject({ code: 'SERVER_START_FAILED' });
    await expect(server.start(context, never)).rejects.toThrow(/no-such-option/);
  });

  it('says so when there is no QEMU', async () => {
    const { server } = make({ binary: 'qemu-system-nowhere' });
    await expect(server.start(context, never)).rejects.toThrow(/qemu-system-nowhere.*server\.qemu\.binary/);
  });

  it('says so when the bridge does not exist, and leaves nothing running', async () => {
    const { server } = make({ networks: [{ bridge: 'us-nowhere', mac: null, model: 'virtio-net-pci' }] });
    await expect(server.start(context, never)).rejects.toThrow(process.getuid?.() === 0 ? /us-nowhere/ : /QEMU/);
    expect(server.processGroups()).toEqual([]);
  });

  it('an aborted start leaves nothing running', async () => {
    const { server } = make();
    const abort = new AbortController();
    const start = server.start(context, abort.signal);
    abort.abort(new Error('another host took over'));
    await expect(start).rejects.toThrow('another host took over');
    expect(server.processGroups()).toEqual([]);
    expect(server.state()).toBe('stopped');
  });

  it.each(['kill', 'stop'] as const)(
    '%s before there is a process ends the start, and nothing runs later',
    async (how) => {
      const { server, events } = make();
      const start = server.start(context, never);
      const refused = expect(start).rejects.toThrow('The start was ended');
      await (how === 'kill' ? server.kill() : server.stop(never));
      expect(server.state()).toBe('stopped');
      expect(server.processGroups()).toEqual([]);
      await refused;
      expect(events).toEqual([
        { type: 'state', state: 'starting', detail: null },
        { type: 'state', state: 'stopped', detail: null },
      ]);
      // The next start is not touched by what was done to the last one.
      await server.start(context, never);
      expect(server.state()).toBe('running');
    },
  );

  it('a kill while the process starts leaves nothing running', async () => {
    const { server } = make();
    const started = new Promise<void>((resolve) => {
      server.events((event) => {
        if (event.type === 'state' && event.detail === 'QEMU is started') resolve();
      });
    });
    const refused = expect(server.start(context, never)).rejects.toBeInstanceOf(ServerError);
    await started;
    const [group = 0] = server.processGroups();
    await server.kill();
    expect(server.state()).toBe('stopped');
    expect(() => process.kill(group, 0)).toThrow('ESRCH');
    await refused;
  });

  it('passes on the last words of a QEMU that ends when the guest is let go', async () => {
    // Ends at this one moment, which no real QEMU can be made to do.
    const binary = path.join(folder, 'dying-qemu');
    writeFileSync(
      binary,
      `#!${process.execPath}
      const socket = /path=(.*),server=on/.exec(process.argv.join(' '))[1].replaceAll(',,', ',');
      require('node:net').createServer((client) => {
        client.write('{"QMP":{}}\\n');
        client.on('data', (text) => {
          const { execute, id } = JSON.parse(text);
          client.write(JSON.stringify({ return: {}, id }) + '\\n');
          if (execute === 'cont') setTimeout(() => { console.error('out of luck'); process.exit(3); }, 50);
        });
      }).listen(socket);`,
      { mode: 0o755 },
    );
    const { server } = make({ binary });
    const began = performance.now();
    await expect(server.start(context, never)).rejects.toThrow(
      'QEMU did not start: QEMU ended with code 3: out of luck',
    );
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(server.state()).toBe('stopped');
  });

  it('finds and kills what an earlier agent left running, and nothing else', async () => {
    const earlier = make();
    await earlier.server.start(context, never);
    const [left] = earlier.server.processGroups();
    const { server } = make();
    expect(await server.reap()).toEqual([`QEMU of module web, process ${left}`]);
    expect(await server.reap()).toEqual([]);
  });
});
