/** Becoming primary: ask the arbiter, make the epoch durable, mount; never in another order. */
import { becauseOf, grantText, recordText } from './because.ts';
import { decide, entryOf, isGivenUp } from './divergence.ts';
import type { Draft } from './draft.ts';
import { countFailover, tooManyFailovers } from './flapping.ts';
import type { ArbiterRecord, Cause, Link, Role } from './types.ts';

/** How long a primary whose epoch was granted to both waits for the secondary before it asks to go on alone. */
function joinLimitMs(draft: Draft): number {
  return Math.max(draft.config.detectionMs, 3000);
}

/** A proposal that is not answered for this long is given up; the answer, should it be a grant, is found by reading the record. */
const askingLimitMs = 5000;

/** Too many promotions that nobody asked for: something is wrong that another failover will not mend. */
function flaps(draft: Draft, cause: Cause): boolean {
  if (cause !== 'failover' && cause !== 'restart') return false;
  const failovers = tooManyFailovers(draft);
  if (failovers === null) return false;
  const times = failovers === 1 ? 'once' : `${String(failovers)} times`;
  const reason = `failed over ${times} within the period: parked, start it with \`understudy start ${draft.config.module}\` when the cause is mended`;
  draft.log('error', 'PARKED', `${draft.config.module} is parked on ${draft.config.self}: ${reason}`);
  draft.wait(reason, { parked: true });
  return true;
}

/**
 * Asks the arbiter for a new epoch with this host as primary.
 * @param expect epoch of the record to replace, null when there must be none
 * @param inSync replicas that hold every acknowledged write
 * @param firstSign when the reason for it was first seen, for the measured duration
 * @param because that reason, in words
 * @param peerEnded the other host's server is known to be dead
 */
export function promote(
  draft: Draft,
  options: {
    cause: Cause;
    expect: number | null;
    inSync: readonly string[];
    base: number;
    firstSign: number;
    because: string;
    forced?: boolean;
    peerEnded?: boolean;
  },
): void {
  if (flaps(draft, options.cause)) return;
  draft.state.heldBackFor = null;
  draft.state.keepAsideFailure = null;
  const peer = draft.freshPeer();
  const lived = [
    options.expect,
    draft.tail()?.epoch,
    draft.state.record?.epoch,
    peer?.lineage.at(-1)?.epoch,
    peer?.record?.epoch,
  ];
  const epoch = Math.max(...lived.map((each) => each ?? 0)) + 1;
  const proposal = draft.propose(options.expect, {
    epoch,
    primary: draft.config.self,
    inSync: options.inSync,
    base: options.base,
    cause: options.cause,
    because: options.because,
  });
  draft.become({
    at: 'asking',
    cause: options.cause,
    firstSign: options.firstSign,
    proposal,
    forced: options.forced ?? false,
    peerEnded: options.peerEnded ?? false,
    since: draft.now,
  });
}

/** The arbiter's record names this host: make it durable, then mount. */
export function enter(draft: Draft, grant: ArbiterRecord, firstSign: number): void {
  if (grant.cause === 'failover' || grant.cause === 'restart') countFailover(draft);
  const { stay, ...desired } = draft.state.desired;
  if (grant.cause === 'failover' && stay !== undefined) {
    // Where an operator moved it to holds until something else decides. No new word: one of an operator's on the other host must not lose to it.
    draft.state.desired = desired;
    draft.emit({ type: 'saveDesired', desired: draft.state.desired });
  }
  if (grant.cause === 'switchover') draft.state.failback = { ...draft.state.failback, attempts: [] };
  draft.learn(grant);
  if (grant.cause === 'force' && isGivenUp(draft)) {
    // The operator thinks better of it: who returns later is asked about again. A force that was not granted takes nothing back.
    decide(draft, { sequence: (draft.state.resolution?.sequence ?? 0) + 1, keep: null, lost: null });
  }
  const { config } = draft;
  draft.log(
    'info',
    'PROMOTED',
    `${config.self} becomes primary of ${config.module} because ${becauseOf(grant)}; ${grantText(config, grant.epoch)}`,
  );
  draft.become({ at: 'entering', cause: grant.cause, firstSign, grant });
  draft.operate({ kind: 'enterEpoch', entry: entryOf(draft, grant) });
}

