import { describe, expect, it } from 'vitest';
import { explain } from '../../../agent/explain/explain.ts';
import type { ExplainedFault, FaultName } from '../../../schemas/explain.ts';
import { clusterOf, etcd, moduleOf, noArbiter, scripts } from '../../support/explained.ts';

interface Setting {
  readonly failover?: object;
  readonly rest?: object;
  readonly cluster?: object;
}

function explained(fault: FaultName, host: string | null, { failover, rest, cluster }: Setting = {}): ExplainedFault {
  const module = moduleOf({ ...failover }, { ...rest });
  const { faults } = explain(module, clusterOf({ ...cluster }), { fault, host: host ?? undefined });
  const [only] = faults;
  if (only === undefined) throw new Error(`nothing is told of ${fault} on ${String(host)}`);
  return only;
}

/** Where the server runs at the end. */
function endsOn({ timeline }: ExplainedFault): readonly string[] {
  return ['alpha', 'beta'].filter((name) => timeline.findLast(({ host }) => host === name)?.server === 'running');
}

/** When the server first began to start on a host, milliseconds. */
function startedOn({ timeline }: ExplainedFault, name: string): number | null {
  return timeline.find(({ host, server, atMs }) => atMs > 0 && host === name && server === 'starting')?.atMs ?? null;
}

const said = ({ sentences }: ExplainedFault): string => sentences.join('\n');

describe('what a module does when a host loses power', () => {
  it.each([
    ['3s', 2500, 4000],
    ['800ms', 500, 1500],
  ])(
    'starts it on the other host within the detection time of %s and a moment, and stays there',
    (detection, from, to) => {
      const told = explained('power-loss', 'alpha', { failover: { detection } });
      expect(startedOn(told, 'beta')).toBeGreaterThan(from);
      expect(startedOn(told, 'beta')).toBeLessThan(to);
      expect(endsOn(told)).toEqual(['beta']);
      expect(said(told)).toMatch(/^If alpha loses power, web starts on beta .* later\.$/m);
      expect(said(told)).toContain('Nothing that was acknowledged is lost.');
      expect(said(told)).toContain('Until alpha is back, web runs on beta without a second copy.');
      expect(said(told)).toMatch(/^When alpha returns, web goes on running on beta\.$/m);
      expect(said(told)).toContain('alpha follows beta, and only what changed is copied.');
      expect(said(told)).toContain('web stays on beta until an operator moves it back, or beta fails.');
    },
  );

  it.each(['30s', '2m', '4m'])('waits for a detection time of %s', (detection) => {
    const told = explained('power-loss', 'alpha', { failover: { detection } });
    expect(startedOn(told, 'beta')).not.toBeNull();
    expect(endsOn(told)).toEqual(['beta']);
    const stalled = explained('stall', 'alpha', { failover: { detection } });
    expect(endsOn(stalled)).toEqual(['beta']);
    expect(stalled.timeline.findLast(({ host }) => host === 'alpha')?.state).toBe('SECOND');
  });

  it('goes on where it runs when the secondary loses power, after a write has waited', () => {
    const told = explained('power-loss', 'beta');
    expect(endsOn(told)).toEqual(['alpha']);
    expect(said(told)).toMatch(/^If beta loses power, web goes on running on alpha; a write waits .* meanwhile/m);
    expect(said(told)).toMatch(/^beta follows alpha, and only what changed is copied\.$/m);
    expect(told.timeline.findLast(({ host }) => host === 'alpha')).toMatchObject({
      state: 'PRIM',
      inSync: ['alpha', 'beta'],
    });
  });

  it('says what an operator has to do where nothing starts by itself', () => {
    for (const setting of [{ cluster: noArbiter }, { failover: { automatic: false } }]) {
      const told = explained('power-loss', 'alpha', setting);
      expect(said(told)).toMatch(
        /^If alpha loses power, web is down, and nothing starts it by itself\. On beta it waits: /m,
      );
      expect(said(told)).toContain('understudy force-primary web --host beta');
      expect(endsOn(told)).toEqual(['beta']);
    }
  });

  it('goes back by itself when the file says so, and tells a window that it waits for', () => {
    const told = explained('power-loss', 'alpha', { failover: { failback: 'automatic', failbackAfter: '2m' } });
    expect(said(told)).toMatch(
      /^When the pair has been whole for 2m, web is stopped in order on beta, and web starts on alpha/m,
    );
    expect(endsOn(told)).toEqual(['alpha']);
    const window = { failback: 'automatic', failbackWindow: 'Sunday 02:00-05:00' };
    expect(said(explained('power-loss', 'alpha', { failover: window }))).toContain(
      'it waits for: the window Sunday 02:00-05:00',
    );
  });

  it.each(['alpha', 'beta'])('comes back after both lost power, whichever returns first (%s)', (first) => {
    const told = explained('power-loss-of-both', first);
    expect(endsOn(told)).toEqual([first]);
    expect(said(told)).toContain('Nothing that was acknowledged is lost.');
  });

  it('never starts an old copy by itself, and names what forcing it costs', () => {
    const told = explained('secondary-then-primary', 'beta');
    expect(said(told)).toMatch(/beta is not in sync since epoch/);
    expect(said(told)).toMatch(
      /What web was told to be safe while it ran alone on alpha is not there: only alpha holds it\./,
    );
    expect(said(told)).toMatch(/^web waits on alpha: .*understudy resolve web/m);
  });
});

