import { describe, expect, it } from 'vitest';
import { ClusterStore } from '../../../extension/model/clusterStore.ts';
import { formatDuration } from '../../../extension/model/format.ts';
import { actionFacts } from '../../../extension/model/actionFacts.ts';
import { forceRisk, resolveEffect, startEffect } from '../../../extension/model/actionEffects.ts';
import {
  addressFacts,
  heldBackReplica,
  linkFacts,
  moduleFacts,
  moduleWords,
  replicaFacts,
} from '../../../extension/model/moduleFacts.ts';
import { TrafficHistory } from '../../../extension/model/trafficHistory.ts';
import type { ModuleStatus, ReplicaStatus } from '../../../schemas/generated/api.ts';
import { unheardSince } from '../../../schemas/unheard.ts';
import { moduleStatus, replicaStatus, snapshotOf } from '../../support/memoryFacade.ts';

function pair(alpha: ReplicaStatus, beta: ReplicaStatus, extra: Partial<ModuleStatus> = {}): ModuleStatus {
  return moduleStatus('web', { onHosts: [alpha, beta], ...extra });
}

function enabled(module: ModuleStatus, connected = true): string[] {
  return actionFacts(module, connected)
    .filter((action) => action.enabled)
    .map((action) => action.name);
}

const prim = replicaStatus('alpha', 'PRIM');
const second = replicaStatus('beta', 'SECOND');

it('tells on which host each virtual address is, as far as known', () => {
  const virtualAddresses = [{ address: '10.77.0.100', interface: 'br0' }];
  const all = { virtualAddresses: ['10.77.0.100', 'fd00::100'] };
  expect(addressFacts(pair({ ...prim, virtualAddresses }, second, all))).toEqual([
    { address: '10.77.0.100', host: 'alpha' },
    { address: 'fd00::100', host: null },
  ]);
  expect(addressFacts(pair({ ...prim, virtualAddresses, known: false }, second, all))[0]?.host).toBeNull();
  expect(addressFacts(pair(prim, second))).toEqual([]);
});

it('tells the state of a module with all of its hosts', () => {
  const words = (alpha: ReplicaStatus, beta: ReplicaStatus, extra: Partial<ModuleStatus> = {}): string =>
    moduleWords(pair(alpha, beta, extra));
  const alone = replicaStatus('alpha', 'ALONE');
  const stopped = { state: 'stopped' as const, detail: null, startedAt: null, restarts: 0 };
  expect(words(prim, second)).toBe('PRIM on alpha, SECOND on beta, in sync');
  expect(words(alone, { ...second, known: false }, { inSync: ['alpha'] })).toBe(
    'ALONE on alpha, beta not reachable, no secondary',
  );
  expect(words({ ...prim, transition: 'starting' }, second)).toBe('PRIM on alpha, starting, SECOND on beta');
  expect(words(alone, { ...second, transition: 'resynchronising' })).toBe(
    'ALONE on alpha, SECOND on beta, resynchronising',
  );
  expect(words({ ...prim, server: stopped }, second)).toBe('PRIM on alpha, server stopped, SECOND on beta');
  const none = { primary: null, desired: 'stopped' as const };
  expect(words(replicaStatus('alpha', 'STOP'), replicaStatus('beta', 'STOP'), none)).toBe('STOP on both hosts');
});

