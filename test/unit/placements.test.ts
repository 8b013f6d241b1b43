import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Draft } from '../../agent/core/draft.ts';
import { preferenceOf } from '../../agent/core/preference.ts';
import { peerStatusOf } from '../../agent/core/status.ts';
import { initialState } from '../../agent/core/step.ts';
import type { ArbiterRecord, ModuleConfig, ModuleCoreState, PeerStatus, Role } from '../../agent/core/types.ts';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import { Placements, type PlacementSlot } from '../../agent/runtime/placements.ts';
import { resolveModule } from '../../schemas/defaults.ts';
import type { CheckStatus } from '../../schemas/generated/api.ts';
import type { LinkModule } from '../../schemas/generated/link.ts';
import type { ModuleFile } from '../../schemas/generated/module.ts';

const held = { at: 'waiting', reason: '', since: 0, parked: false, yieldUntil: 0, retryAt: 0, diverged: null } as const;
const waiting: Role = { ...held, heldBack: true, reasonSince: 0, isTold: false, toldBefore: 0 };
const grant: ArbiterRecord = { epoch: 1, primary: 'beta', inSync: ['beta'], base: 0, cause: 'start', proposal: 'p' };
const serving: Role = {
  ...{ at: 'primary', cause: 'start', firstSign: 0, reported: true, leaving: null, leaseFrom: 0, knownAt: null },
  ...{ grant, promotedBy: grant, leavingBecause: '' },
  link: { kind: 'none', reason: null, retryAt: 0, lastSession: null, failures: 0 },
  server: { kind: 'running' },
};