describe('what a module does when a network is cut', () => {
  it('goes on alone on the primary, and starts nowhere else, while both reach the arbiter', () => {
    for (const cluster of [{}, etcd]) {
      const told = explained('hosts-cut', null, { cluster });
      expect(endsOn(told)).toEqual(['alpha']);
      expect(startedOn(told, 'beta')).toBeNull();
    }
  });

  it('ends the server of a primary that is cut off before the other host starts its own', () => {
    const told = explained('isolated', 'alpha');
    const ended = told.timeline.find(({ host, server, atMs }) => atMs > 0 && host === 'alpha' && server === 'stopped');
    expect(ended?.atMs).toBeLessThan(startedOn(told, 'beta') ?? 0);
    expect(said(told)).toMatch(
      /the server of web on alpha is ended 1\.\d to \d\.\d s later, and web starts on beta .* after the fault/,
    );
    expect(endsOn(told)).toEqual(['beta']);
  });

  it('goes on over the other network without a restart when the replication network is cut', () => {
    const told = explained('replication-cut', null);
    expect(endsOn(told)).toEqual(['alpha']);
    expect(said(told)).toContain('web goes on running on alpha');
  });

  it('tells of two servers where the file takes that risk, and of nothing like it elsewhere', () => {
    const risky = { failover: { withoutArbiter: 'risk-split-brain' }, cluster: noArbiter };
    const told = explained('hosts-cut', null, risky);
    expect(said(told)).toMatch(/^If .* cut.*, web runs on alpha and on beta at the same time\.$/m);
    expect(said(told)).toContain('two servers of web write two histories');
    expect(said(told)).toContain('understudy resolve web');
    expect(said(explained('hosts-cut', null, { cluster: noArbiter }))).not.toContain('two histories');
  });
});

describe('what a module does without its arbiter', () => {
  it('goes on as if nothing was', () => {
    const told = explained('arbiter-lost', null);
    expect(endsOn(told)).toEqual(['alpha']);
    expect(said(told)).toMatch(/^If the arbiter \(gamma\) does not answer, web goes on running on alpha\.$/m);
  });

  it('does not fail over until the arbiter is back', () => {
    const told = explained('arbiter-lost-then-power-loss', 'alpha');
    expect(said(told)).toMatch(
      /loses power meanwhile, web is down, and nothing starts it by itself\. On beta it waits: no answer from the arbiter/,
    );
    expect(said(told)).toMatch(/^When the arbiter answers again, web starts on beta/m);
  });
});

