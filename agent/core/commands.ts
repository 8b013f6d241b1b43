/** Operators' commands: refused at once with the reason, or carried out and answered when they are done. */
import { decide, isUnderWay } from './divergence.ts';
import type { Draft } from './draft.ts';
import { forceUnfenced } from './fencingPeer.ts';
import { forgetFaults } from './flapping.ts';
import { isOfUse } from './forceAdvice.ts';
import { detach, isDetached } from './handOver.ts';
import { beginMaintenance, endMaintenance, maintenanceOutcome } from './maintenance.ts';
import { barredBy, canTake } from './placement.ts';
import { promote } from './promote.ts';
import { beginRepair, repairOutcome } from './repair.ts';
import { shownState } from './status.ts';
import { refusal, type Refusal } from './refusal.ts';
import { switchover } from './switchover.ts';
import type { Command, CoreEvent, MaintenanceWish, Outcome } from './types.ts';

export function command(draft: Draft, event: Extract<CoreEvent, { type: 'command' }>): void {
  const keep = event.keep ?? null;
  const refused =
    event.kind === 'resolve'
      ? resolve(draft, keep, event.arbiterReachable)
      : event.kind === 'beginMaintenance' || event.kind === 'endMaintenance'
        ? maintain(draft, event.kind, event.maintenance)
        : begin(draft, event.kind, event.arbiterReachable, event.anyway === true);
  if (refused) draft.emit({ type: 'commandDone', id: event.id, outcome: refused });
  else {
    draft.state.commands = [
      ...draft.state.commands,
      { id: event.id, kind: event.kind, keep, since: draft.now, deadline: event.deadline },
    ];
  }
}

function maintain(draft: Draft, kind: 'beginMaintenance' | 'endMaintenance', wish?: MaintenanceWish): Refusal | null {
  if (!wish) return refusal('BAD_REQUEST', 'a maintenance needs to know who asked for it, and how long it is to be');
  return kind === 'beginMaintenance' ? beginMaintenance(draft, wish) : endMaintenance(draft, wish.by);
}

type Plain = Exclude<Command['kind'], 'resolve' | 'beginMaintenance' | 'endMaintenance'>;

function begin(draft: Draft, kind: Plain, arbiterReachable: boolean, anyway: boolean): Refusal | null {
  switch (kind) {
    case 'start':
      if (draft.state.role.at === 'waiting') draft.wait('starting');
      tryAgainNow(draft);
      forgetFaults(draft);
      if (anyway) draft.log('warn', 'START_ANYWAY', `an operator starts ${draft.config.module} whatever holds it back`);
      return want(draft, 'started', undefined, anyway);
    case 'stop':
      return want(draft, 'stopped');
    case 'switchover':
    case 'drain': {
      const { hosts, peer } = draft.config;
      const refused = switchover(draft, arbiterReachable);
      // Wherever it ends, the server is to be started again, during a maintenance, too. A drained host gets its modules back.
      if (!refused) want(draft, 'started', kind === 'switchover' && peer !== hosts[0] ? peer : null);
      return refused;
    }
    case 'force':
      return force(draft, arbiterReachable);
    case 'repair':
      return beginRepair(draft, arbiterReachable);
    case 'shutdown':
      draft.state.shuttingDown = true;
      return null;
    case 'detach':
      return detach(draft, arbiterReachable);
  }
}

/** A server that is down waits for its next try: an operator who asks for a start has mended something. */
function tryAgainNow(draft: Draft): void {
  const { role } = draft.state;
  if (role.at !== 'primary' || role.server.kind !== 'down') return;
  draft.state.lastingFailure = null;
  draft.become({ ...role, server: { ...role.server, restartAt: draft.now, lasting: false } });
}

function want(
  draft: Draft,
  value: 'started' | 'stopped',
  stay = draft.state.desired.stay ?? null,
  anyway = false,
): null {
  const { sequence } = draft.state.desired;
  draft.state.desired = { value, sequence: sequence + 1, ...(stay !== null && { stay }), ...(anyway && { anyway }) };
  draft.emit({ type: 'saveDesired', desired: draft.state.desired });
  return null;
}

