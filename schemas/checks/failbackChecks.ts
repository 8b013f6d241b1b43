import type { ResolvedModule } from '../defaults.ts';
import type { Problem } from '../diagnostic.ts';
import { parseWindow } from '../schedule.ts';

/** What a module's file says of going back to the preferred host, and cannot mean. */
export function* checkFailback({ failover }: ResolvedModule): Iterable<Problem> {
  const { failback, failbackWindow, automatic } = failover;
  if (failbackWindow !== 'always' && parseWindow(failbackWindow) === null) {
    yield {
      code: 'window-never-open',
      path: ['failover', 'failbackWindow'],
      message: `the window "${failbackWindow}" ends when it begins: it is never open`,
      expected: 'an end that differs from the beginning, or "always"',
    };
  }
  if (failback === 'automatic' && !automatic) {
    yield {
      code: 'failback-without-failover',
      severity: 'warning',
      path: ['failover', 'failback'],
      message: 'without automatic failover nothing moves by itself, so the module does not go back either',
      expected: '"automatic": true, or "failback": "manual"',
    };
  }
}
