/** What a host tells its peer, and the state that people see. */
import type { Divergence, ModuleState, Transition } from '../../schemas/generated/api.ts';
import { toldMaintenance } from './maintenance.ts';
import { unmetText } from './conditions.ts';
import { fencingPeerText, whyNotFenced } from './fencingPeer.ts';
import { diskErrorText, isInDoubt } from './ownDisk.ts';
import { rangesOf } from './lineage.ts';
import { barredBy, waitsForTurn } from './placement.ts';
import type { ModuleCoreState, PeerStatus, Role } from './types.ts';

const lineageTold = 32;

/**
 * Whether what is told and shown of two states is the same for certain. Between two states of a healthy pair only moments differ: of the
 * last heartbeat that was heard, and of the last one that was answered.
 */
export function isToldTheSame(before: ModuleCoreState, after: ModuleCoreState): boolean {
  if (before === after) return true;
  return (Object.keys(after) as (keyof ModuleCoreState)[]).every((key) => {
    if (key === 'inquiry' || key === 'detection') return true;
    if (key === 'peer') return before.peer.status === after.peer.status;
    if (key === 'role') return isSameRole(before.role, after.role);
    return Object.is(before[key], after[key]);
  });
}

function isSameRole(before: Role, after: Role): boolean {
  if (before === after) return true;
  if (before.at !== 'primary' || after.at !== 'primary') return false;
  return (Object.keys(after) as (keyof typeof after)[]).every(
    (key) => key === 'leaseFrom' || Object.is(before[key], after[key]),
  );
}

/** The part of the state that goes out with every heartbeat. */
export function peerStatusOf(state: ModuleCoreState, now: number): PeerStatus {
  const { role } = state;
  const waitsFor = waitsForTurn(state);
  return {
    role: roleWord(state),
    link: linkWord(state),
    able:
      !state.shuttingDown &&
      state.desired.value === 'started' &&
      !(role.at === 'waiting' && (role.parked || isInDoubt(state, state.record))),
    conditions: state.conditions,
    barred: barredBy(state),
    avoids: state.placement?.avoids ?? null,
    ...(waitsFor !== null && { waitsFor }),
    serverRunning: role.at === 'primary' && role.server.kind === 'running',
    desired: state.desired,
    record: state.record,
    lineage: rangesOf(state.replica.lineage).slice(-lineageTold),
    consistent: state.replica.consistent,
    content: state.replica.content,
    endpoint: role.at === 'following' && !role.spent && !role.connected ? role.endpoint : null,
    diverged: role.at === 'waiting' ? role.diverged : null,
    resolution: state.resolution,
    drain: state.drain,
    maintenance: toldMaintenance(state, now),
    detectionMs: state.config.detectionMs,
  };
}

function linkWord({ role }: ModuleCoreState): PeerStatus['link'] {
  // What it served may run until then, though it is nobody's primary any more.
  if (role.at === 'fencing') return 'lost';
  // The secondary is needed until the release has ended: without a word of it, it would offer another session, and end this one.
  if (role.at !== 'primary' && role.at !== 'releasing') return 'none';
  switch (role.link.kind) {
    case 'both':
    case 'parting':
      return 'both';
    case 'lost':
    case 'goingAlone':
      return 'lost';
    case 'attaching':
    case 'committing':
      return 'resync';
    case 'joining':
      return role.link.attaching ? 'resync' : 'none';
    default:
      return 'none';
  }
}

function roleWord(state: ModuleCoreState): PeerStatus['role'] {
  switch (state.role.at) {
    case 'primary':
    case 'releasing':
    case 'handingOver':
      return 'primary';
    case 'asking':
    case 'fencingPeer':
    case 'entering':
    case 'mounting':
      return 'promoting';
    case 'following':
    case 'startingToFollow':
      return 'secondary';
    default:
      return 'none';
  }
}

/** What people are told of a second history on this host; null: there is none. */
export function divergenceOf({ role, config }: ModuleCoreState): Divergence | null {
  if (role.at !== 'waiting' || role.diverged === null) return null;
  const { common, own, other } = role.diverged;
  return { since: common, epoch: own.epoch, from: config.peer, fromEpoch: other.epoch };
}

export interface ShownState {
  readonly state: ModuleState;
  readonly transition: Transition | null;
  readonly reason: string | null;
}