function force(draft: Draft, arbiterReachable: boolean): Refusal | null {
  const { role, replica, record } = draft.state;
  const { module, self, peer } = draft.config;
  if (role.at === 'primary') return refusal('ALREADY', `${self} is primary of ${module} already`);
  if (role.at === 'fencingPeer') return forceUnfenced(draft, role, arbiterReachable);
  const status = draft.freshPeer();
  if (role.at === 'waiting' && role.diverged && status?.role === 'primary') {
    return refusal(
      'NOT_FAILED',
      `${peer} is primary of ${module} and ${self} has diverged from it: use \`understudy resolve ${module} --keep ${self}\` if the history of ${self} shall go on`,
      { epoch: status.record?.epoch ?? null },
    );
  }
  if (status && (status.role === 'primary' || status.role === 'promoting')) {
    return refusal(
      'NOT_FAILED',
      `${peer} is primary of ${module} and reachable: use switchover, or stop the module first`,
      { epoch: status.record?.epoch ?? null },
    );
  }
  if (!isOfUse(draft.state)) {
    return refusal(
      'NOT_IN_SYNC',
      `the replica of ${self} holds an unfinished resync and is of no use: bring ${peer} back`,
    );
  }
  if (!arbiterReachable) {
    return refusal(
      'ARBITER_UNREACHABLE',
      'starting a replica needs an epoch from the arbiter, which does not answer: bring it back first',
    );
  }
  if (role.at !== 'waiting' && role.at !== 'stopped' && role.at !== 'following') {
    return refusal('BUSY', `${self} is ${role.at} now: try again in a moment`);
  }
  want(draft, 'started');
  draft.log(
    'warn',
    'FORCED',
    replica.consistent
      ? `an operator forces ${self} as primary of ${module}; acknowledged writes that only ${peer} holds are not in it`
      : `an operator forces ${self} as primary of ${module}: the resync into it that was not finished is taken back, and every write since epoch ${String(draft.tail()?.epoch ?? 0)} is not in it`,
  );
  promote(draft, {
    cause: 'force',
    expect: record?.epoch ?? null,
    inSync: [self],
    base: draft.tail()?.epoch ?? 0,
    firstSign: draft.now,
    because: `an operator forced ${self} to be primary`,
    forced: true,
  });
  return null;
}

/** Chooses whose history goes on. Asked again it goes on where it was. */
function resolve(draft: Draft, keep: string | null, arbiterReachable: boolean): Refusal | null {
  const { role, resolution } = draft.state;
  const { module, self, peer } = draft.config;
  if (keep !== self && keep !== peer) {
    return refusal('UNKNOWN_HOST', `${keep ?? 'nobody'} is not a host of ${module}; its hosts are ${self} and ${peer}`);
  }
  const status = draft.freshPeer();
  const waits = role.at === 'waiting' && role.diverged !== null;
  const fork = waits ? role.diverged : role.at === 'primary' ? (status?.diverged ?? null) : null;
  const [loser, winner] = waits ? [self, peer] : [peer, self];
  const begun = resolution?.keep === keep && isUnderWay(draft);
  if (fork === null && !begun) {
    if (!status) return unreachable(draft);
    return refusal(
      'NOT_DIVERGED',
      `${module} has not diverged: ${self} and ${peer} share one history, nothing is to be resolved`,
    );
  }
  if (!status) return unreachable(draft);
  if (fork !== null && keep === loser && !arbiterReachable) {
    return refusal(
      'ARBITER_UNREACHABLE',
      `keeping ${keep} needs a new epoch from the arbiter, which does not answer: bring it back first`,
    );
  }
  if (role.at === 'waiting' && (role.parked || draft.now < role.retryAt)) draft.wait('resolving');
  draft.state.keepAsideFailure = null;
  if (fork === null || (resolution?.keep === keep && resolution.lost !== null && begun)) return null;
  const given = keep === winner ? fork.own : fork.other;
  const lost = { epoch: given.epoch, primary: given.primary };
  decide(draft, { sequence: (resolution?.sequence ?? 0) + 1, keep, lost });
  draft.log(
    'warn',
    'RESOLVED',
    `an operator keeps the history of ${keep} for ${module}; what only ${keep === self ? peer : self} holds (epoch ${String(given.epoch)}) is kept aside`,
  );
  return null;
}

