import type { ModuleConfig } from '../../agent/core/types.ts';
import { detectionTimes, faults, type Fault } from './faults.ts';
import type { HostName } from './network.ts';
import type { Random } from './random.ts';

/** What one run is like. Each has faults of a few kinds only, so that each kind meets each other one often, and no run is all noise. */
export interface Plan {
  readonly config: Partial<ModuleConfig>;
  /** By the file of each host. */
  readonly detectionMs: Readonly<Record<HostName, number>>;
  readonly faults: readonly Fault[];
  /** The longest time from one to the next. */
  readonly betweenFaultsMs: number;
  /** Whether the guests are idle most of the time: then nothing but the heartbeats tells of a loss. */
  readonly isIdle: boolean;
  /** Whether an unfinished resync can be taken back. */
  readonly keepsUndo: boolean;
  /** Whether operators force hosts: what the other one has may be missing then, as they were told. */
  readonly isForced: boolean;
}

const kindsOfFaults = 7;
const onTopShare = 0.35;
const kindsOnTop = 2;
/** That files may say as well, milliseconds, of both hosts: where only one of them does, the other one's heartbeats are too rare for its lease. */
const shortDetectionTimes: readonly number[] = [400, 800];
const shortShare = 0.15;
/** In some runs a fault strikes while the one before it still has its effect, in others the module is whole again now and then. */
const paces = [600, 1500, 3500, 3500] as const;

/** @param more decides on fencing, undo, and what comes on top: a run without them is what it would be otherwise */
export function makePlan(random: Random, more: Random): Plan {
  const kind = random.next();
  const arbiter = kind < 0.76 ? 'witness' : 'none';
  const withoutArbiter = kind < 0.88 ? 'manual' : 'risk-split-brain';
  const isForced = random.next() < (withoutArbiter === 'risk-split-brain' ? 1 : 0.25);
  const config: Partial<ModuleConfig> = {
    arbiter,
    withoutArbiter,
    automatic: random.next() < 0.9,
    onDiskError: random.pick(['switchover', 'report']),
    maxFailovers: random.next() < 0.9 ? 1000 : 2,
    restarts: random.pick([0, 3]),
    fencePeer: more.pick(['never', 'never', 'never', 'never', 'continue', 'wait', 'wait']),
  };
  const isShort = random.next() < shortShare;
  const candidates = faults.filter(
    ({ isSpecial, isOfWitness, isOfFencing, isOfDetection, isOnTop }) =>
      !isOnTop &&
      (isForced || !isSpecial) &&
      (arbiter === 'witness' || !isOfWitness) &&
      (config.fencePeer !== 'never' || !isOfFencing) &&
      !(isShort && isOfDetection),
  );
  // Those of fencing come on top: they need the others to matter.
  const ofFencing = candidates.filter(({ isOfFencing }) => isOfFencing);
  const chosen = new Set([...candidates.filter(({ isSpecial }) => isSpecial), ...ofFencing]);
  while (chosen.size < kindsOfFaults + ofFencing.length) chosen.add(random.pick(candidates));
  const alpha = random.pick(isShort ? shortDetectionTimes : detectionTimes);
  const detectionMs = { alpha, beta: isShort || random.next() < 0.7 ? alpha : random.pick(detectionTimes) };
  const betweenFaultsMs = random.pick(paces);
  const isIdle = random.next() < 0.25;
  const keepsUndo = more.next() < 0.75;
  if (more.next() < onTopShare) {
    const onTop = faults.filter((each) => each.isOnTop && (arbiter === 'witness' || !each.isOfWitness));
    for (let kind = 0; kind < kindsOnTop; kind += 1) chosen.add(more.pick(onTop));
  }
  return { config, detectionMs, betweenFaultsMs, faults: [...chosen], isIdle, keepsUndo, isForced };
}

export function pickFault({ faults: chosen }: Plan, random: Random): Fault {
  const sum = chosen.reduce((total, { weight }) => total + weight, 0);
  let at = random.next() * sum;
  for (const each of chosen) {
    at -= each.weight;
    if (at < 0) return each;
  }
  return random.pick(chosen);
}
