import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from './clock.ts';
import type { EventName } from './events.ts';
import { longestSilenceOfClient, serviceGap } from './gap.ts';
import { ServiceWatch } from './serviceWatch.ts';
import { type Contender, type OpenContender, type Phases, unknownPhases } from './system.ts';

/** One event, one system, once. */
export interface RunResult extends Phases {
  readonly gapMs: number;
  /** Whether the client was without an answer for longer than a probe takes. */
  readonly interrupted: boolean;
  /** From the fault to the start of the process, or of the address; null when the service lived through it. */
  readonly toStartMs: number | null;
  /** From there to the client's first good answer. */
  readonly bootMs: number | null;
  /** The longest time in which the client itself did not come to ask. */
  readonly clientSilenceMs: number;
  readonly problems: readonly string[];
}

const steadyMs = 1000;
/** A service that is expected to live through the event is watched for so long. */
const quietMs = 10_000;
const limitMs = 120_000;

/** Everything of a run is made for it and gone after it: runs do not depend on one another. */
export async function measureRun(contender: Contender, event: EventName): Promise<RunResult> {
  const open = await contender.open();
  let watch: ServiceWatch | null = null;
  try {
    watch = new ServiceWatch(open.lab, contender.target);
    await watch.untilSteady(steadyMs, 60_000);
    await delay(Math.random() * contender.phaseMs(event));
    await watch.untilSteady(steadyMs, 60_000);
    const faultMs = monotonicMs();
    const injected = open.inject(event);
    // A switchover's command lasts as long as the switchover.
    const startedMs = await Promise.race([untilOver(contender, event, open, watch, faultMs), failureOf(injected)]);
    await injected;
    const gap = serviceGap(watch.probes, faultMs);
    if (gap === null) throw new Error('the service was not asked after the event');
    const phases = startedMs === null ? unknownPhases : await open.phases(event, faultMs, startedMs);
    return {
      ...phases,
      gapMs: gap.gapMs,
      interrupted: gap.interrupted,
      toStartMs: startedMs === null ? null : startedMs - faultMs,
      bootMs: startedMs === null || !gap.interrupted ? null : gap.endMs - startedMs,
      clientSilenceMs: longestSilenceOfClient(watch.probes, faultMs),
      problems: await open.problems(),
    };
  } catch (error) {
    const said = await open.describe().catch(() => '');
    throw new Error(`${(error as Error).message}${said === '' ? '' : `\n${said}`}`, { cause: error });
  } finally {
    watch?.end();
    open.close();
  }
}

/** Waits until the service is back for good. Returns when it was started, null when it lived through the event. */
async function untilOver(
  contender: Contender,
  event: EventName,
  open: OpenContender,
  watch: ServiceWatch,
  faultMs: number,
): Promise<number | null> {
  const mayStay = contender.livesThrough.includes(event);
  for (;;) {
    await delay(100);
    const now = monotonicMs();
    const startedMs = open.startedAt(faultMs);
    const isBack = watch.isSteady(steadyMs);
    if (startedMs !== null && now > startedMs + steadyMs && isBack) return startedMs;
    if (startedMs === null && mayStay && now > faultMs + quietMs && isBack) return null;
    if (now > faultMs + limitMs) {
      const state = startedMs === null ? 'nothing was started' : `started after ${Math.round(startedMs - faultMs)} ms`;
      throw new Error(`the service was not back after ${limitMs / 1000} s (${state})`);
    }
  }
}

function failureOf(work: Promise<void>): Promise<never> {
  return new Promise((_resolve, reject) => void work.catch(reject));
}
