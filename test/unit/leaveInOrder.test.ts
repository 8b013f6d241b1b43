import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { leaveInOrder } from '../../agent/runtime/leaveInOrder.ts';
import type { ArbiterRecord } from '../../agent/core/types.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const recordOf = (primary: string): ArbiterRecord => ({
  ...{ epoch: 2, primary, inSync: ['alpha', 'beta'], base: 1, cause: 'switchover', proposal: 'p' },
});

/** The agent of alpha, which serves web and db, is stopped: web depends on db. */
function leaving(handsOver: boolean, runsOnBeta: () => boolean | null): { readonly left: string[]; isDone: boolean } {
  const slots = Object.entries({ db: [], web: ['db'], other: ['db'] }).map(([name, dependsOn]) => ({
    module: { name, dependsOn },
    // One of them is the other host's.
    runtime: { isPrimary: name !== 'other', core: { record: recordOf(name === 'other' ? 'beta' : 'alpha') } },
  }));
  const shown = { left: [] as string[], isDone: false };
  const leave = (slot: (typeof slots)[number]): Promise<void> => {
    shown.left.push(slot.module.name);
    slot.runtime.isPrimary = false;
    if (handsOver) slot.runtime.core.record = recordOf('beta');
    return Promise.resolve();
  };
  void leaveInOrder('alpha', slots, leave, () => runsOnBeta()).then(() => (shown.isDone = true));
  return shown;
}

describe('what others depend on is left', () => {
  it('when they run on their other host', async () => {
    let runs = false;
    const shown = leaving(true, () => runs);
    await vi.advanceTimersByTimeAsync(5000);
    expect(shown.left.sort()).toEqual(['other', 'web']);
    runs = true;
    await vi.advanceTimersByTimeAsync(200);
    expect(shown).toMatchObject({ left: ['other', 'web', 'db'], isDone: true });
  });

  it('after some seconds all the same', async () => {
    const shown = leaving(true, () => false);
    await vi.advanceTimersByTimeAsync(9000);
    expect(shown.left).not.toContain('db');
    await vi.advanceTimersByTimeAsync(2000);
    expect(shown).toMatchObject({ isDone: true });
  });

  it('at once where they were not handed over, or their other host is not heard any more', async () => {
    for (const [handsOver, runs] of [
      [false, false],
      [true, null],
    ] as const) {
      const shown = leaving(handsOver, () => runs);
      await vi.advanceTimersByTimeAsync(0);
      expect(shown).toMatchObject({ isDone: true });
    }
  });
});
