import { expect, it } from 'vitest';
import { renderStatus } from '../../agent/cli/statusView.ts';
import { unheardSince } from '../../schemas/unheard.ts';
import { moduleStatus, replicaStatus, snapshotOf } from '../support/memoryFacade.ts';

it('names neither a last state nor an age of a replica that was never heard', () => {
  const reason = 'nothing heard from beta yet';
  const beta = replicaStatus('beta', 'WAIT', { known: false, since: unheardSince, reason });
  const web = moduleStatus('web', { onHosts: [replicaStatus('alpha', 'ALONE'), beta] });
  const line = renderStatus(snapshotOf([web]), 'web', false)
    .split('\n')
    .find((each) => each.trim().startsWith('beta'));
  expect(line).toMatch(/^ *beta +\? +- +- +not reachable: nothing heard from beta yet$/);
});