describe('what a module does when its server, an agent, or a disk fails', () => {
  it('starts a server that died again on its host, and moves it when that does not help', () => {
    expect(said(explained('server-crash', 'alpha'))).toMatch(/web is started again on alpha at once/);
    const told = explained('server-crashes-again', 'alpha', { failover: { restarts: 2 } });
    expect(said(told)).toMatch(/web is started again on alpha 2 times; then web starts on beta/);
    expect(endsOn(told)).toEqual(['beta']);
  });

  it('misses a server that scripts have started only when something looks for it', () => {
    const silent = explained('server-crash', 'alpha', { rest: scripts });
    expect(endsOn(silent)).toEqual([]);
    expect(said(silent)).toContain('web is down, and nobody notices it');

    const check = { ...scripts.server.scripts, check: ['/etc/web-check'], checkInterval: '30s' };
    const looked = explained('server-crash', 'alpha', { rest: { server: { scripts: check } } });
    expect(endsOn(looked)).toEqual(['alpha']);
    expect(startedOn(looked, 'alpha')).toBeGreaterThan(10_000);
    expect(startedOn(looked, 'alpha')).toBeLessThan(40_000);
    expect(said(looked)).toMatch(/web is started again on alpha .* later/);

    const checks = [{ tcp: { port: 80, host: '10.0.0.50' }, every: '5s', onFailure: 'restart' }];
    const checked = explained('server-crash', 'alpha', { rest: { ...scripts, checks } });
    expect(endsOn(checked)).toEqual(['alpha']);
    expect(said(checked)).toMatch(/web is started again on alpha .* later/);
  });

  it('says of restarts that come to no end that they do not', () => {
    const alone = explained('server-crashes-again', 'alpha', { failover: { automatic: false } });
    expect(said(alone)).toMatch(/web is started on alpha again and again, the first time .*, until somebody mends it/);
    expect(alone.sentences.filter((each) => each.startsWith('It may also come otherwise'))).toEqual([]);
    const patient = explained('server-crashes-again', 'alpha', { failover: { restarts: 100, restartPeriod: '10m' } });
    expect(said(patient)).toContain('again and again');
    const hasty = explained('server-crashes-again', 'alpha', { failover: { restarts: 100, restartPeriod: '24h' } });
    expect(said(hasty)).toMatch(/web is started again on alpha 100 times; then web starts on beta/);
  });

  it('waits for a check that takes long until it counts, and leaves out what nobody would wait for', () => {
    const check = (every: string) => ({
      rest: { checks: [{ tcp: { port: 80, host: '10.0.0.50' }, every, onFailure: 'failover' }] },
    });
    const slow = explained('check-fails', 'alpha', check('3m'));
    expect(endsOn(slow)).toEqual(['beta']);
    const { faults, assumptions } = explain(moduleOf({}, check('30m').rest), clusterOf(), { fault: 'check-fails' });
    expect(faults).toEqual([]);
    expect(assumptions.join('\n')).toContain('takes long until it is over: the check “tcp 10.0.0.50:80” fails');
  });

  it('counts the question for virtual addresses', () => {
    const address = { virtualAddresses: [{ address: '10.77.0.100/24', network: 'lan' }] };
    const [without, with_] = [{}, address].map((rest) => {
      const [first = ''] = explained('power-loss', 'alpha', { rest }).sentences;
      return Number(/(?:about |to )([0-9.]+) s later/.exec(first)?.[1]);
    });
    expect((with_ ?? 0) - (without ?? 0)).toBeGreaterThan(0.3);
  });

  it('takes over at once from an agent that was killed, as its server is known to be dead', () => {
    const told = explained('agent-killed', 'alpha');
    expect(startedOn(told, 'beta')).toBeLessThan(1500);
    expect(endsOn(told)).toEqual(['beta']);
    expect(endsOn(explained('agent-killed', 'beta'))).toEqual(['alpha']);
  });

  it('ends what a killed agent has left of a server that scripts run, and has one in the end', () => {
    const told = explained('agent-killed', 'alpha', { rest: scripts });
    expect(endsOn(told)).toHaveLength(1);
    expect(told.timeline.some(({ host, server }) => host === 'alpha' && server === 'orphaned')).toBe(true);
  });

  it('moves away from a disk that fails, or stays if the file says so', () => {
    expect(endsOn(explained('disk-error', 'alpha'))).toEqual(['beta']);
    const mirror = { directories: ['/srv/vm/web'], onDiskError: 'report' };
    expect(endsOn(explained('disk-error', 'alpha', { rest: { mirror } }))).toEqual(['alpha']);
    expect(endsOn(explained('disk-error', 'beta'))).toEqual(['alpha']);
  });

  it('does what the file says when a check fails', () => {
    const check = (onFailure: string) => ({ rest: { checks: [{ tcp: { port: 80, host: '10.0.0.50' }, onFailure }] } });
    const restarted = explained('check-fails', 'alpha', check('restart'));
    expect(restarted.subject).toBe('tcp 10.0.0.50:80');
    expect(said(restarted)).toMatch(
      /web is started again on alpha 3 times; then web is stopped in order on alpha, and web starts on beta/,
    );
    expect(endsOn(explained('check-fails', 'alpha', check('failover')))).toEqual(['beta']);
    expect(endsOn(explained('check-fails', 'alpha', check('wait')))).toEqual([]);
    const reported = explained('check-fails', 'alpha', check('report'));
    expect(endsOn(reported)).toEqual(['alpha']);
    expect(said(reported)).toContain('only reported');
  });

  it('moves to the host that meets the conditions', () => {
    const conditions = [{ name: 'gateway', ping: { host: '10.77.0.254' } }];
    expect(endsOn(explained('condition-fails', 'alpha', { failover: { conditions } }))).toEqual(['beta']);
  });

  it('takes over from a host that stands still, whose server is ended when it goes on', () => {
    const told = explained('stall', 'alpha');
    expect(endsOn(told)).toEqual(['beta']);
    expect(told.timeline.findLast(({ host }) => host === 'alpha')?.state).toBe('SECOND');
  });
});

describe('what operators do', () => {
  it('moves, stops, starts and drains as asked', () => {
    expect(endsOn(explained('switchover', 'alpha'))).toEqual(['beta']);
    expect(said(explained('switchover', 'alpha'))).toMatch(/web is stopped in order on alpha, and web starts on beta/);
    const stopped = explained('stop', 'alpha');
    expect(said(stopped)).toMatch(/web is stopped in order on alpha, and nothing starts it/);
    expect(endsOn(stopped)).toEqual(['alpha']);
    expect(endsOn(explained('drain', 'alpha'))).toEqual(['beta']);
    expect(endsOn(explained('agent-stopped', 'alpha'))).toEqual(['beta']);
    expect(endsOn(explained('cold-start', null))).toEqual(['alpha']);
  });
});

describe('fencing by command', () => {
  it('powers the silent host off before the module starts', () => {
    const fence = { hosts: { alpha: [{ agent: 'fence_dummy' }], beta: [{ agent: 'fence_dummy' }] } };
    const told = explained('isolated', 'alpha', { cluster: { fence } });
    expect(said(told)).toContain('Before web starts on beta, alpha is powered off by its fencing device.');
    expect(endsOn(told)).toEqual(['beta']);
  });
});
