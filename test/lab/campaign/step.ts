import { setTimeout as delay } from 'node:timers/promises';
import { unexpectedLines } from './agentLogs.ts';
import { checkRunning, checkStopped, type Findings } from './checks.ts';
import { NotHere } from './faults/fault.ts';
import { campaignModules } from './modules.ts';
import type { PlannedFault, PlannedStep } from './plan.ts';
import { runningNow, whatMoved } from './moved.ts';
import { servedTwice } from './servedTwice.ts';
import type { Site } from './site.ts';
import { untilWatched } from './watched.ts';
import { isWhole, stopAll, untilWhole } from './whole.ts';

export interface StepResult {
  /** The kinds that were brought about. */
  readonly tried: readonly string[];
  /** The kinds for which there was nothing to bring them about on. */
  readonly idle: readonly string[];
  /** The kinds that this machine does not allow, and why. */
  readonly notHere: readonly { readonly kind: string; readonly why: string }[];
  /** From the end of the last fault until both modules were whole; null when that was not. */
  readonly wholeMs: number | null;
  /** Records that the guests had reported so far. */
  readonly records: number;
  readonly lost: number;
  readonly notes: readonly string[];
  /** Empty: passed. */
  readonly wrong: readonly string[];
}

/** Remembers how far each agent's log was looked at. */
export class LogPlaces {
  readonly #places = new Map<string, number>();

  /** Lines that nobody expects since the last time. */
  take(site: Site): readonly string[] {
    return site.cluster.lab.hosts.flatMap((host) => {
      const log = host.agentLog();
      const news = log.slice(this.#places.get(host.name) ?? 0);
      this.#places.set(host.name, log.length);
      return unexpectedLines(news, site.expectedEnds(host.name)).map((line) => `agent of ${host.name}: ${line}`);
    });
  }
}

/**
 * Makes everything whole that the last step left stopped, brings the faults of this one about, ends them, and looks at everything.
 * @param isLast asked before it looks: what no further step follows is looked at while it is stopped, whatever was drawn
 */
export async function runStep(
  site: Site,
  step: PlannedStep,
  logs: LogPlaces,
  isLast: () => boolean,
): Promise<StepResult> {
  const wrong: string[] = [];
  const tried: string[] = [];
  const idle: string[] = [];
  const notHere: { kind: string; why: string }[] = [];
  let wholeMs: number | null = null;
  let findings: Findings = { wrong: [], lost: 0 };
  const bringAbout = async (fault: PlannedFault): Promise<void> => {
    try {
      const cure = await fault.begin(site);
      if (cure instanceof NotHere) notHere.push({ kind: fault.kind, why: cure.why });
      else (cure === null ? idle : tried).push(fault.kind);
      if (cure === null || cure instanceof NotHere) return;
      await delay(fault.holdMs);
      await cure();
    } catch (error) {
      wrong.push(`${fault.title}: ${(error as Error).message}`);
    }
  };
  const second = async (): Promise<void> => {
    if (step.second === null) return;
    await delay(step.second.afterMs);
    await bringAbout(step.second.fault);
  };
  try {
    if (!isWhole(site)) await untilWhole(site);
    const before = step.movesNothing ? await runningNow(site) : null;
    await Promise.all([bringAbout(step.first), second()]);
    await site.cure();
    const ended = performance.now();
    await untilWhole(site);
    wholeMs = Math.round(performance.now() - ended);
    await untilWatched(site);
    if (before !== null) wrong.push(...whatMoved(before, await runningNow(site)));
    // The kernel keeps an error of a disk for whoever flushes next, also when the disk is mended: then a secondary is lost once more, and returns.
    await untilWhole(site);
    const isStopped = isLast() || step.check === 'stopped';
    if (isStopped && step.check === 'running') site.note('looked at while stopped, since nothing follows');
    if (isStopped) await stopAll(site);
    findings = isStopped ? await checkStopped(site) : await checkRunning(site);
  } catch (error) {
    wrong.push((error as Error).message);
  }
  wrong.push(...findings.wrong, ...whatTheWatchesSaw(site), ...logs.take(site));
  site.forgetExpected();
  const [records, notes] = [await reported(site), site.takeNotes()];
  return { tried, idle, notHere, wholeMs, records, lost: findings.lost, notes, wrong };
}

/** What is wrong; what was to be expected is noted. */
function whatTheWatchesSaw(site: Site): readonly string[] {
  const answers = site.answers.takeLate();
  const seen = campaignModules.map(({ name }) =>
    servedTwice({
      module: name,
      twice: site.watch.takeTwice(name),
      late: answers.filter((answer) => answer.name === name),
      allowedMs: site.expectedTwinsMs(name),
    }),
  );
  for (const note of seen.flatMap(({ notes }) => notes)) site.note(note);
  const { ended } = site.answers;
  return [...seen.flatMap(({ wrong }) => wrong), ...(ended === null ? [] : [ended])];
}

async function reported(site: Site): Promise<number> {
  const last = await Promise.all(campaignModules.map((module) => site.lastRecord(module)));
  return last.reduce((sum, number) => sum + number, 0);
}
