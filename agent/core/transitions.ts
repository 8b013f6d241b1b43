/**
 * Every transition of a module's role on one host that the core makes, as data: the simulation finds a transition that is not in this table
 * to be a violation, and counts which ones it has seen; the diagram in ARCHITECTURE.md is drawn from it.
 */
import type { Move, RoleState, Trigger } from './types.ts';

export interface Transition extends Move {
  /** What has happened, in a few words. */
  readonly why: string;
}

/** In the order in which a module goes through them. */
export const roleStates: readonly RoleState[] = [
  'stopped',
  'waiting',
  'asking',
  'fencingPeer',
  'entering',
  'mounting',
  'primary.joining',
  'primary.none',
  'primary.renumbering',
  'primary.attaching',
  'primary.committing',
  'primary.both',
  'primary.parting',
  'primary.lost',
  'primary.goingAlone',
  'releasing',
  'handingOver',
  'fencing',
  'keepingAside',
  'startingToFollow',
  'following',
  'unfollowing',
];

type Row = readonly [
  from: RoleState | readonly RoleState[],
  to: RoleState,
  on: Trigger | readonly Trigger[],
  why: string,
];

const rows: readonly Row[] = [
  ['stopped', 'waiting', 'settle', 'started'],
  ['stopped', 'asking', 'command', 'forced'],

  ['waiting', 'stopped', 'settle', 'stopped'],
  ['waiting', 'unfollowing', 'settle', 'stopped while the mirror still follows'],
  ['waiting', 'asking', 'settle', 'may start: in sync by the record, or has the newest replica of both'],
  ['waiting', 'asking', 'command', 'forced'],
  ['waiting', 'startingToFollow', 'settle', 'the other host is primary'],
  ['waiting', 'keepingAside', 'settle', 'the other host is primary, and does not know what this one holds'],

  ['asking', 'entering', 'proposalGranted', 'granted'],
  ['asking', 'entering', 'proposalRefused', 'granted before: the answer was lost'],
  ['asking', 'waiting', 'proposalRefused', 'refused: another host was first'],
  ['asking', 'waiting', 'settle', 'stopped, no answer, or the other host is primary'],
  ['asking', 'fencingPeer', 'proposalGranted', 'granted: the silent host is fenced first'],
  ['fencingPeer', 'entering', 'settle', 'the other host is fenced or need not be, and the grant still holds'],
  ['fencingPeer', 'waiting', 'settle', 'stopped, or another record holds'],
  ['entering', 'mounting', 'operationDone', 'the epoch is durable'],
  ['mounting', 'primary.none', 'operationDone', 'mounted, granted alone'],
  ['mounting', 'primary.joining', 'operationDone', 'mounted, granted with the secondary in sync'],
  [['entering', 'mounting'], 'fencing', 'operationFailed', 'the disk or the mount failed'],

  ['primary.joining', 'primary.both', 'operationDone', 'the secondary joined'],
  ['primary.joining', 'primary.lost', 'settle', 'the secondary did not join in time'],
  ['primary.joining', 'primary.lost', ['mirrorPeerLost', 'operationFailed'], 'the secondary was lost while it joined'],
  ['primary.none', 'primary.attaching', 'settle', 'a secondary offers a session'],
  ['primary.attaching', 'primary.committing', 'mirrorInStep', 'the resync has ended'],
  ['primary.attaching', 'primary.none', ['mirrorPeerLost', 'operationFailed'], 'the resync ended early'],
  ['primary.committing', 'primary.both', 'operationDone', 'both are recorded as in sync'],
  [
    'primary.committing',
    'primary.goingAlone',
    ['mirrorPeerLost', 'operationFailed'],
    'the secondary was lost before the arbiter was asked',
  ],
  [
    'primary.committing',
    'primary.lost',
    ['mirrorPeerLost', 'operationFailed'],
    'the secondary was lost after the arbiter was asked',
  ],
  ['primary.committing', 'primary.lost', 'settle', 'the lease is over'],
  ['primary.none', 'primary.renumbering', 'settle', 'the secondary has lived through a later epoch'],
  ['primary.renumbering', 'primary.goingAlone', 'proposalGranted', 'recorded alone'],
  ['primary.both', 'primary.lost', 'mirrorPeerLost', 'the secondary was lost'],
  ['primary.both', 'primary.lost', 'settle', 'the lease is over'],
  ['primary.both', 'primary.parting', 'command', 'the secondary is to be repaired, or left for an upgrade'],
  ['primary.parting', 'primary.goingAlone', 'proposalGranted', 'recorded alone'],
  ['primary.parting', 'primary.lost', 'mirrorPeerLost', 'the secondary was lost'],
  ['primary.parting', 'primary.lost', 'settle', 'the lease is over'],
  ['primary.lost', 'primary.goingAlone', 'proposalGranted', 'recorded alone'],
  ['primary.goingAlone', 'primary.none', 'operationDone', 'the secondary is dropped'],
  ['primary.goingAlone', 'fencing', 'operationFailed', 'the disk failed'],

  [
    ['primary.none', 'primary.renumbering', 'primary.attaching', 'primary.both'],
    'releasing',
    'settle',
    'the server is down: stopped, or moved',
  ],
  ['releasing', 'stopped', 'operationDone', 'stopped'],
  ['releasing', 'waiting', 'operationDone', 'there is nobody to hand over to'],
  ['releasing', 'handingOver', 'operationDone', 'moved: the arbiter is asked to name the other host'],
  ['releasing', 'fencing', 'operationFailed', 'the secondary was lost at the last moment'],
  ['handingOver', 'waiting', 'proposalGranted', 'handed over'],
  ['handingOver', 'waiting', 'proposalRefused', 'the arbiter holds another record'],
  ['handingOver', 'waiting', 'settle', 'no answer'],

  [
    ['primary.none', 'primary.renumbering', 'primary.attaching', 'primary.goingAlone'],
    'fencing',
    'settle',
    'deposed: the other host is primary by a later epoch',
  ],
  [
    ['primary.both', 'primary.committing', 'primary.parting'],
    'fencing',
    'settle',
    'deposed, or unheard for so long that the other host may have taken over',
  ],
  [
    'primary.joining',
    'fencing',
    'settle',
    'the secondary did not join, and without an arbiter nobody tells what it does',
  ],
  ['primary.lost', 'fencing', 'settle', 'deposed, or cut off from the secondary and from the arbiter'],
  [
    [
      'entering',
      'mounting',
      'primary.joining',
      'primary.none',
      'primary.renumbering',
      'primary.attaching',
      'primary.committing',
      'primary.both',
      'primary.parting',
      'primary.lost',
      'primary.goingAlone',
      'releasing',
      'handingOver',
      'keepingAside',
      'startingToFollow',
      'following',
      'unfollowing',
    ],
    'fencing',
    'mirrorFailed',
    'the mirror process ended',
  ],
  ['fencing', 'waiting', 'operationDone', 'the server is killed and the mount is gone'],

  ['keepingAside', 'startingToFollow', 'operationDone', 'what only this host holds is kept'],
  ['keepingAside', 'waiting', 'operationFailed', 'there is no room for it'],
  ['startingToFollow', 'following', 'operationDone', 'a session is offered'],
  ['startingToFollow', 'waiting', 'operationFailed', 'the disk failed'],
  ['following', 'startingToFollow', 'settle', 'the session ended: another one is offered'],
  ['following', 'keepingAside', 'settle', 'the primary does not know any more what this host holds'],
  ['following', 'asking', 'settle', 'the primary is silent, and this host in sync: failover'],
  ['following', 'asking', 'primaryEnded', 'the primary says that it has ended, and this host in sync: failover'],
  ['following', 'waiting', 'primaryEnded', 'the same after too many failovers: parked'],
  ['following', 'asking', 'command', 'forced'],
  ['following', 'entering', 'settle', 'handed over to this host'],
  ['following', 'waiting', 'settle', 'the primary is gone, and this host may not take over'],
  ['following', 'unfollowing', 'settle', 'stopped'],
  ['unfollowing', 'stopped', 'operationDone', 'stopped'],
  ['unfollowing', 'waiting', 'operationFailed', 'the disk failed'],
];

const listOf = <T>(one: T | readonly T[]): readonly T[] => (Array.isArray(one) ? (one as readonly T[]) : [one as T]);

export const transitions: readonly Transition[] = rows.flatMap(([from, to, on, why]) =>
  listOf(from).flatMap((each) => listOf(on).map((trigger) => ({ from: each, to, on: trigger, why }))),
);
