import type { CoreEvent, ModuleCoreState, Placement, ReplicaFacts } from '../../agent/core/types.ts';
import { RecordStore } from '../../agent/mirror/replica/record.ts';
import type { Save } from '../../agent/core/unsaved.ts';
import { Disk, moduleName } from './disk.ts';
import { type HostName, type Network } from './network.ts';
import type { FollowingMirror, ServingMirror } from './replica/roles.ts';

export interface Host {
  readonly name: HostName;
  readonly disk: Disk;
  core: ModuleCoreState | null;
  /** The mirror's record, as its process knows it. */
  replica: RecordStore;
  /** What the mirror process does with the replica, one of the two at most. */
  serving: ServingMirror | null;
  following: FollowingMirror | null;
  server: 'stopped' | 'starting' | 'running' | 'stopping';
  /** Number of the last stop of it that was begun. */
  stop: number;
  /** Another one after each loss of power and each start. */
  life: number;
  /** Another one with each program of the agent. */
  program: number;
  pausedUntil: number;
  /** Its agent has died, and its mirror process has not ended yet what it left. */
  isEnding: boolean;
  /** One program of the agent has ended and the next is not there yet; mirror and server go on. */
  awayUntil: number;
  queue: CoreEvent[];
  /** What its program acts upon and could not make durable yet. */
  owed: Map<Save['type'], Save>;
  /** Its monotonic clock: what it showed at a moment, and how fast it goes. */
  clock: { shown: number; at: number; rate: number };
  /** What its file of the module says; a program reads it when it begins. */
  detectionMs: number;
  /** By how much the clock on its wall is ahead. */
  wallAheadMs: number;
  /** What its agent knows of other modules. */
  placement: Placement;
  /** Of the programs that run on it. */
  version: number;
  /** The number of the heartbeat of the other host that was heard last. */
  heard: number;
  /** When, by its own clock, the other host was last heard on each network; null: not in this life. */
  heardOn: Record<Network, number | null>;
  /** Since when it has reached neither the other host nor the arbiter; null: it reaches one of them. */
  cutOffSince: number | null;
  /** Whether it reached the arbiter when that was last looked at. */
  reachedArbiter: boolean;
}

/** Whether anything of its server is there that could write: one that is being stopped may take its time. */
export function runsServer({ server }: Host): boolean {
  return server === 'running' || server === 'stopping';
}

/** No other module matters. */
export const nothingElse: Placement = { barred: null, waitsFor: null, avoids: null };

/** @param onPowerLoss the host loses power between two writes of its own */
export function newHost(name: HostName, now: () => number, onPowerLoss: () => void): Host {
  const disk = new Disk(now, onPowerLoss);
  return {
    name,
    disk,
    replica: RecordStore.open(disk.files.record, moduleName),
    serving: null,
    following: null,
    core: null,
    server: 'stopped',
    stop: 0,
    life: 0,
    program: 0,
    pausedUntil: 0,
    isEnding: false,
    awayUntil: 0,
    queue: [],
    owed: new Map(),
    clock: { shown: 0, at: 0, rate: 1 },
    detectionMs: 3000,
    wallAheadMs: 0,
    placement: nothingElse,
    version: 1,
    heard: -1,
    heardOn: { lan: null, link: null },
    cutOffSince: null,
    reachedArbiter: false,
  };
}

/** What its monotonic clock shows. */
export function ownTime({ clock }: Host, now: number): number {
  return clock.shown + (now - clock.at) * clock.rate;
}

/** What the clock on its wall shows, which somebody may set. */
export function wallTime({ wallAheadMs }: Host, now: number): number {
  return now + wallAheadMs;
}

/** From now on its clock goes at another rate; it never goes back. */
export function setClockRate(host: Host, now: number, rate: number): void {
  host.clock = { shown: ownTime(host, now), at: now, rate };
}

export function factsOf({ disk, replica }: Host): ReplicaFacts {
  const { lineage, consistent, restorable = false, diskError = null } = replica.value;
  return { lineage, consistent, restorable, diskError, content: disk.log.size > 0 };
}

/** Whether its mirror serves, and answers nothing. */
export function isFrozen({ serving }: Host): boolean {
  return serving?.isFrozen === true;
}

/** Whether its disk has lost something that it had taken, and the mirror knows: that may not be durable yet. */
export function hasLostWrites({ replica }: Host): boolean {
  return Boolean(replica.value.diskError);
}

/** Whether its replica has the write, and keeps it when the power is lost. */
export function holdsDurably({ disk }: Host, write: number): boolean {
  return disk.log.has(write) && !disk.unsynced.has(write);
}

/** Whether a start of this replica finds the write, after an unfinished resync was taken back. */
export function givesBack(host: Host, write: number): boolean {
  return host.disk.undo?.has(write) ?? holdsDurably(host, write);
}
