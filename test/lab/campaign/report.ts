import type { PlannedStep, Round } from './plan.ts';
import type { StepResult } from './step.ts';

interface Row {
  tried: number;
  idle: number;
  /** Why it could not be tried on this machine. */
  notHere: string | null;
  failed: number;
  lost: number;
  longestMs: number;
}

const seconds = (ms: number): string => (ms / 1000).toFixed(1);

export function clock(ms: number): string {
  const whole = Math.max(0, Math.round(ms / 1000));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const twoDigits = (value: number): string => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${twoDigits(minutes)}:${twoDigits(rest)}` : `${minutes}:${twoDigits(rest)}`;
}

export function describeRound({ number, arbiter, detectionMs }: Round): string {
  const who = arbiter === 'etcd' ? 'etcd on three hosts' : 'the witness gamma';
  return `round ${number}: a new cluster, its arbiter is ${who}, its detection time ${detectionMs} ms`;
}

export function describeStep({ first, second, check }: PlannedStep): string {
  const one = `${first.title} for ${seconds(first.holdMs)} s`;
  const other =
    second === null
      ? ''
      : `; after ${seconds(second.afterMs)} s ${second.fault.title} for ${seconds(second.fault.holdMs)} s`;
  return `${one}${other}; looked at while ${check}`;
}

export function describeResult(result: StepResult): string {
  const whole = result.wholeMs === null ? 'not whole again' : `whole after ${seconds(result.wholeMs)} s`;
  const idle = result.idle.length === 0 ? '' : `, nothing to bring about: ${result.idle.join(', ')}`;
  const notHere = result.notHere.map(({ kind, why }) => `, not possible here: ${kind} (${why})`).join('');
  const outcome = result.wrong.length === 0 ? 'passed' : 'FAILED';
  const notes = result.notes.map((note) => `; ${note}`).join('');
  return `${outcome}: ${whole}, ${result.records} records reported, ${result.lost} lost${idle}${notHere}${notes}`;
}

/** What was tried, and what came of it. */
export class Report {
  readonly #rows = new Map<string, Row>();
  #passed = 0;
  #failed = 0;
  #records = 0;
  #lost = 0;

  get isGood(): boolean {
    return this.#failed === 0 && this.#passed > 0;
  }

  /** @param recordsBefore what the guests of this cluster had reported before */
  add(result: StepResult, recordsBefore: number): void {
    const isFailed = result.wrong.length > 0;
    if (isFailed) this.#failed += 1;
    else this.#passed += 1;
    this.#records += Math.max(0, result.records - recordsBefore);
    this.#lost += result.lost;
    for (const kind of result.idle) this.#row(kind).idle += 1;
    for (const { kind, why } of result.notHere) this.#row(kind).notHere = why;
    for (const kind of result.tried) {
      const row = this.#row(kind);
      row.tried += 1;
      if (isFailed) row.failed += 1;
      row.lost += result.lost;
      row.longestMs = Math.max(row.longestMs, result.wholeMs ?? 0);
    }
  }

  /** Something that is no step went wrong. */
  addFailure(): void {
    this.#failed += 1;
  }

  /** With every kind that there is. */
  table(kinds: readonly string[]): readonly string[] {
    const head = ['fault', 'tried', 'failed', 'lost', 'longest time to whole'];
    const rows = kinds.map((kind) => {
      const { tried, failed, lost, longestMs, notHere } = this.#row(kind);
      if (tried === 0 && notHere !== null) return [kind, 'not here', '-', '-', '-'];
      return [kind, String(tried), String(failed), String(lost), tried === 0 ? '-' : `${seconds(longestMs)} s`];
    });
    const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
    const line = (row: readonly string[]): string =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ');
    const notHere = [...this.#rows].flatMap(([kind, row]) =>
      row.notHere === null ? [] : [`${kind} (${row.notHere})`],
    );
    const notAtHand = [...this.#rows].filter(([, { idle }]) => idle > 0).map(([kind, { idle }]) => `${kind} ${idle}`);
    return [
      line(head),
      ...rows.map(line),
      ...(notHere.length === 0 ? [] : [`Not possible on this machine: ${notHere.join(', ')}.`]),
      ...(notAtHand.length === 0
        ? []
        : [`Drawn when there was nothing to bring it about on: ${notAtHand.join(', ')}.`]),
      `${this.#records} records were reported as durable, ${this.#lost} lost.`,
    ];
  }

  get counts(): string {
    return `${this.#passed} passed, ${this.#failed} failed`;
  }

  #row(kind: string): Row {
    const row = this.#rows.get(kind) ?? { tried: 0, idle: 0, notHere: null, failed: 0, lost: 0, longestMs: 0 };
    this.#rows.set(kind, row);
    return row;
  }
}