/** The module's state on this host in the words of the product. */
export function shownState(core: ModuleCoreState): ShownState {
  const shown = shownRole(core);
  const also = [diskErrorText(core), unmetText(core)].filter((text) => text !== null);
  return also.length === 0 ? shown : { ...shown, reason: [...also, shown.reason].filter(Boolean).join('; ') };
}

function shownRole(core: ModuleCoreState): ShownState {
  const { role } = core;
  switch (role.at) {
    case 'stopped': {
      const { value, parked } = core.desired;
      return value === 'stopped' && parked !== undefined
        ? { state: 'WAIT', transition: null, reason: `parked, start it when the cause is mended: ${parked}` }
        : { state: 'STOP', transition: null, reason: null };
    }
    case 'waiting':
      return { state: 'WAIT', transition: null, reason: role.reason };
    case 'fencingPeer':
      // It may stay so until somebody does something: then it is a wait.
      return {
        state: 'WAIT',
        transition: role.isUnconfirmed || whyNotFenced(role) !== null ? null : 'promoting',
        reason: fencingPeerText(core.config, role),
      };
    case 'asking':
    case 'entering':
    case 'mounting':
      return { state: 'WAIT', transition: 'promoting', reason: `becoming primary (${role.cause})` };
    case 'primary':
      return shownPrimary(core, role);
    case 'releasing':
    case 'handingOver':
      return {
        state: 'ALONE',
        transition: role.leaving === 'stop' ? 'stopping' : 'demoting',
        reason: `leaving the primary role (${role.leaving})`,
      };
    case 'fencing':
      return { state: 'WAIT', transition: 'demoting', reason: role.reason };
    case 'keepingAside':
      return { state: 'WAIT', transition: 'starting', reason: `keeping its own content aside as ${role.name}` };
    case 'startingToFollow':
      return { state: 'SECOND', transition: 'starting', reason: null };
    case 'following': {
      const record = core.record;
      const status = core.peer.status;
      const inSync =
        record?.inSync.includes(core.config.self) === true && (status?.link === 'both' || status?.link === 'lost');
      return {
        state: 'SECOND',
        transition: inSync ? null : 'resynchronising',
        reason: inSync ? null : 'not in sync yet',
      };
    }
    case 'unfollowing':
      return { state: 'SECOND', transition: 'stopping', reason: null };
  }
}

function shownPrimary(core: ModuleCoreState, role: Extract<ModuleCoreState['role'], { at: 'primary' }>): ShownState {
  const both = role.link.kind === 'both' || role.link.kind === 'parting';
  const state: ModuleState = both ? 'PRIM' : 'ALONE';
  if (role.link.kind === 'lost') return { state, transition: 'frozen', reason: role.link.reason };
  if (role.leaving) {
    return {
      state,
      transition: role.leaving === 'stop' ? 'stopping' : 'demoting',
      reason: `stopping the server (${role.leaving})`,
    };
  }
  const fork = core.peer.status?.diverged;
  if (fork && role.link.kind === 'none' && role.server.kind === 'running') {
    const { module, self, peer } = core.config;
    return {
      state,
      transition: null,
      reason:
        `diverged: ${peer} holds a history of its own since epoch ${String(fork.common)} and is not brought up to date ` +
        `until you choose: \`understudy resolve ${module} --keep ${self}\` or \`--keep ${peer}\``,
    };
  }
  if (role.server.kind === 'keptDown') return { state, transition: null, reason: role.server.reason };
  if (role.server.kind === 'down') return { state, transition: 'starting', reason: role.server.reason };
  if (role.server.kind === 'stopping') {
    return { state, transition: 'stopping', reason: role.server.restart?.reason ?? null };
  }
  if (role.server.kind === 'held' && role.cause === 'force') {
    const { module, peer } = core.config;
    return {
      state,
      transition: 'starting',
      reason: `until ${peer} says that it does not run ${module}, or is silent; if that lasts, power ${peer} off`,
    };
  }
  if (role.server.kind !== 'running') return { state, transition: 'starting', reason: null };
  if (role.link.kind === 'attaching' || role.link.kind === 'committing') {
    return { state, transition: 'resynchronising', reason: null };
  }
  if (both) return { state, transition: null, reason: null };
  const lost = role.link.kind === 'none' ? role.link.reason : null;
  const why = lost === null ? '' : lost.startsWith(core.config.peer) ? `; ${lost}` : `; it was lost: ${lost}`;
  const how = core.peer.status ? 'not in sync' : 'not reachable';
  return { state, transition: null, reason: `no secondary: ${core.config.peer} is ${how}${why}` };
}
