import { parseArgs } from 'node:util';

export type Options =
  | { readonly kind: 'help' }
  | { readonly kind: 'replay'; readonly seed: number; readonly trace: boolean }
  | {
      readonly kind: 'run';
      readonly seeds: number;
      readonly first: number;
      readonly jobs: number;
      readonly json: boolean;
      readonly mutants: boolean;
    };

export const help = `The failover core under faults: two hosts and a witness on a virtual clock, with the agent's own core. Each seed
is one run, whose faults and moments it determines; after every step the promises of ARCHITECTURE.md are checked.

  npm run simulate -- [--seeds N] [--first S] [--jobs J] [--mutants on|off] [--json]
  npm run simulate -- --seed S [--trace]

  --seeds N       how many seeds are run (default 1000)
  --first S       the first of them (default 1)
  --jobs J        how many processors run seeds at the same time (default 1)
  --mutants off   leave out the deliberate bugs, which show whether the checks find any (default on)
  --json          print one object: seeds, steps, faults, violations, transitionsCovered, transitionsTotal, mutantsCaught, mutants
  --seed S        run one seed again
  --trace         ... and tell what happens in it, step by step
  --help          print this

The exit code is 0 when no promise was broken and every bug was found. What is under way is told on the standard error output.
`;

/** A seed is a number of 32 bits. */
const highestSeed = 2 ** 32 - 1;
const mostJobs = 256;

function wholeNumber(option: string, given: string, least: number, most = highestSeed): number {
  const value = Number(given);
  if (/^\d+$/.test(given) && value >= least && value <= most) return value;
  throw new Error(`--${option} needs a whole number from ${String(least)} to ${String(most)}, not "${given}"`);
}

/** @throws Error that says what was expected */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string' },
      first: { type: 'string' },
      jobs: { type: 'string' },
      mutants: { type: 'string' },
      seed: { type: 'string' },
      json: { type: 'boolean' },
      trace: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return { kind: 'help' };
  if (values.seed !== undefined) {
    const other = (['seeds', 'first', 'jobs', 'mutants', 'json'] as const).find((name) => values[name] !== undefined);
    if (other) throw new Error(`--seed runs one seed again: leave out --${other}`);
    return { kind: 'replay', seed: wholeNumber('seed', values.seed, 0), trace: values.trace ?? false };
  }
  if (values.trace) throw new Error('--trace tells of one seed: name it with --seed S');
  const mutants = values.mutants ?? 'on';
  if (mutants !== 'on' && mutants !== 'off') throw new Error(`--mutants needs on or off, not "${mutants}"`);
  const seeds = wholeNumber('seeds', values.seeds ?? '1000', 1);
  const first = wholeNumber('first', values.first ?? '1', 0);
  if (first + seeds - 1 > highestSeed) {
    throw new Error(
      `--first ${String(first)} and --seeds ${String(seeds)} go beyond the last seed, ${String(highestSeed)}`,
    );
  }
  const jobs = wholeNumber('jobs', values.jobs ?? '1', 1, mostJobs);
  return { kind: 'run', seeds, first, jobs, json: values.json ?? false, mutants: mutants === 'on' };
}
