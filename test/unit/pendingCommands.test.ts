import { expect, it } from 'vitest';
import { PendingCommands } from '../../agent/runtime/pendingCommands.ts';

it('answers each command with its own outcome, and those that are left when the module is closed', async () => {
  const pending = new PendingCommands('web');
  const [first, second, third] = [pending.begin(), pending.begin(), pending.begin()];
  pending.done(second.id, { ok: true, message: 'web runs on alpha' });
  expect(await second.outcome).toEqual({ ok: true, message: 'web runs on alpha' });
  pending.close();
  const closed = { ok: false, code: 'NOT_HEALTHY', reason: 'web was closed on this host', numbers: {} };
  expect([await first.outcome, await third.outcome]).toEqual([closed, closed]);
  // Nobody would answer it any more.
  expect(await pending.begin().outcome).toEqual(closed);
});
