import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ClusterView, type ClusterViewOptions } from '../../agent/runtime/clusterView.ts';
import type { ChangedEvent } from '../../schemas/generated/api.ts';
import type { LinkModule, LinkVersion } from '../../schemas/generated/link.ts';

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