export function entered(draft: Draft, role: Extract<Role, { at: 'entering' }>): void {
  draft.become({ at: 'mounting', cause: role.cause, firstSign: role.firstSign, grant: role.grant });
  draft.operate({ kind: 'serve', epoch: role.grant.epoch });
}

export function mounted(draft: Draft, role: Extract<Role, { at: 'mounting' }>): void {
  draft.state.mirror = 'serving';
  const joint = role.grant.inSync.includes(draft.config.peer);
  const link: Link = joint
    ? { kind: 'joining', until: draft.now + joinLimitMs(draft), attaching: null }
    : { kind: 'none', reason: null, retryAt: draft.now, lastSession: null, failures: 0 };
  draft.become({
    at: 'primary',
    cause: role.cause,
    firstSign: role.firstSign,
    reported: false,
    promotedBy: role.grant,
    grant: role.grant,
    link,
    server: { kind: 'held' },
    leaving: null,
    leavingBecause: '',
    leaseFrom: draft.now,
    knownAt: null,
  });
}

export function settleAsking(draft: Draft, role: Extract<Role, { at: 'asking' }>): void {
  const { desired, shuttingDown } = draft.state;
  if (desired.value === 'stopped' || shuttingDown) {
    draft.wait('stopping');
    return;
  }
  const peer = draft.freshPeer();
  // Without an arbiter nobody refuses who does not give in by itself.
  const givesIn = draft.config.arbiter === 'none' && !role.forced && !role.peerEnded;
  if (peer?.role === 'primary' && peer.record && (givesIn || peer.record.epoch >= role.proposal.record.epoch)) {
    draft.wait(`${draft.config.peer} is primary`);
    return;
  }
  if (draft.now - role.since > askingLimitMs) {
    draft.wait('no answer from the arbiter: starting needs an epoch from it');
    return;
  }
  draft.become({ ...role, proposal: draft.repropose(role.proposal) });
}

/** The other host is there and does not say yet that it was granted this record: an operator who forces this one cannot know, either. */
function hasJustBecomePrimary(draft: Draft, record: ArbiterRecord | null): boolean {
  if (draft.config.arbiter === 'none') return false;
  const peer = draft.freshPeer();
  const known = Math.max(peer?.record?.epoch ?? 0, peer?.lineage.at(-1)?.epoch ?? 0);
  return peer !== null && record?.primary === draft.config.peer && record.epoch > known;
}

export function askingRefused(
  draft: Draft,
  role: Extract<Role, { at: 'asking' }>,
  current: ArbiterRecord | null,
): void {
  draft.learn(current);
  if (role.forced && !hasJustBecomePrimary(draft, current)) {
    // The operator decided with open eyes; only the number of the epoch was out of date.
    const { cause, firstSign } = role;
    const { inSync, base } = role.proposal.record;
    const because = becauseOf(role.proposal.record);
    promote(draft, { cause, expect: current?.epoch ?? null, inSync, base, firstSign, because, forced: true });
    return;
  }
  const isNew = (current?.epoch ?? 0) > (draft.tail()?.epoch ?? 0);
  if (current?.primary === draft.config.self && isNew && draft.inSyncBy(current)) {
    // An earlier proposal of ours, or the hand-over by the peer, was granted and its answer lost.
    if (current.cause === 'failover' && draft.config.fencePeer !== 'never') {
      // Whether the other host was fenced nobody knows: it is taken over from once more.
      draft.wait('the arbiter had granted an earlier proposal');
    } else enter(draft, current, role.firstSign);
    return;
  }
  draft.log(
    'warn',
    'PROMOTION_REFUSED',
    `the arbiter refused ${draft.config.self} as primary of ${draft.config.module}: ${current ? `${current.primary} is, by ${recordText(current)}` : 'it has no record of it any more'}`,
    {
      proposed: role.proposal.record.epoch,
      current: current?.epoch ?? null,
      currentPrimary: current?.primary ?? null,
    },
  );
  draft.wait(
    current ? `${current.primary} is primary by ${recordText(current)}` : 'the arbiter holds no record of the module',
  );
}
