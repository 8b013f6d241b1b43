import { parseArgs } from 'node:util';
import { kindsFor, stepsInRound } from './plan.ts';
import type { ArbiterKind } from './target.ts';

export interface CampaignOptions {
  readonly seed: number;
  readonly arbiter: ArbiterKind | 'both';
  /** When no further step is begun, milliseconds after the start; null: no such limit. */
  readonly limitMs: number | null;
  /** How many steps at most; null: no such limit. */
  readonly steps: number | null;
  /** The first round, so that a failed one can be run again by itself. */
  readonly round: number;
  /** Only kinds of faults whose name has one of these in it; empty: all. */
  readonly only: readonly string[];
  readonly list: boolean;
}

export const help = `Random faults on a lab of two hosts and a third machine: real agents, real virtual servers, one on each host and mirrored to the
other, disks that lose what was not flushed when the power goes, those of the arbiter as well. A step is one fault, or two at once; after each
one both pairs have to be whole again, nothing that a guest reported as durable may be missing, both replicas have to be equal, no server may
have run twice, and no agent may have said anything unexpected. The last step on a cluster is looked at while the servers are stopped, when
every record can be looked at. Needs root.

  npm run test:lab -- [--hours H | --minutes M | --steps N] [--seed S] [--arbiter witness|etcd|both] [--round R] [--only NAME,…] [--list]

  --hours H       no step is begun after this time, from the start (a part of an hour is allowed)
  --minutes M     the same in minutes; they add up (default 20 minutes)
  --steps N       ... or after so many steps
  --seed S        the same seed has the same faults in the same order (default: drawn, and told)
  --arbiter A     witness, etcd (three members) or both, a round each (default both)
  --round R       begin with this round; a round is a cluster with ${String(stepsInRound)} steps (default 1)
  --only NAME,…   only faults whose name in the table has one of these in it, such as "power loss,disk"
  --list          print the faults that would be brought about, and bring none about
  --help          print this

It ends with a table of the faults, and "N passed, N failed" counts steps. The exit code is 0 when none failed. What tells of a failed
step is kept in a folder that is named; the next step is on a new cluster. Ctrl-C ends it, and cleans up.
`;

const highestSeed = 2 ** 32 - 1;

function wholeNumber(option: string, given: string, least: number, most: number): number {
  const value = Number(given);
  if (/^\d+$/.test(given) && value >= least && value <= most) return value;
  throw new Error(`--${option} needs a whole number from ${least} to ${most}, not "${given}"`);
}

function amount(option: string, given: string): number {
  const value = Number(given);
  if (/^\d+(\.\d+)?$/.test(given) && value > 0 && value <= 10_000) return value;
  throw new Error(`--${option} needs a number above 0, such as 0.5, not "${given}"`);
}

function kinds(given: string, arbiter: ArbiterKind | 'both'): readonly string[] {
  const parts = given.split(',').map((part) => part.trim());
  const only = parts.filter((part) => part !== '');
  const isThere = (part: string, on: ArbiterKind): boolean => kindsFor(on, [part]).length > 0;
  for (const part of only) {
    const needed: readonly ArbiterKind[] = arbiter === 'both' ? ['witness', 'etcd'] : [arbiter];
    if (!needed.some((on) => isThere(part, on))) throw new Error(`--only: no fault has "${part}" in its name`);
  }
  return only;
}

/**
 * Null: help was asked for.
 * @param drawnSeed what is taken without --seed
 * @throws Error that says what was expected
 */
export function parseOptions(args: readonly string[], drawnSeed: number): CampaignOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      hours: { type: 'string' },
      minutes: { type: 'string' },
      steps: { type: 'string' },
      seed: { type: 'string' },
      arbiter: { type: 'string' },
      round: { type: 'string' },
      only: { type: 'string' },
      list: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return null;
  const { hours, minutes, steps } = values;
  const arbiter = values.arbiter ?? 'both';
  if (arbiter !== 'witness' && arbiter !== 'etcd' && arbiter !== 'both') {
    throw new Error(`--arbiter needs witness, etcd or both, not "${arbiter}"`);
  }
  const hasTime = hours !== undefined || minutes !== undefined;
  const time =
    (hours === undefined ? 0 : amount('hours', hours) * 60) + (minutes === undefined ? 0 : amount('minutes', minutes));
  const limitMinutes = hasTime ? time : steps === undefined ? 20 : null;
  return {
    seed: values.seed === undefined ? drawnSeed : wholeNumber('seed', values.seed, 0, highestSeed),
    arbiter,
    limitMs: limitMinutes === null ? null : limitMinutes * 60_000,
    steps: steps === undefined ? null : wholeNumber('steps', steps, 1, 1_000_000),
    round: values.round === undefined ? 1 : wholeNumber('round', values.round, 1, 1_000_000),
    only: kinds(values.only ?? '', arbiter),
    list: values.list ?? false,
  };
}