describe("what a module's state means", () => {
  it('is good for a healthy pair, which may be switched over and stopped', () => {
    const module = pair(prim, second);
    expect(moduleFacts(module)).toEqual({ severity: 'good', word: 'PRIM', label: 'on alpha, in sync' });
    expect(linkFacts(module)).toMatchObject({ kind: 'in-sync', from: 'alpha', to: 'beta' });
    expect(enabled(module)).toEqual(['stop', 'switchover', 'verify']);
  });

  it('may be started all the same where a host holds it back for other modules', () => {
    const heldBack = 'beta has no room for web';
    const wait = replicaStatus('beta', 'WAIT', { heldBack });
    const module = pair({ ...replicaStatus('alpha', 'SECOND'), known: false }, wait, { primary: null });
    expect(heldBackReplica(module)).toMatchObject({ host: 'beta', heldBack });
    expect(enabled(module)).toContain('start');
    expect(heldBackReplica(pair(prim, wait))).toBeUndefined();
    expect(heldBackReplica(pair(prim, second))).toBeUndefined();
  });

  it('is an error while a check of the server has failed, and only then', () => {
    const check = (name: string, state: 'failing' | 'failed') => {
      return { name, state, since: '2026-01-01T00:00:00Z', error: 'connection refused', onFailure: 'report' as const };
    };
    const facts = (...checks: ReturnType<typeof check>[]) => moduleFacts(pair({ ...prim, checks }, second));
    expect(facts(check('a', 'failing'))).toMatchObject({ severity: 'good' });
    expect(facts(check('a', 'failing'), check('tcp web:80', 'failed'))).toEqual({
      ...{ severity: 'error', word: 'PRIM', label: 'on alpha, check tcp web:80 failed' },
    });
    expect(facts(check('a', 'failed'), check('b', 'failed')).label).toBe('on alpha, 2 checks failed');
  });

  it('is busy while the secondary is brought up to date, with no switchover', () => {
    const resync = { kind: 'delta' as const, cause: '', toCheck: 2, checked: 1, sent: 1, rate: 1, secondsLeft: 1 };
    const module = pair({ ...prim, resync }, { ...second, transition: 'resynchronising' }, { inSync: ['alpha'] });
    expect(moduleFacts(module).severity).toBe('busy');
    expect(linkFacts(module)).toMatchObject({ kind: 'resynchronising', from: 'alpha' });
    expect(enabled(module)).toEqual(['stop', 'pauseResync', 'paceResync']);
  });

  it('warns of a resync that is paused, with who paused it, and offers to go on', () => {
    const resync = { kind: 'full' as const, cause: '', toCheck: 2, checked: 1, sent: 1, rate: 0, secondsLeft: null };
    const alone = replicaStatus('alpha', 'ALONE', { resync, resyncPaused: { at: '2026-01-01T00:00:00Z', by: 'ann' } });
    const other = { ...second, transition: 'resynchronising' as const };
    const module = pair(alone, other, { inSync: ['alpha'] });
    expect(moduleFacts(module)).toEqual({ severity: 'warning', word: 'ALONE', label: 'on alpha, resync paused' });
    expect(replicaFacts(other, module)).toEqual({ severity: 'warning', word: 'SECOND', label: 'resync paused' });
    expect(linkFacts(module).detail).toBe(
      'beta is not in sync, and does not take over when alpha fails, until its resync is resumed. ann paused it.',
    );
    expect(enabled(module)).toEqual(['stop', 'resumeResync', 'paceResync']);
    // The secondary is away meanwhile.
    expect(enabled(pair({ ...alone, resync: null }, { ...second, known: false }))).toEqual(['stop', 'resumeResync']);
  });

  it('warns of a primary alone, and never calls a replica that is not reachable in sync', () => {
    const module = pair(replicaStatus('alpha', 'ALONE'), { ...second, known: false });
    expect(moduleFacts(module)).toMatchObject({ severity: 'warning', word: 'ALONE' });
    expect(linkFacts(module).kind).toBe('broken');
    expect(replicaFacts({ ...second, known: false }, module)).toMatchObject({
      severity: 'unknown',
      word: 'not reachable',
    });
    expect(enabled(module)).not.toContain('switchover');
    expect(enabled(module)).not.toContain('forcePrimary');
  });

  it('names no last state of a replica that was never heard', () => {
    const facts = (since: string) => replicaFacts({ ...second, known: false, since }, pair(prim, second));
    expect(facts('2026-01-01T00:00:00.000Z').label).toBe('(last SECOND)');
    expect(facts(unheardSince)).toEqual({
      ...{ severity: 'unknown', word: 'not reachable', label: '(not heard yet)' },
    });
  });

  it('is an error while the disk of the primary has failed', () => {
    const failed = pair(
      { ...replicaStatus('alpha', 'PRIM'), diskError: { code: 'EIO', at: '' } },
      replicaStatus('beta', 'SECOND'),
    );
    expect(moduleFacts(failed)).toMatchObject({ severity: 'error', label: 'on alpha, whose disk has failed' });
  });

  it('is an error while the disk of the primary does not answer', () => {
    const silent = pair(
      { ...replicaStatus('alpha', 'PRIM'), diskSilentSince: '2026-01-01T00:00:00.000Z' },
      replicaStatus('beta', 'SECOND'),
    );
    expect(moduleFacts(silent)).toMatchObject({ severity: 'error', label: 'on alpha, whose disk does not answer' });
  });

  it('is an error while the server of the primary does not run, and offers to start it', () => {
    const server = {
      state: 'stopped' as const,
      detail: 'it ended: web is in maintenance',
      startedAt: null,
      restarts: 0,
    };
    const ended = pair({ ...prim, server }, second);
    expect(moduleFacts(ended)).toEqual({ severity: 'error', word: 'PRIM', label: 'on alpha, server stopped' });
    expect(replicaFacts({ ...prim, server }, ended)).toMatchObject({ severity: 'error', label: 'server stopped' });
    expect(actionFacts(ended, true)[0]).toMatchObject({ enabled: true, hint: 'Start the server on alpha.' });

    const alone = pair({ ...prim, state: 'ALONE', server }, { ...second, known: false });
    expect(moduleFacts(alone)).toMatchObject({ severity: 'error', label: 'on alpha, server stopped' });

    const paused = { ...prim, server: { ...server, state: 'paused' as const } };
    expect(moduleFacts(pair(paused, second))).toMatchObject({ severity: 'error', label: 'on alpha, server paused' });
    expect(enabled(pair(paused, second))).not.toContain('start');
  });

  it('is an error while the server cannot start, and busy only while nothing speaks against it', () => {
    const starting = (detail: string | null, transition: 'starting' | 'stopping' = 'starting') => {
      const server = { state: 'stopped' as const, detail, startedAt: null, restarts: 0 };
      return pair({ ...prim, state: 'ALONE', transition, server }, second, { inSync: ['alpha'] });
    };
    const failed = starting('address 10.0.0.50 is in use');
    expect(moduleFacts(failed)).toMatchObject({
      ...{ severity: 'error', label: 'on alpha, server stopped: address 10.0.0.50 is in use' },
    });
    expect(enabled(failed)).toContain('start');
    expect(moduleFacts(starting(null))).toMatchObject({ severity: 'busy', label: 'starting on alpha' });
    expect(enabled(starting(null))).not.toContain('start');
    expect(moduleFacts(starting('it ended', 'stopping')).severity).toBe('busy');
    expect(enabled(starting('it ended', 'stopping'))).not.toContain('start');
  });

  it('is an error also while a secondary is brought up to date', () => {
    const resync = { kind: 'delta' as const, cause: '', toCheck: 2, checked: 1, sent: 1, rate: 1, secondsLeft: 1 };
    const behind = { ...second, transition: 'resynchronising' as const };
    const resyncing = (extra: Partial<ReplicaStatus>) =>
      pair({ ...replicaStatus('alpha', 'ALONE', { resync }), transition: 'resynchronising', ...extra }, behind, {
        inSync: ['alpha'],
      });
    const diskError = { code: 'EIO', at: '' };
    const since = '2026-01-01T00:00:00Z';
    expect(moduleFacts(resyncing({})).severity).toBe('busy');
    expect(moduleFacts(resyncing({ diskError })).label).toBe('on alpha, whose disk has failed');
    expect(moduleFacts(resyncing({ diskSilentSince: since })).label).toBe('on alpha, whose disk does not answer');
    const checks = [{ name: 'http', state: 'failed' as const, since, error: null, onFailure: 'report' as const }];
    expect(moduleFacts(resyncing({ checks })).label).toBe('on alpha, check http failed');
    const server = { state: 'stopped' as const, detail: 'no image', startedAt: null, restarts: 0 };
    expect(moduleFacts(resyncing({ transition: 'starting', server })).label).toBe('on alpha, server stopped: no image');
    expect(replicaFacts({ ...prim, transition: 'resynchronising', diskError }, resyncing({}))).toMatchObject({
      ...{ severity: 'error', label: 'disk failed' },
    });
    // A resync into it is what mends the disk of a secondary.
    expect(replicaFacts({ ...behind, diskError }, resyncing({}))).toMatchObject({ severity: 'busy' });
  });

  it('is an error while the other host cannot be fenced, and says what a force risks then', () => {
    const reason = 'beta could not be fenced (no answer)';
    const alpha = replicaStatus('alpha', 'WAIT', { reason, notFenced: 'no answer' });
    const module = pair(alpha, { ...prim, host: 'beta', known: false }, { primary: null, inSync: ['alpha'] });
    expect(moduleFacts(module)).toEqual({ severity: 'error', word: 'WAIT', label: reason });
    expect(replicaFacts(alpha, module)).toEqual({ severity: 'error', word: 'WAIT', label: 'beta not fenced' });
    expect(actionFacts(module, true).find(({ name }) => name === 'forcePrimary')).toMatchObject({
      ...{ enabled: true, hosts: ['alpha'] },
      hint: 'Start alpha, although beta could not be fenced and may still run the server. No acknowledged write is lost.',
    });
    expect(forceRisk(module, 'alpha').effect).toMatch(/^alpha holds every acknowledged write.*two/);
    const other = pair(
      replicaStatus('alpha', 'WAIT'),
      { ...second, known: false },
      { primary: null, inSync: ['beta'] },
    );
    expect(forceRisk(other, 'alpha').effect).toMatch(/Acknowledged writes that only beta holds will be missing/);
  });

  it('is an error with two histories, which can be resolved either way', () => {
    const diverged = { since: 2, epoch: 3, from: 'alpha', fromEpoch: 4 };
    const module = pair(replicaStatus('alpha', 'ALONE'), { ...replicaStatus('beta', 'WAIT'), diverged });
    expect(moduleFacts(module)).toMatchObject({ severity: 'error', label: 'on alpha, beta has diverged' });
    expect(linkFacts(module).label).toBe('diverged');
    expect(actionFacts(module, true).find(({ name }) => name === 'resolve')).toMatchObject({
      enabled: true,
      hosts: ['alpha', 'beta'],
    });
    expect(enabled(pair(prim, second))).not.toContain('resolve');
  });

  it('is an error while writes are frozen', () => {
    const module = pair({ ...prim, transition: 'frozen' }, { ...second, known: false });
    expect(moduleFacts(module)).toMatchObject({ severity: 'error', label: 'frozen on alpha' });
    expect(linkFacts(module).kind).toBe('frozen');
  });

  it('tells why a module waits, and lets a primary be forced only where a host is reachable', () => {
    const reason = 'The arbiter names beta, which is not reachable.';
    const module = pair(
      { ...replicaStatus('alpha', 'WAIT'), reason },
      { ...replicaStatus('beta', 'STOP'), known: false },
      { primary: null },
    );
    expect(moduleFacts(module)).toEqual({ severity: 'error', word: 'WAIT', label: reason });
    expect(actionFacts(module, true).find(({ name }) => name === 'forcePrimary')).toMatchObject({
      enabled: true,
      hosts: ['alpha'],
    });
  });

  it('says of a host in sync what a force risks although, and promises nothing for a choice of hosts', () => {
    const stopped = (inSync: string[]) =>
      pair(replicaStatus('alpha', 'STOP'), replicaStatus('beta', 'STOP'), { primary: null, inSync });
    const hintOf = (module: ModuleStatus) =>
      actionFacts(module, true).find(({ name }) => name === 'forcePrimary')?.hint;
    expect(forceRisk(stopped(['alpha', 'beta']), 'alpha').effect).toMatch(
      /^As far as is known alpha holds every acknowledged write\. But if beta has gone on without it since/,
    );
    expect(forceRisk(stopped(['beta']), 'alpha').effect).toMatch(/writes that only beta holds will be missing/);
    expect(hintOf(stopped(['alpha']))).toBe(
      'Start one of the hosts, which you choose. What each of them risks is said before.',
    );
    const alone = pair(replicaStatus('alpha', 'WAIT'), { ...second, known: false }, { primary: null });
    expect(hintOf(alone)).toBe(forceRisk(alone, 'alpha').hint);
  });

  it('says that a start beside a primary starts the mirror on the other host only', () => {
    const alone = (state: 'STOP' | 'WAIT', extra: Partial<ReplicaStatus> = {}) =>
      pair(replicaStatus('alpha', 'ALONE'), replicaStatus('beta', state, extra));
    expect(startEffect(alone('STOP'))).toEqual({
      ...{ hint: 'Start the mirror on beta.', effect: 'The mirror starts on beta; alpha goes on serving it.' },
    });
    expect(enabled(alone('STOP'))).toContain('start');
    expect(enabled(alone('WAIT'))).toContain('start');
    // That is for a resolve.
    const diverged = { since: 2, epoch: 3, from: 'alpha', fromEpoch: 4 };
    expect(enabled(alone('WAIT', { diverged }))).not.toContain('start');
    const both = pair(replicaStatus('alpha', 'STOP'), replicaStatus('beta', 'STOP'));
    expect(startEffect(both).effect).toBe('The mirror starts on alpha and beta, then the server on one of them.');
  });

  it('says of a resolve that a server is stopped, or goes on, only where one runs', () => {
    const diverged = { since: 2, epoch: 3, from: 'alpha', fromEpoch: 4 };
    const waits = replicaStatus('beta', 'WAIT', { diverged });
    const served = pair(replicaStatus('alpha', 'ALONE'), waits);
    expect(resolveEffect(served, 'alpha')).toMatch(/The server goes on running on alpha\.$/);
    expect(resolveEffect(served, 'beta')).toMatch(/The server is stopped on alpha and started on beta, without/);
    const unserved = pair(replicaStatus('alpha', 'WAIT'), waits, { primary: null });
    expect(resolveEffect(unserved, 'alpha')).toMatch(/The server is started on alpha, without .* on beta since\.$/);
    expect(resolveEffect(unserved, 'beta')).toMatch(/The server is started on beta, without .* on alpha since\.$/);
    expect(resolveEffect(pair(prim, second), 'alpha')).toBeUndefined();
  });

  it('does not claim for a host that is not reachable that it is stopped', () => {
    const away = { ...replicaStatus('beta', 'PRIM'), known: false };
    const module = (desired: 'started' | 'stopped') =>
      pair(replicaStatus('alpha', 'STOP'), away, { desired, primary: null });
    const label = 'on alpha; beta is not reachable';
    expect(moduleFacts(module('started'))).toEqual({ severity: 'warning', word: 'STOP', label });
    expect(moduleFacts(module('stopped'))).toEqual({ severity: 'unknown', word: 'STOP', label });
    expect(linkFacts(module('started')).detail).toBe('No host that can be reached serves the mirror.');
    expect(linkFacts(module('stopped')).detail).toBe('The module is stopped on alpha; beta is not reachable.');
  });

  it('is neutral when stopped on purpose', () => {
    const module = pair(replicaStatus('alpha', 'STOP'), replicaStatus('beta', 'STOP'), {
      desired: 'stopped',
      primary: null,
    });
    expect(moduleFacts(module).severity).toBe('neutral');
    expect(linkFacts(module).kind).toBe('stopped');
    expect(enabled(module)).toContain('start');
    expect(enabled(module)).not.toContain('stop');
  });

  it('offers a verify of a healthy pair, its end while it runs, and a repair of what it found', () => {
    const verify = {
      ...{ startedAt: '2026-01-01T00:00:00Z', names: 1, toCheck: 2, checked: 1, differences: 0 },
      ...{ rate: 1, secondsLeft: 1 },
    };
    const lastVerify = {
      ...{ at: '2026-01-01T00:00:00Z', host: 'alpha', by: 'ann', outcome: 'complete' as const, reason: null },
      ...{ names: 1, checked: 2, durationMs: 3, total: 2, differences: [] },
    };
    const repair = {
      ...{ at: '2026-01-01T00:00:00Z', by: 'ann', host: 'beta', differences: 2 },
      phase: 'begun' as const,
    };
    const offered = (module: ModuleStatus) =>
      enabled(module).filter((name) => ['verify', 'stopVerify', 'repair'].includes(name));
    expect(offered(pair(prim, second))).toEqual(['verify']);
    expect(offered(pair({ ...prim, verify }, second, { lastVerify }))).toEqual(['stopVerify']);
    expect(offered(pair(prim, second, { lastVerify }))).toEqual(['verify', 'repair']);
    expect(offered(pair(prim, second, { lastVerify: { ...lastVerify, total: 0 } }))).toEqual(['verify']);
    expect(offered(pair(prim, second, { lastVerify: { ...lastVerify, outcome: 'stopped' } }))).toEqual(['verify']);
    expect(offered(pair(prim, second, { lastVerify: { ...lastVerify, repair } }))).toEqual(['verify']);
    expect(offered(pair(prim, { ...second, known: false }, { lastVerify }))).toEqual([]);
    const hint = actionFacts(pair(prim, second, { lastVerify }), true).find(({ name }) => name === 'repair')?.hint;
    expect(hint).toBe('Overwrite 2 differences on beta with what alpha holds.');
  });

  it('offers nothing without a connection, and says why', () => {
    const module = pair(prim, second);
    expect(enabled(module, false)).toEqual([]);
    expect(actionFacts(module, false)[0]?.hint).toBe('Not connected to the cluster.');
  });
});

