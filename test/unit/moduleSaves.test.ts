import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PeerStatus } from '../../agent/core/types.ts';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import type { ModuleRuntime, ModuleSettings, PartSettings } from '../../agent/runtime/moduleRuntime.ts';
import { FailoversFile } from '../../agent/runtime/failoversFile.ts';
import { ModuleSaves } from '../../agent/runtime/moduleSaves.ts';
import { DesiredFile, DetectionFile } from '../../agent/runtime/moduleState.ts';
import { moduleConfig, moduleFiles, moduleSettings, openModule } from '../support/openedModule.ts';

let folder: string;
let state: string;
let log: EventLog;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'us-saves-'));
  state = join(folder, 'state');
  log = new EventLog(join(folder, 'events.log'), 'alpha', 'error');
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

/** Nothing can be written there until {@link mend}. */
const fail = (): void => rmSync(state, { recursive: true });
const mend = (): void => void mkdirSync(state, { recursive: true });
const logged = (code: string): number => readFileSync(join(folder, 'events.log'), 'utf8').split(`"${code}"`).length - 1;

describe('what the core keeps', () => {
  it('is saved again until it is durable, the newest of its kind, when it is acted upon already', () => {
    const saves = new ModuleSaves({ ...moduleFiles(state), module: 'web', log, onRetry: () => undefined });
    fail();
    const parked = (sequence: number) =>
      [{ type: 'saveDesired', desired: { value: 'stopped', sequence, parked: 'it failed' } }] as const;
    for (const sequence of [1, 2]) {
      expect(saves.save(parked(sequence))).toContain('ENOENT');
      saves.owe(parked(sequence));
    }
    vi.advanceTimersByTime(1500);
    mend();
    vi.advanceTimersByTime(1000);
    expect(new DesiredFile(state).read()).toMatchObject({ value: 'stopped', sequence: 2 });
    expect(logged('NOT_SAVED')).toBe(1);
    // A later wish that became durable meanwhile is not overwritten.
    fail();
    saves.save(parked(3));
    saves.owe(parked(3));
    mend();
    expect(saves.save([{ type: 'saveDesired', desired: { value: 'started', sequence: 4 } }])).toBeNull();
    vi.advanceTimersByTime(5000);
    expect(new DesiredFile(state).read()).toMatchObject({ value: 'started', sequence: 4 });
  });
});

const heard: PeerStatus = {
  ...{ role: 'none', link: 'none', able: true, conditions: null, barred: null, avoids: null, serverRunning: false },
  ...{ desired: { value: 'started', sequence: 0 }, record: null, lineage: [], consistent: true, content: false },
  ...{ endpoint: null, diverged: null, resolution: null, drain: null, maintenance: null, detectionMs: 3000 },
};

/** One that waits for the arbiter. */
async function waitingModule(): Promise<ModuleRuntime> {
  const module = await openModule(state, log, { reachable: () => true, read: () => new Promise(() => undefined) });
  vi.advanceTimersByTime(100);
  expect(module.status().state).toBe('WAIT');
  return module;
}

describe('a module that has failed over in an earlier life of the agent', () => {
  it('counts that, until an operator starts it', async () => {
    new FailoversFile(state).save([1000], Date.now());
    const module = await waitingModule();
    expect(module.core.failovers).toHaveLength(1);
    void module.command('start', 10_000);
    expect(new FailoversFile(state).read(0, Date.now())).toEqual([]);
    await module.close();
  });
});

describe('a module whose state cannot be made durable', () => {
  it('refuses what an operator asks for, says what to do, and does nothing by it', async () => {
    const module = await waitingModule();
    fail();
    const outcome = await module.command('stop', 10_000);
    expect(outcome).toMatchObject({
      ok: false,
      code: 'FAILED',
      reason: expect.stringMatching(/could not be made durable on alpha, .*desired\.json.*: make room/) as string,
    });
    expect(module.status().state).toBe('WAIT');
    mend();
    expect(await module.command('stop', 10_000)).toMatchObject({ ok: true });
    await module.close();
    expect(new DesiredFile(state).read().value).toBe('stopped');
  });

  it('hears the other host, and what it says that is to be kept once it can be', async () => {
    const module = await waitingModule();
    fail();
    const news = { ...heard, desired: { value: 'stopped', sequence: 7 } as const };
    module.peerHeard(news);
    expect(module.core.peer.heardAt).not.toBeNull();
    expect(module.core.desired.value).toBe('started');
    mend();
    module.peerHeard(news);
    expect(module.core.desired.value).toBe('stopped');
    await module.close();
  });

  it('goes by another detection time only when it would know of it after a restart', async () => {
    const module = await waitingModule();
    fail();
    const next = { ...moduleConfig, detectionMs: 6000 };
    module.reconfigure(
      { config: next, ...moduleSettings } as unknown as ModuleSettings,
      { hooks: { programs: {}, timeoutMs: 1000 }, addresses: [], server: {} } as unknown as PartSettings,
    );
    expect(module.peerStatus().detectionMs).toBe(3000);
    vi.advanceTimersByTime(1500);
    mend();
    vi.advanceTimersByTime(1500);
    expect(module.peerStatus().detectionMs).toBe(6000);
    expect(new DetectionFile(state).read()).toBe(6000);
    await module.close();
  });
});
