import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { PlannedRun } from './plan.ts';
import type { RunRecord } from './report.ts';

/**
 * A file of the runs that are over, a line each: a measurement of hours can be stopped, and gone on with by the same command. A line that a
 * stop has cut off counts for nothing.
 */
export class RunFile {
  readonly #path: string | undefined;

  /** @param path undefined: nothing is kept */
  constructor(path: string | undefined) {
    this.#path = path;
  }

  read(): RunRecord[] {
    if (this.#path === undefined || !existsSync(this.#path)) return [];
    const text = readFileSync(this.#path, 'utf8');
    if (text !== '' && !text.endsWith('\n')) appendFileSync(this.#path, '\n');
    return text.split('\n').flatMap(parseLine);
  }

  add(record: RunRecord): void {
    if (this.#path === undefined) return;
    const { system, setting } = record.contender;
    appendFileSync(this.#path, `${JSON.stringify({ ...record, contender: { system, setting } })}\n`);
  }
}

function parseLine(line: string): RunRecord[] {
  try {
    return [JSON.parse(line) as RunRecord];
  } catch {
    return [];
  }
}

/** What of a plan is not over yet. */
export function runsLeft(plan: readonly PlannedRun[], over: readonly RunRecord[]): readonly PlannedRun[] {
  const key = ({ round, event, contender }: Pick<RunRecord, 'round' | 'event' | 'contender'>): string =>
    JSON.stringify([round, event, contender.system, contender.setting]);
  const done = new Set(over.map(key));
  return plan.filter((run) => !done.has(key(run)));
}