describe('the last known state', () => {
  it('takes changes over, ignores older ones, and grows old without a connection', () => {
    let now = 1000;
    const store = new ClusterStore(() => now);
    expect(store.age).toBeNull();
    const { time, arbiter } = snapshotOf();
    store.replace(snapshotOf());
    const changed = moduleStatus('web', { primary: 'beta' });
    expect(store.apply({ revision: 2, time, arbiter, hosts: [], modules: [changed] })).toMatchObject({
      structure: false,
      modules: ['web'],
    });
    expect(store.module('web')?.primary).toBe('beta');
    expect(store.apply({ revision: 2, time, arbiter, hosts: [], modules: [moduleStatus('web')] })).toBeNull();
    expect(store.module('web')?.primary).toBe('beta');
    expect(store.age).toBe(0);
    store.disconnected();
    now += 12_000;
    expect(store.age).toBe(12_000);
    store.replace(snapshotOf());
    expect(store.age).toBe(0);
  });

  it('notices modules that come', () => {
    const store = new ClusterStore(() => 0);
    store.replace(snapshotOf());
    const { time, arbiter } = snapshotOf();
    const event = { revision: 9, time, arbiter, hosts: [], modules: [moduleStatus('db')] };
    expect(store.apply(event)?.structure).toBe(true);
  });
});

