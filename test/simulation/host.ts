import type {
  CoreEvent,
  LineageEntry,
  Maintenance,
  ModuleCoreState,
  Placement,
  ReplicaFacts,
  Resolution,
} from '../../agent/core/types.ts';
import type { Save } from '../../agent/core/unsaved.ts';
import type { HostName, Network } from './network.ts';
import type { Random } from './random.ts';

/** What survives a loss of power; of the contents what was flushed. */
export interface Disk {
  desired: ModuleCoreState['desired'];
  resolution: Resolution | null;
  /** What the other host may still count on. */
  promisedDetectionMs: number | null;
  drained: boolean;
  /** Its end by the clock on the host's wall. */
  maintenance: Maintenance | null;
  lineage: LineageEntry[];
  /** Of the last resync that both completed. */
  syncId: string | null;
  consistent: boolean;
  /** With an unfinished resync into it: the writes that it held before; null: that was not kept. */
  undo: ReadonlySet<number> | null;
  diskError: ReplicaFacts['diskError'];
  /** Numbers of the writes in the replica. Each one has a zone of its own. */
  log: Set<number>;
  /** Those of them that a loss of power may take away. */
  unsynced: Set<number>;
  /** Zones that may differ from the other replica's. */
  marks: Set<number>;
  /** What was kept aside, by its name. */
  aside: Record<string, number[]>;
  /** How long a flush takes beyond the usual. */
  slowMs: number;
  /** Another disk lies in the place of the one that was known, and no resync has filled it yet. */
  isReplaced: boolean;
  /** Until then whatever has to be made durable fails. */
  refusesUntil: number;
  /** There is no room to keep anything aside. */
  isFull: boolean;
}

export interface Host {
  readonly name: HostName;
  readonly disk: Disk;
  core: ModuleCoreState | null;
  mirror: 'idle' | 'following' | 'serving';
  frozen: boolean;
  followSession: string | null;
  /** It follows still, and has entered an epoch of its own: no resync into it ends any more. */
  isPromoted: boolean;
  server: 'stopped' | 'starting' | 'running' | 'stopping';
  /** Number of the last stop of it that was begun. */
  stop: number;
  /** Writes that were not acknowledged to the guest yet, and what is still missing for that. */
  held: Map<number, { local: boolean; remote: boolean }>;
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

export function newHost(name: HostName): Host {
  return {
    name,
    disk: {
      desired: { value: 'started', sequence: 0 },
      resolution: null,
      promisedDetectionMs: null,
      drained: false,
      maintenance: null,
      lineage: [],
      syncId: null,
      consistent: true,
      undo: null,
      diskError: null,
      log: new Set(),
      unsynced: new Set(),
      marks: new Set(),
      aside: {},
      slowMs: 0,
      isReplaced: false,
      refusesUntil: 0,
      isFull: false,
    },
    core: null,
    mirror: 'idle',
    frozen: false,
    followSession: null,
    isPromoted: false,
    server: 'stopped',
    stop: 0,
    held: new Map(),
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

export function factsOf({ disk }: Host): ReplicaFacts {
  const { lineage, consistent, undo, diskError, log } = disk;
  const restorable = undo !== null;
  return { lineage: [...lineage], consistent, restorable, diskError: diskError ?? null, content: log.size > 0 };
}

/** Whether its replica has the write, and keeps it when the power is lost. */
export function holdsDurably({ disk }: Host, write: number): boolean {
  return disk.log.has(write) && !disk.unsynced.has(write);
}

/** Whether a start of this replica finds the write, after an unfinished resync was taken back. */
export function givesBack(host: Host, write: number): boolean {
  return host.disk.undo?.has(write) ?? holdsDurably(host, write);
}

/** An unfinished resync is taken back, and what it had changed is marked. */
export function rollBack({ disk }: Host): void {
  const { undo, log } = disk;
  if (undo === null) return;
  for (const write of [...undo, ...log]) if (undo.has(write) !== log.has(write)) disk.marks.add(write);
  disk.log = new Set(undo);
  disk.unsynced.clear();
  disk.undo = null;
  disk.consistent = true;
}

/** Of what was not flushed each write may or may not have reached the disk, in any order. */
export function losesUnsynced({ disk }: Host, random: Random): void {
  for (const write of disk.unsynced) if (random.next() < 0.5) disk.log.delete(write);
  disk.unsynced.clear();
}

/** Another disk lies in the place of this one: an empty one, or an old backup. */
export function replaceDisk({ disk }: Host, backup: Backup | null): void {
  disk.isReplaced = true;
  disk.syncId = backup?.syncId ?? null;
  disk.lineage = [...(backup?.lineage ?? [])];
  disk.log = new Set(backup?.log);
  disk.unsynced.clear();
  disk.marks = new Set(backup?.marks);
  disk.consistent = true;
  disk.undo = null;
  disk.diskError = null;
}

export type Backup = Readonly<Pick<Disk, 'lineage' | 'syncId' | 'log' | 'marks'>>;

/** What a consistent replica is now; null: it is none. */
export function backUp({ disk }: Host): Backup | null {
  if (!disk.consistent || disk.unsynced.size > 0) return null;
  return { lineage: [...disk.lineage], syncId: disk.syncId, log: new Set(disk.log), marks: new Set(disk.marks) };
}

export function flushAll({ disk }: Host): void {
  disk.unsynced.clear();
}
