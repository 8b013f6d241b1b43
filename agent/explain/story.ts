import type { ResolvedCluster, ResolvedModule } from '../../schemas/defaults.ts';
import type { ExplainedEvent, TimelineEntry } from '../../schemas/explain.ts';
import type { Fault, FaultStep } from './fault.ts';
import { watch, type Phase } from './observed.ts';
import type { Pace } from './pace.ts';
import { World } from './world.ts';

/** Longer than the core waits anywhere before it tries something else. */
const calmBeyondDetectionMs = 9000;
const settleWithinMs = 60_000;
const stepWithinMs = 120_000;

export interface Story {
  readonly phases: readonly Phase[];
  readonly timeline: readonly TimelineEntry[];
  readonly events: readonly ExplainedEvent[];
  readonly durationMs: number;
}

/** Plays a fault from a pair that is whole, or from hosts that are off, at one pace. */
export function play(fault: Fault, module: ResolvedModule, cluster: ResolvedCluster, pace: Pace): Story {
  const world = new World({ module, cluster, pace });
  const { failover, mirror } = module;
  const usualCalmMs = 2 * failover.detectionMs + mirror.acknowledgeTimeoutMs + calmBeyondDetectionMs;
  if (fault.from === 'whole') {
    for (const { name } of world.hosts) world.boot(name);
    world.runUntilWhole(settleWithinMs + 2 * failover.detectionMs);
    world.runToPhase(fault.everyMs ?? world.periodMs);
  }
  const timeOf = ({ time }: FaultStep): { readonly calmMs: number; readonly atMostMs: number } => {
    const calmMs = Math.max(usualCalmMs, time?.calmMs ?? 0) + pace.stopMs;
    // Several things may happen one after the other, each just before it would count as calm.
    return { calmMs, atMostMs: Math.max(time?.atMostMs ?? stepWithinMs, 3 * calmMs) };
  };
  const begin = world.clock.now;
  const phases: Phase[] = [];
  for (const step of fault.steps) {
    if (step.when && !step.when(world)) continue;
    phases.push(playStep(world, step, timeOf(step)));
  }
  const { trace, clock } = world;
  return {
    phases,
    timeline: [...standingAt(trace.entries, begin), ...trace.entries.filter(({ atMs }) => atMs >= begin)].map(
      (entry) => ({ ...entry, atMs: Math.max(0, Math.round(entry.atMs - begin)) }),
    ),
    events: trace.events
      .filter(({ atMs }) => atMs >= begin)
      .map((event) => ({ ...event, atMs: Math.round(event.atMs - begin) })),
    durationMs: Math.round(clock.now - begin),
  };
}

function playStep(world: World, step: FaultStep, time: { readonly calmMs: number; readonly atMostMs: number }): Phase {
  const observed = watch(world);
  world.trace.say(step.host ?? null, 'FAULT', step.says);
  step.act(world);
  const isCalm = world.runUntilCalm(time.calmMs, time.atMostMs);
  return observed({ ...step, isEndless: !isCalm });
}

/** How each host stood when the fault came. */
function standingAt(entries: readonly TimelineEntry[], begin: number): readonly TimelineEntry[] {
  const earlier = entries.filter(({ atMs }) => atMs < begin);
  return [...new Set(earlier.map(({ host }) => host))].flatMap(
    (name) => earlier.findLast(({ host }) => host === name) ?? [],
  );
}
