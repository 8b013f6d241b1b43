import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { VirtualAddresses } from '../../agent/addresses/virtualAddresses.ts';
import type { CoreEvent, ModuleConfig } from '../../agent/core/types.ts';
import type { MirrorController } from '../../agent/mirror/controller.ts';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import { ModuleEnvironment } from '../../agent/runtime/moduleEnvironment.ts';
import { ModuleHooks } from '../../agent/runtime/moduleHooks.ts';
import { ModuleMirror } from '../../agent/runtime/moduleMirror.ts';
import { ModuleServer } from '../../agent/runtime/moduleServer.ts';
import { ScriptsServer } from '../../agent/server/scripts/scriptsServer.ts';
import { until } from './addresses/twoMachines.ts';

/** Longer than any pause before something is tried again. */
const pauseMs = 10_000;

let folder: string;
let log: EventLog;
let server: ModuleServer;
let scripts: ScriptsServer;
let addresses: VirtualAddresses;
let events: CoreEvent['type'][];

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'us-server-'));
  script('start', '');
  // As long as the file is there the server cannot be ended.
  script('stop', `test ! -e ${folder}/stuck`);
  log = new EventLog(path.join(folder, 'log'), 'alpha', 'error');
  events = [];
  // Nothing is tried again before the test says so; scripts end by themselves.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  make();
});
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  setStuck(false);
  await server.kill();
  rmSync(folder, { recursive: true, force: true });
});

function script(name: string, body: string): void {
  writeFileSync(path.join(folder, name), `#!/bin/sh\necho ${name} >> ${folder}/told\n${body}\n`);
  chmodSync(path.join(folder, name), 0o755);
}

function setStuck(isStuck: boolean): void {
  if (isStuck) writeFileSync(path.join(folder, 'stuck'), '');
  else rmSync(path.join(folder, 'stuck'), { force: true });
}

function make(): void {
  const environment = new ModuleEnvironment('beta');
  scripts = new ScriptsServer({
    ...{ module: 'web', host: 'alpha', directory: folder, environment: () => ({}), log: () => undefined },
    config: {
      ...{ kind: 'scripts', start: ['start'], stop: ['stop'], check: null, checkIntervalMs: 1000, timeoutMs: 5000 },
    },
  });
  addresses = new VirtualAddresses({
    ...{ host: 'alpha', addresses: [], log: () => undefined, onChange: () => undefined },
  });
  server = new ModuleServer(
    {
      config: { module: 'web', self: 'alpha', peer: 'beta' } as ModuleConfig,
      ...{ server: scripts, addresses, log, guard: () => undefined, onChange: () => undefined },
      hooks: new ModuleHooks({
        ...{ module: 'web', host: 'alpha', environment, log },
        hooks: { programs: {}, timeoutMs: 1000 },
      }),
      dispatch: ({ type }) => events.push(type),
    },
    null,
  );
}

const told = (): string[] =>
  existsSync(path.join(folder, 'told')) ? readFileSync(path.join(folder, 'told'), 'utf8').trim().split('\n') : [];
const eventCame = (type: CoreEvent['type']): Promise<void> => until(() => Promise.resolve(events.includes(type)));
const wasLogged = (code: string): Promise<void> =>
  until(() => Promise.resolve(log.read({ limit: 100 }).some((entry) => entry.code === code)));

async function startIn(epoch: number): Promise<void> {
  events = [];
  server.start(epoch);
  await eventCame('serverRunning');
}

/** A stop that came to nothing, as a kill did, is to be tried again. */
async function failToStop(): Promise<void> {
  setStuck(true);
  server.stop();
  await wasLogged('SERVER_KILL_FAILED');
  setStuck(false);
}

describe('the server of a module', () => {
  it('that cannot be killed at first is killed a moment later, and then it is told', async () => {
    await startIn(1);
    await failToStop();
    expect(events).toEqual(['serverRunning']);
    vi.advanceTimersByTime(pauseMs);
    await eventCame('serverStopped');
    expect(told()).toEqual(['start', 'stop', 'stop', 'stop']);
  });

  it('that was killed for another host meanwhile, and runs here anew, is not killed by what was to be tried again', async () => {
    await startIn(1);
    await failToStop();
    expect(await server.kill()).toBeNull();
    server.noteKilled();
    await startIn(2);
    vi.advanceTimersByTime(pauseMs);
    expect(scripts.state()).toBe('running');
    await new Promise(setImmediate);
    expect(told()).toEqual(['start', 'stop', 'stop', 'stop', 'start']);
    expect(events).toEqual(['serverRunning']);
  });

  it('that runs anew keeps its addresses, although those of the one before could not be removed at first', async () => {
    await startIn(1);
    vi.spyOn(addresses, 'mayBeSet', 'get').mockReturnValue(true);
    const remove = vi.spyOn(addresses, 'remove').mockRejectedValueOnce(new Error('`ip` did not end'));
    server.stop();
    await wasLogged('ADDRESS_NOT_REMOVED');
    expect(await server.kill()).toBeNull();
    server.noteKilled();
    await startIn(2);
    remove.mockClear();
    vi.advanceTimersByTime(pauseMs);
    expect(remove).not.toHaveBeenCalled();
    expect(events).toEqual(['serverRunning']);
  });

  it('is known to be gone from when a kill has ended it until it is started again, and never when that failed', async () => {
    expect(server.isGone).toBe(false);
    await startIn(1);
    expect(server.isGone).toBe(false);
    setStuck(true);
    expect(await server.kill()).toBeInstanceOf(Error);
    expect(server.isGone).toBe(false);
    setStuck(false);
    expect(await server.kill()).toBeNull();
    expect(server.isGone).toBe(true);
    server.start(2);
    expect(server.isGone).toBe(false);
    await eventCame('serverRunning');
  });

  it('is not known to be gone while its addresses are not known to be removed', async () => {
    await startIn(1);
    vi.spyOn(addresses, 'remove').mockRejectedValueOnce(new Error('`ip` did not end'));
    expect(await server.kill()).toBeInstanceOf(Error);
    expect(server.isGone).toBe(false);
  });

  it('is known to be gone although its mirror lies on a disk that does not answer, and never ends', async () => {
    await startIn(1);
    const nothing = (): Promise<void> => new Promise(() => undefined);
    const controller = { events: () => undefined, freeze: nothing, abort: nothing, close: nothing };
    const mirror = new ModuleMirror(
      {
        ...{ module: 'web', log, open: nothing as () => Promise<never>, content: true },
        settings: { acknowledgeTimeoutMs: 1000, directIo: 'cache', processors: 'awake', resyncUndo: null },
        ...{ onEvent: () => undefined, onReopened: () => undefined },
      },
      controller as unknown as MirrorController,
      null,
    );
    void mirror.fence(server);
    await until(() => Promise.resolve(server.isGone));
    expect(scripts.state()).toBe('stopped');
  });
});