function unreachable(draft: Draft): Refusal {
  const { module, peer } = draft.config;
  return refusal(
    'HOST_UNREACHABLE',
    `${peer} is not reachable: both hosts of ${module} have to be there, bring ${peer} back first`,
  );
}

/** Answers the commands that are done, failed, or out of time. */
export function settleCommands(draft: Draft): void {
  const open: Command[] = [];
  for (const each of draft.state.commands) {
    const outcome = outcomeOf(draft, each);
    if (outcome) draft.emit({ type: 'commandDone', id: each.id, outcome });
    else open.push(each);
  }
  if (open.length !== draft.state.commands.length) draft.state.commands = open;
}

function outcomeOf(draft: Draft, each: Command): Outcome | null {
  const { role } = draft.state;
  const { module, self, peer } = draft.config;
  const status = draft.freshPeer();
  const runsHere = role.at === 'primary' && role.server.kind === 'running';
  const runsThere = status?.role === 'primary' && status.serverRunning;
  switch (each.kind) {
    case 'start':
      if (runsHere || runsThere) return { ok: true, message: `${module} runs on ${runsHere ? self : peer}` };
      if (role.at === 'primary' && role.server.kind === 'down' && role.server.lasting) {
        return refusal('FAILED', role.server.reason);
      }
      // Nothing that takes its course will change that.
      if (role.at === 'waiting' && role.heldBack && barredBy(draft.state) !== null && !canTake(status)) {
        return refusal('NOT_HEALTHY', role.reason);
      }
      break;
    case 'force':
      if (runsHere) return { ok: true, message: `${module} runs on ${self}` };
      if (runsThere && (role.at === 'waiting' || role.at === 'following')) {
        return refusal(
          'NOT_FAILED',
          `${peer} has just become primary of ${module}: use switchover, or stop the module first`,
        );
      }
      if (role.at === 'primary' && role.server.kind === 'down' && role.server.lasting) {
        return refusal('FAILED', role.server.reason);
      }
      break;
    case 'stop':
      if (role.at === 'stopped' && (!status || status.role === 'none')) {
        return {
          ok: true,
          message: status
            ? `${module} is stopped`
            : `${module} is stopped on ${self}; ${peer} is not reachable and learns it when it is back`,
        };
      }
      break;
    case 'switchover':
    case 'drain':
      if (runsThere) return { ok: true, message: `${module} was moved from ${self} and runs on ${peer}` };
      if (runsHere && role.leaving === null) {
        return refusal('FAILED', `${module} stays on ${self}: ${status?.barred ?? `${peer} was lost on the way`}`);
      }
      break;
    case 'resolve':
      if (role.at === 'waiting' && (role.parked || draft.state.keepAsideFailure !== null)) {
        return refusal('FAILED', role.reason);
      }
      if (isUnderWay(draft) && !(role.at === 'following' || status?.role === 'secondary')) break;
      if (each.keep === self ? runsHere : runsThere) {
        const loser = each.keep === self ? peer : self;
        return {
          ok: true,
          message: `${module} runs on ${String(each.keep)}; the content of ${loser} is kept aside there (\`understudy aside list\` on ${loser}), and ${loser} is brought up to date`,
        };
      }
      break;
    case 'repair': {
      const repaired = repairOutcome(draft);
      if (repaired) return repaired;
      break;
    }
    case 'beginMaintenance':
    case 'endMaintenance': {
      const known = maintenanceOutcome(draft);
      if (known) return known;
      break;
    }
    case 'shutdown':
      if (role.at === 'stopped') return { ok: true, message: `${module} has left ${self}` };
      break;
    case 'detach':
      if (isDetached(draft)) return { ok: true, message: `${module} on ${self} can be handed over` };
      break;
  }
  if (draft.now < each.deadline) return null;
  const shown = shownState(draft.state);
  return refusal('TIMEOUT', `${module} on ${self} is ${shown.state}${shown.reason ? `: ${shown.reason}` : ''}`, {
    waitedMs: Math.round(draft.now - each.since),
  });
}
