import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { renderMetrics } from '../../agent/api/metrics.ts';
import { renderStatus } from '../../agent/cli/statusView.ts';
import type { Liveness } from '../../agent/host/suspicion.ts';
import { ClusterView, type ClusterViewOptions } from '../../agent/runtime/clusterView.ts';
import { resolveCluster, resolveModule } from '../../schemas/defaults.ts';
import type { ChangedEvent, ModuleStatus } from '../../schemas/generated/api.ts';
import type { ClusterFile } from '../../schemas/generated/cluster.ts';
import type { LinkModule, LinkVersion } from '../../schemas/generated/link.ts';
import type { ModuleFile } from '../../schemas/generated/module.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('tells a client of a change that is undone before anybody was told of it, but is in the snapshot of that client', () => {
  let isReachable = true;
  const cluster = { name: 'site', hosts: [], arbiter: { kind: 'etcd', endpoints: [] } };
  const view = new ClusterView({
    configuration: { cluster, self: { name: 'alpha' } },
    slots: [],
    version: () => ({ number: 1, hash: '', files: {}, edited: [], problem: null }),
    arbiterReachable: () => isReachable,
  } as unknown as ClusterViewOptions);
  view.onChange(() => undefined);
  vi.advanceTimersByTime(3000);

  isReachable = false;
  const told: ChangedEvent[] = [];
  view.onChange((event) => told.push(event));
  const snapshot = view.snapshot();
  expect(snapshot.arbiter.reachable).toBe(false);
  isReachable = true;
  vi.advanceTimersByTime(3000);
  expect(told.at(-1)).toMatchObject({ arbiter: { reachable: true } });
  expect(told.at(-1)?.revision).toBeGreaterThan(snapshot.revision);
  view.close();
});

it('what was heard of a module counts for two seconds, or less where modules are missed sooner', () => {
  const view = new ClusterView({} as unknown as ClusterViewOptions);
  const web = {} as unknown as LinkModule;
  view.heard('alpha', { web }, {} as unknown as LinkVersion);
  vi.advanceTimersByTime(1400);
  expect(view.lately('alpha', 'web')).toBe(web);
  expect(view.lately('alpha', 'web', 1350)).toBeNull();
  vi.advanceTimersByTime(700);
  expect(view.lately('alpha', 'web')).toBeNull();
  expect(view.lately('alpha', 'web', 10_000)).toBeNull();
});

/** What alpha shows of the module "web", which it has not opened yet, and of beta. */
function seenFromAlpha({
  arbiter = { witness: 'gamma' },
  failover = {},
  beta = 'alive',
}: {
  readonly arbiter?: ClusterFile['arbiter'];
  readonly failover?: ModuleFile['failover'];
  readonly beta?: Liveness;
}): ClusterView {
  const hosts = { alpha: { lan: '10.77.0.1' }, beta: { lan: '10.77.0.2' }, gamma: { lan: '10.77.0.3' } };
  const cluster = resolveCluster({ name: 'site', networks: { lan: {} }, hosts, arbiter });
  const module = resolveModule({
    name: 'web',
    hosts: ['alpha', 'beta'],
    mirror: { directories: ['/srv/web'] },
    server: { scripts: { start: ['/start'], stop: ['/stop'] } },
    failover,
  });
  const links = {
    reachable: () => true,
    liveness: (host: string): Liveness => (host === 'beta' ? beta : 'alive'),
    lastSeen: () => new Date(),
    version: () => '0.1.0',
    certificateEnd: () => null,
    networks: (host: string) => [
      { network: 'lan', address: hosts[host as keyof typeof hosts].lan, up: true, rttMs: 1 },
    ],
  };
  return new ClusterView({
    configuration: { cluster, self: cluster.hosts[0], modules: [module] },
    agentVersion: '0.1.0',
    links,
    slots: [{ module, isOurs: true, failure: null, runtime: null }],
    placements: { load: () => null, warnings: () => [] },
    hostDrain: () => null,
    fenceStatus: () => null,
    version: () => ({ number: 1, hash: '', files: {}, edited: [], problem: null }),
    ownCertificateEnd: () => new Date('2056-01-01T00:00:00Z'),
    certificateNotice: () => null,
    arbiterReachable: () => true,
  } as unknown as ClusterViewOptions);
}

const warningsOf = (view: ClusterView): ModuleStatus['warnings'] => view.snapshot().modules[0]?.warnings ?? [];

it.each([
  ['manual', /^No arbiter: automatic failover is off, an operator has to force the other host\.$/, 'manual failover'],
  ['risk-split-brain', /^No arbiter, and "risk-split-brain" .* both run the server\.$/, 'automatic failover'],
] as const)(
  'a module warns of a cluster without an arbiter, and so does the status (%s)',
  (withoutArbiter, text, how) => {
    const view = seenFromAlpha({ arbiter: 'none', failover: { withoutArbiter } });
    expect(warningsOf(view)).toEqual([expect.stringMatching(text)]);
    const status = renderStatus(view.snapshot(), null, false);
    expect(status).toContain(`warning: ${warningsOf(view).join()}\n`);
    expect(status).toMatch(/^no arbiter: failover is manual unless a module takes the risk$/m);
    expect(status).toMatch(new RegExp(`^module web .*${how}`, 'm'));
    expect(warningsOf(seenFromAlpha({ failover: { withoutArbiter } }))).toEqual([]);
  },
);

it('a host that is late or slow is suspect in the status, the metrics, and what the modules of the pair warn of', () => {
  const line = /^beta +host +suspect /m;
  const warning = 'beta is suspect: late, or slow. It is taken for failed when it is silent for 0.8 s.';
  const metric = (value: number): string => `understudy_host_suspect{host="beta"} ${String(value)}\n`;
  const suspect = seenFromAlpha({ beta: 'suspect', failover: { detection: '800ms' } });
  expect(warningsOf(suspect)).toEqual([warning]);
  expect(renderStatus(suspect.snapshot(), null, false)).toMatch(line);
  expect(renderStatus(suspect.snapshot(), null, false)).toContain(`warning: ${warning}\n`);
  expect(renderMetrics(suspect.snapshot(), [])).toContain(metric(1));
  const alive = seenFromAlpha({});
  expect(warningsOf(alive)).toEqual([]);
  expect(renderStatus(alive.snapshot(), null, false)).toMatch(/^beta +host +yes /m);
  expect(renderMetrics(alive.snapshot(), [])).toContain(metric(0));
});