describe('the history of traffic', () => {
  it('keeps five minutes, no faster than a plot can show, and gaps where nothing is known', () => {
    const history = new TrafficHistory();
    const module = moduleStatus('web');
    expect(history.add(module, 1000)?.bytesPerSecond).toBe(4096);
    expect(history.add(module, 1100)).toBeNull();
    expect(history.add(pair(replicaStatus('alpha', 'STOP'), second), 2000)?.bytesPerSecond).toBeNull();
    for (let second = 3; second < 400; second++) history.add(module, second * 1000);
    expect(history.samples.length).toBeLessThanOrEqual(301);
    expect(history.samples[0]?.time).toBeGreaterThanOrEqual(99_000);
  });

  it('ends the line of a plot once when the connection is lost', () => {
    const history = new TrafficHistory();
    expect(history.addGap(500)).toBeNull();
    history.add(moduleStatus('web'), 1000);
    expect(history.addGap(1001)).toEqual({
      ...{ time: 1001, bytesPerSecond: null, writesPerSecond: null, lagMicros: null },
    });
    expect(history.addGap(1002)).toBeNull();
    expect(history.samples).toHaveLength(2);
  });
});

describe('words for numbers', () => {
  it.each([
    [850, '850 ms'],
    [2310, '2.3 s'],
    [65_000, '65 s'],
    [600_000, '10 min'],
    [90_000_000, '25 h'],
  ])('%d ms are %s', (milliseconds, words) => expect(formatDuration(milliseconds)).toBe(words));
});
