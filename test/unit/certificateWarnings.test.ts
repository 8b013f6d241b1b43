import { expect, it } from 'vitest';
import { ClusterView, type ClusterViewOptions } from '../../agent/runtime/clusterView.ts';
import type { LinkModule } from '../../schemas/generated/link.ts';
import { resolveCluster, resolveModule } from '../../schemas/defaults.ts';

it('warns at each module of certificates that end soon, of its hosts and of its arbiter, once', () => {
  const cluster = resolveCluster({
    name: 'site',
    networks: { lan: {} },
    hosts: {
      alpha: { lan: '10.0.0.1' },
      beta: { lan: '10.0.0.2' },
      gamma: { lan: '10.0.0.3' },
      delta: { lan: '10.0.0.4' },
    },
    arbiter: { witness: 'gamma' },
  });
  const module = resolveModule({
    name: 'web',
    hosts: ['alpha', 'beta'],
    mirror: { directories: ['/srv/web'] },
    server: { scripts: { start: ['/s'], stop: ['/t'] } },
  });
  const [end, late] = [new Date('2027-01-01'), new Date('2050-01-01')];
  const version = { number: 0, hash: '', files: {}, edited: [], problem: null };
  const [self] = cluster.hosts;
  const nothing = (): null => null;
  const links = {
    ...{ reachable: () => true, liveness: () => 'alive', lastSeen: nothing, version: nothing },
    certificateEnd: () => end,
    networks: () => [],
  };
  const placements = { load: nothing, warnings: () => [] };
  const view = new ClusterView({
    ...{ agentVersion: '1', hostDrain: nothing, fenceStatus: nothing, arbiterReachable: () => true },
    configuration: { cluster, self } as unknown as ClusterViewOptions['configuration'],
    links: links as unknown as ClusterViewOptions['links'],
    slots: [{ module, runtime: null, failure: null }] as unknown as ClusterViewOptions['slots'],
    placements: placements as unknown as ClusterViewOptions['placements'],
    version: () => version,
    ownCertificateEnd: () => late,
    certificateNotice: (host, at) => (at > end ? null : `${host} ends`),
  });
  const warnings = (): unknown => view.snapshot().modules[0]?.warnings;
  const ends = (): unknown => view.snapshot().hosts.map(({ certificateEnd }) => certificateEnd);
  expect(warnings()).toEqual(['beta ends', 'gamma ends']);
  expect(ends()).toEqual([late, end, end, end].map((each) => each.toISOString()));
  // It was replaced, and the connection is the one that was made with the old one.
  const told = { status: { role: 'none', desired: {}, record: null }, shown: { certificateEnd: late.toISOString() } };
  view.heard('beta', { web: told } as unknown as Record<string, LinkModule>, version);
  expect(warnings()).toEqual(['gamma ends']);
  expect(ends()).toEqual([late, late, end, end].map((each) => each.toISOString()));
});
