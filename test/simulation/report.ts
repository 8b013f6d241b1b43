import type { Transition } from '../../agent/core/transitions.ts';
import type { Caught } from './mutantRun.ts';
import type { Mutant } from './mutants.ts';

export interface Report {
  readonly seeds: number;
  readonly steps: number;
  /** How long the seeds took. */
  readonly seconds: number;
  /** How often each kind of fault struck. */
  readonly faults: ReadonlyMap<string, number>;
  readonly violations: readonly { readonly where: string; readonly what: string; readonly replay: string | null }[];
  readonly transitionsTotal: number;
  readonly missing: readonly Transition[];
  /** In their order; null: it was not caught. */
  readonly mutants: readonly { readonly mutant: Mutant; readonly caught: Caught | null }[];
}

function sumOf(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

export function isGood({ violations, mutants }: Report): boolean {
  return violations.length === 0 && mutants.every(({ caught }) => caught !== null);
}

/** One line, for programs. */
export function asJson(report: Report): string {
  const { seeds, steps, faults, violations, transitionsTotal, missing, mutants } = report;
  return JSON.stringify({
    seeds,
    steps,
    faults: sumOf(faults),
    violations: violations.length,
    transitionsCovered: transitionsTotal - missing.length,
    transitionsTotal,
    mutantsCaught: mutants.filter(({ caught }) => caught !== null).length,
    mutants: mutants.length,
  });
}

/** What went wrong, and how to see it again. */
export function describeFailures({ violations, mutants }: Report): string[] {
  return [
    ...violations.map(
      ({ where, what, replay }) => `${where}: ${what}${replay === null ? '' : `\n  Again, step by step: ${replay}`}`,
    ),
    ...mutants
      .filter(({ caught }) => caught === null)
      .map(({ mutant }) => `A deliberate bug was not found: ${mutant.name} (${mutant.file})`),
  ];
}

/** For people. */
export function asText(report: Report): string {
  const { seeds, steps, seconds, faults, violations, transitionsTotal, missing, mutants } = report;
  const rate = Math.round(sumOf(faults) / seconds);
  const number = (value: number): string => value.toLocaleString('en');
  const kinds = [...faults].sort((one, other) => other[1] - one[1]);
  const lines = [
    `${number(seeds)} seeds, ${number(steps)} steps of the core, ${number(sumOf(faults))} faults (${number(rate)} a second):`,
    ...kinds.map(([name, times]) => `  ${number(times).padStart(9)} ${name}`),
    `${number(violations.length)} broken promises`,
    `${String(transitionsTotal - missing.length)} of ${String(transitionsTotal)} transitions of the core seen (with the scenarios of test/scenarios)`,
    ...missing.map(({ from, to, on }) => `  not seen: ${from} -> ${to} (${on})`),
  ];
  if (mutants.length > 0) {
    const found = mutants.filter(({ caught }) => caught !== null).length;
    lines.push(`${String(found)} of ${String(mutants.length)} deliberate bugs found:`);
    for (const { mutant, caught } of mutants) {
      lines.push(`  ${mutant.name}`);
      lines.push(caught ? `    seed ${String(caught.seed)}: ${caught.violation}` : '    NOT FOUND');
    }
  }
  return lines.join('\n');
}
