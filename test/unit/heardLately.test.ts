import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ClusterView, type ClusterViewOptions } from '../../agent/runtime/clusterView.ts';
import type { LinkModule, LinkVersion } from '../../schemas/generated/link.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

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
