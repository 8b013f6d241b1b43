/**
 * A repair: a verify found that the secondary differs, and an operator wants it brought in line with the primary. Which replica is right nobody
 * knows, so the secondary leaves the in-sync set in order, keeps what it holds aside, and is resynchronised.
 */
import type { Draft } from './draft.ts';
import { proposeAlone } from './primary.ts';
import { refusal, type Refusal } from './refusal.ts';
import { shownState } from './status.ts';
import type { Outcome, PeerStatus } from './types.ts';

/**
 * The arbiter is asked first, with the pair still whole: nothing has to wait for its answer, and when it does not come nothing has happened.
 */
export function beginRepair(draft: Draft, arbiterReachable: boolean): Refusal | null {
  const { role, replica } = draft.state;
  const { module, self, peer } = draft.config;
  if (role.at !== 'primary') {
    return refusal('NOT_HEALTHY', `${module} is not served by ${self} now (${shownState(draft.state).state})`);
  }
  if (role.leaving !== null) return refusal('BUSY', `${module} is leaving ${self} (${role.leaving})`);
  if (role.link.kind === 'parting') {
    const { cause, because = '' } = role.link.proposal.record;
    return refusal('BUSY', cause === 'repair' ? `${peer} is about to be repaired already` : `${because}: try again`);
  }
  if ((replica.diskError ?? null) !== null) {
    return refusal('NOT_HEALTHY', `the disk of ${self} has failed: nothing of it is copied over what ${peer} holds`);
  }
  const status = draft.freshPeer();
  if (!status) return refusal('HOST_UNREACHABLE', `${peer} is not reachable: bring it back first`);
  if (role.link.kind !== 'both') {
    return refusal('NOT_IN_SYNC', `${peer} is not in sync now (${role.link.kind}): wait for the resync to end`);
  }
  if (!arbiterReachable) {
    return refusal(
      'ARBITER_UNREACHABLE',
      'a repair needs a new epoch from the arbiter, which does not answer: bring it back first',
    );
  }
  draft.log('warn', 'REPAIR', `${module}: ${peer} is brought in line with ${self}, an operator asked for it`);
  const because = `${peer} is being repaired, an operator asked for it`;
  draft.become({
    ...role,
    link: {
      kind: 'parting',
      session: role.link.session,
      proposal: proposeAlone(draft, role.grant.epoch, because, 'repair'),
    },
  });
  return null;
}

/** Done once the secondary has left; the resync has its own progress. */
export function repairOutcome(draft: Draft): Outcome | null {
  const { role, replica } = draft.state;
  const { module, self, peer } = draft.config;
  if (role.at !== 'primary') return refusal('FAILED', `${module} is not served by ${self} any more`);
  if (role.link.kind === 'parting' || role.link.kind === 'goingAlone') return null;
  if (role.link.kind === 'lost') return refusal('FAILED', `${peer} was lost before the repair began: verify again`);
  const begun = replica.lineage.at(-1)?.repair === true;
  return begun
    ? { ok: true, message: `${peer} keeps what it holds aside and is brought in line with ${self}` }
    : refusal('FAILED', `${peer} was lost before the repair began: verify again`);
}

/** Whether the primary went on without this replica to have it repaired. */
export function isToBeRepaired(draft: Draft, primary: PeerStatus): boolean {
  const tail = draft.tail();
  return tail !== null && primary.lineage.some(({ repair, from }) => repair === true && from > tail.epoch);
}
