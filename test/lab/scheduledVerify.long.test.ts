import { describe, expect, it } from 'vitest';
import { noLab, useLabCluster } from './labSuite.ts';

/** The cluster is made and its guest runs before this time comes. */
const due = new Date(Math.ceil((Date.now() + 150_000) / 60_000) * 60_000);
const twoDigits = (number: number): string => String(number).padStart(2, '0');
const schedule = `daily ${twoDigits(due.getHours())}:${twoDigits(due.getMinutes())}`;

describe.skipIf(noLab !== null)('with a schedule for verifies', () => {
  const { cluster } = useLabCluster({ more: { verify: { schedule, bandwidth: 'unlimited' } } });

  it('a time without a secondary is told of, and made up for when the pair is whole again', async () => {
    const { view } = cluster();
    const scheduled = () => view.replica('alpha', 'web')?.verifySchedule;
    await view.waitFor('the next time is shown', () => scheduled()?.next === due.toISOString());
    expect(await cluster().host('alpha').runUnderstudy(['status'])).toContain(`next verify: ${due.toISOString()}`);

    await cluster().powerLoss('beta');
    await view.waitFor('the verify is due', () => scheduled()?.dueSince === due.toISOString(), 180_000);
    await view.waitFor('the log says so', () => view.log.some(({ code }) => code === 'VERIFY_DUE'));
    expect(await cluster().host('alpha').runUnderstudy(['status'])).toContain(`due since ${due.toISOString()}`);
    expect(view.module('alpha', 'web')?.lastVerify ?? null).toBeNull();

    await cluster().powerOn('beta');
    const verified = () => view.module('alpha', 'web')?.lastVerify;
    await view.waitFor('it is made up for', () => verified()?.by === 'the schedule', 120_000);
    expect(verified()).toMatchObject({ outcome: 'complete', total: 0 });
    await view.waitFor('nothing is due', () => scheduled()?.dueSince === null);
  }, 400_000);
});