describe('what an agent makes of what it knows of modules', () => {
  let directory: string;
  let log: EventLog;
  let slots: PlacementSlot[];
  let heard: Map<string, LinkModule>;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'understudy-placements-'));
    log = new EventLog(join(directory, 'log.jsonl'), 'beta', 'info');
    slots = [];
    heard = new Map();
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const placements = (): Placements =>
    new Placements({
      self: 'beta',
      slots,
      stated: () => ({ beta: { cpu: 4, memoryBytes: 4 * 2 ** 30 } }),
      counted: (host) => (host === 'alpha' ? { cpu: 2, memoryBytes: 2 ** 30 } : null),
      heard: (host, module) => heard.get(`${host} ${module}`) ?? null,
      log,
    });
  const coreOf = (module: string, role: Role): ModuleCoreState => ({
    ...initialState(
      { module, self: 'beta', peer: 'alpha', hosts: ['alpha', 'beta'], detectionMs: 3000 } as unknown as ModuleConfig,
      { value: 'started', sequence: 1 },
      { lineage: [], consistent: true, content: true },
      0,
      'life',
    ),
    role,
  });
  /** @param role on this host; null: it is of other hosts */
  const add = (name: string, role: Role | null, more: object = {}, checks: CheckStatus[] = []): void => {
    const file = {
      name,
      hosts: role === null ? ['alpha', 'gamma'] : ['alpha', 'beta'],
      mirror: { directories: [`/srv/${name}`] },
      server: { scripts: { start: ['/s'], stop: ['/t'] } },
      ...more,
    };
    const core = role && coreOf(name, role);
    const runtime = core && { core, status: () => ({ checks }), peerStatus: () => peerStatusOf(core, 0) };
    const module = resolveModule(file as unknown as ModuleFile);
    slots.push({ module, isOurs: role !== null, isServedAlready: false, failure: null, runtime });
  };
  const tell = (host: string, module: string, status: Partial<PeerStatus>, checks: CheckStatus[] = []): void => {
    const told = { role: 'none', serverRunning: false, desired: { value: 'started', sequence: 1 }, ...status };
    heard.set(`${host} ${module}`, { status: told, shown: { checks } } as unknown as LinkModule);
  };
  const check = (state: CheckStatus['state']): CheckStatus => ({
    ...{ name: 'tcp 127.0.0.1:5432', state, since: '2026-01-01T00:00:00Z', error: null, onFailure: 'report' },
  });

  it('is nothing while no module says anything about others', () => {
    add('web', waiting);
    add('db', serving);
    expect(placements().of('web')).toBeUndefined();
    expect(placements().load('beta', () => 'beta')).toBeNull();
    expect(placements().warnings('web', () => 'beta')).toEqual([]);
  });

  it('says why what a module depends on is of no use yet, wherever that is', () => {
    add('web', waiting, { dependsOn: ['db'] });
    const waitsFor = () => placements().of('web')?.waitsFor ?? null;
    const told = (why: string): string => `web starts after db, which it depends on: ${why}`;
    expect(waitsFor()).toBe(told('beta has no valid file of db'));
    add('db', null);
    expect(waitsFor()).toBe(told('nothing is heard of db from alpha and gamma'));
    tell('alpha', 'db', {});
    expect(waitsFor()).toBe(told('db does not run yet'));
    tell('gamma', 'db', { desired: { value: 'stopped', sequence: 2 } });
    expect(waitsFor()).toBe(told('db is stopped'));
    tell('gamma', 'db', { role: 'primary', serverRunning: true }, [check('starting')]);
    expect(waitsFor()).toBe(told('check tcp 127.0.0.1:5432 of db is starting on gamma'));
    tell('gamma', 'db', { role: 'primary', serverRunning: true }, [check('well')]);
    expect(waitsFor()).toBeNull();
  });

  it('goes without it after the time that the module waits, and says so once', () => {
    add('web', waiting, { dependsOn: ['db'], dependencyTimeout: '0s' });
    add('db', null);
    const all = placements();
    expect([all.of('web')?.waitsFor, all.of('web')?.waitsFor]).toEqual([null, null]);
    const told = log.read({ limit: 10 }).filter(({ code }) => code === 'STARTED_WITHOUT_DEPENDENCY');
    expect(told.map(({ message }) => message)).toEqual([
      'web has waited for long enough and is started all the same: web depends on db: nothing is heard of db from alpha and gamma.',
    ]);
  });

  it('counts what is served here, and tells what each host carries and would have to', () => {
    const needs = { needs: { cpu: 1, memory: '3GiB' } };
    add('web', waiting, needs);
    add('db', serving, needs);
    const all = placements();
    expect(all.of('web')?.barred).toBe(
      'beta has no room for web beside db: 3 GiB of memory needed, 1 GiB of 4 GiB free',
    );
    expect(all.of('db')?.barred).toBeNull();
    const primaryOf = (name: string) => (name === 'db' ? 'beta' : null);
    const GiB = 2 ** 30;
    expect(all.load('beta', primaryOf)).toEqual({ cpu: 1, memory: 3 * GiB, cpuCapacity: 4, memoryCapacity: 4 * GiB });
    expect(all.load('alpha', primaryOf)).toEqual({ cpu: 0, memory: 0, cpuCapacity: 2, memoryCapacity: GiB });
    expect(all.load('gamma', primaryOf)).toMatchObject({ cpuCapacity: null });
    expect(all.whyNotAll('beta', ['web'], primaryOf)).toContain('beta has no room for web: ');
    expect(all.whyNotAll('beta', ['web'], () => null)).toBeNull();
    expect(all.warnings('web', primaryOf)).toEqual([
      'alpha is to run web, db, which need 6 GiB of memory of 1 GiB: not all of them are started.',
      'If alpha fails, beta is to run web, db, which need 6 GiB of memory of 4 GiB: not all of them are started.',
    ]);
  });

  it('gives the room of one host to one of two modules that are taken over in the same moment', () => {
    const needs = { needs: { memory: '3GiB' } };
    const at = { epoch: 1, cause: 'failover', firstSign: 0, since: 0 } as const;
    const link = { endpoint: { session: 's' }, connected: true, connectedAt: 0, spent: false };
    add('web', { at: 'following', ...at, ...link }, needs);
    add('db', { at: 'following', ...at, ...link }, needs);
    const all = placements();
    expect([all.of('web')?.barred, all.of('db')?.barred]).toEqual([null, null]);
    const isAsking = { at: 'asking', ...at, proposal: { expect: 0, record: grant, retryAt: 0 } } as const;
    const isFencing = { at: 'fencingPeer', ...at, grant, failure: null, retryAt: 0, isDone: false } as const;
    const taken: Role[] = [
      { ...isAsking, forced: false, peerEnded: true },
      { ...isFencing, isUnconfirmed: false },
      { at: 'entering', ...at, grant },
    ];
    for (const role of taken) {
      slots.pop();
      add('db', role, needs);
      expect(all.of('web')?.barred).toBe(
        'beta has no room for web beside db: 3 GiB of memory needed, 1 GiB of 4 GiB free',
      );
    }
  });

  it('leaves room for what comes first and follows the same host, should that end', () => {
    const needs = { needs: { memory: '3GiB' } };
    const link = { endpoint: { session: 's' }, connected: true, connectedAt: 0, spent: false };
    const following: Role = { at: 'following', epoch: 1, since: 0, ...link };
    add('web', following, needs);
    add('db', following, { ...needs, priority: 1 });
    const all = placements();
    expect(all.of('web')).toMatchObject({
      barred: null,
      heldBackWithAll: expect.stringContaining('beside db') as string,
    });
    expect(all.of('db')).toMatchObject({ barred: null, heldBackWithAll: null });
  });

  describe('of modules that follow a host whose agent has just died, and is still believed to serve them', () => {
    const link = { endpoint: { session: 's' }, connected: true, connectedAt: 0, spent: false };
    const following: Role = { at: 'following', epoch: 1, since: 0, ...link };
    const runsOnAlpha = (...names: string[]): void => {
      for (const name of names) tell('alpha', name, { role: 'primary', serverRunning: true });
    };

    it('lets one wait for what it depends on', () => {
      add('app', following, { dependsOn: ['db'] });
      add('db', following);
      runsOnAlpha('app', 'db');
      const all = placements();
      const waits = 'app starts after db, which it depends on: db does not run yet';
      expect(all.of('app')).toMatchObject({ barred: null, waitsFor: null, heldBackWithAll: waits });
      expect(all.of('db')).toMatchObject({ waitsFor: null, heldBackWithAll: null });
      const asking = { at: 'asking', epoch: 1, cause: 'failover', firstSign: 0, since: 0 } as const;
      slots.pop();
      add('db', {
        ...asking,
        proposal: { expect: 0, record: grant, retryAt: 0 },
        forced: false,
        peerEnded: true,
      });
      expect(all.of('app')).toMatchObject({ waitsFor: waits });
      slots.pop();
      add('db', serving);
      expect(all.of('app')).toMatchObject({ waitsFor: null, heldBackWithAll: null });
    });

    it('lets one wait for what is more urgent', () => {
      add('web', following);
      add('db', following, { priority: 1 });
      runsOnAlpha('web', 'db');
      const all = placements();
      const waits = 'web starts after db, which starts first on beta';
      expect(all.of('web')).toMatchObject({ barred: null, waitsFor: null, heldBackWithAll: waits });
      expect(all.of('db')).toMatchObject({ waitsFor: null, heldBackWithAll: null });
    });
  });

  it('keeps room for what is still being opened here, unless that has failed', () => {
    const needs = { needs: { memory: '3GiB' } };
    add('web', waiting, needs);
    add('db', waiting, { ...needs, priority: 1 });
    const [web, db] = slots;
    if (!web || !db) throw new Error('two were added');
    slots = [web, { ...db, runtime: null }];
    expect(placements().of('web')).toMatchObject({ barred: expect.stringContaining('beside db') as string });
    slots = [web, { ...db, runtime: null, failure: 'the directory is missing' }];
    expect(placements().of('web')).toMatchObject({ barred: null, waitsFor: null });
  });

  it('counts what is served here while a new program of the agent takes it over', () => {
    const needs = { needs: { memory: '3GiB' } };
    add('web', waiting, { ...needs, priority: 1 });
    add('db', serving, needs);
    const [web, db] = slots;
    if (!web || !db) throw new Error('two were added');
    slots = [web, { ...db, runtime: null, isServedAlready: true }];
    expect(placements().of('web')).toMatchObject({ barred: expect.stringContaining('beside db') as string });
  });

  describe('of two modules that are to be apart, of which this host has just begun to start one', () => {
    const asking: Role = {
      ...{ at: 'asking', cause: 'start', epoch: 1, firstSign: 0, since: 0, forced: false, peerEnded: true },
      proposal: { expect: 0, record: grant, retryAt: 0 },
    };
    /** What the core of the other one does when the other host could start it as well, and this host is the preferred one. */
    const whoGoesFirst = (how: 'preferred' | 'required') => {
      add('web', waiting, { antiAffinity: { [how]: ['web2'] } });
      add('web2', asking);
      const placement = placements().of('web') ?? null;
      const core = { ...coreOf('web', waiting), placement };
      const peer = { ...peerStatusOf(core, 0), able: true, barred: null, avoids: null };
      const state = { ...core, config: { ...core.config, hosts: ['beta', 'alpha'] as const } };
      return { placement, preference: preferenceOf(new Draft(state, 0, 'tick'), peer) };
    };

    it('lets the other host go first with the other one where that is preferred', () => {
      expect(whoGoesFirst('preferred')).toMatchObject({
        placement: { barred: null, avoids: 'web should rather run apart from web2, which beta runs' },
        preference: { host: 'peer', by: 'antiAffinity' },
      });
    });

    it('does not start the other one where that is required', () => {
      expect(whoGoesFirst('required')).toMatchObject({
        placement: { barred: 'beta starts web2, which must not run beside web', avoids: null },
        preference: { by: 'order' },
      });
    });
  });

  it('warns of what runs together and should not, and of what runs without what it depends on', () => {
    add('web', serving, { antiAffinity: { preferred: ['web2'] }, dependsOn: ['db'] });
    add('web2', serving);
    add('db', null);
    expect(placements().warnings('web2', () => 'beta')).toEqual([
      'web2 and web both run on beta, and should be kept apart.',
    ]);
    expect(placements().warnings('web', (name) => (name === 'web2' ? 'alpha' : 'beta'))).toEqual([
      'web depends on db: nothing is heard of db from alpha and gamma.',
    ]);
  });
});
