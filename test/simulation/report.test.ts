import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Plugin } from 'esbuild';
import { beforeAll, expect, it } from 'vitest';
import { bundleProgram } from '../support/bundles.ts';
import { mutants } from './mutants.ts';
import { asJson, isGood, type Report } from './report.ts';

const execute = promisify(execFile);
/** It builds the simulation anew with each deliberate bug: found where the bundle lies. */
const esbuildStays: Plugin = {
  name: 'esbuild stays',
  setup: (build) => build.onResolve({ filter: /^esbuild$/ }, ({ path }) => ({ path, external: true })),
};
const keys = [
  ...['seeds', 'steps', 'faults', 'violations'],
  ...['transitionsCovered', 'transitionsTotal', 'mutantsCaught', 'mutants'],
];

it('as JSON is one object of numbers: what was run, what was broken, what was seen, what was found', () => {
  const [found, missed] = mutants;
  if (!found || !missed) throw new Error('there are too few deliberate bugs');
  const report: Report = {
    ...{ seeds: 7, steps: 1234, seconds: 2 },
    faults: new Map([
      ['loss of power', 30],
      ['cut', 12],
    ]),
    violations: [{ where: 'seed 5', what: 'two primaries', replay: 'npm run simulate -- --seed 5 --trace' }],
    transitionsTotal: 90,
    missing: [{ from: 'stopped', to: 'waiting', on: 'started' }] as unknown as Report['missing'],
    mutants: [
      { mutant: found, caught: { seed: 3, violation: 'a lost write' } },
      { mutant: missed, caught: null },
    ],
  };
  const text = asJson(report);
  expect(text).not.toContain('\n');
  const told = JSON.parse(text) as Record<string, unknown>;
  expect(Object.keys(told)).toEqual(keys);
  expect(Object.values(told)).toEqual([7, 1234, 42, 1, 89, 90, 1, 2]);
  expect(isGood(report)).toBe(false);
});

let program: string;
beforeAll(async () => {
  program = await bundleProgram('simulate', 'test/simulation/main.ts', [esbuildStays]);
});

/** What the program prints. */
async function printed(...args: readonly string[]): Promise<string> {
  const { stdout } = await execute(process.execPath, [program, ...args], { timeout: 150_000, maxBuffer: 64 << 20 });
  return stdout;
}

it('is all that the program prints with --json, and nothing else', async () => {
  const stdout = await printed('--seeds', '3', '--mutants', 'off', '--json');
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  const told = JSON.parse(stdout) as Record<string, unknown>;
  expect(Object.keys(told)).toEqual(keys);
  expect(told).toMatchObject({ seeds: 3, violations: 0, mutantsCaught: 0, mutants: 0 });
  expect(Object.values(told).every((each) => Number.isInteger(each))).toBe(true);
}, 180_000);

it('of one seed the program tells what happens, step by step, the same each time', async () => {
  const first = await printed('--seed', '7', '--trace');
  const lines = first.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^plan: \[/);
  for (const part of [/alpha boots/, /STATE web on \w+: \w+ → \w+, /]) expect(first).toMatch(part);
  const times = lines.flatMap((line) => /^(\d+\.\d{3}) /.exec(line)?.[1] ?? []).map(Number);
  expect(times.length).toBeGreaterThan(100);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(lines.at(-1)).toMatch(/^seed 7: \d+ steps, every promise was kept$/);
  expect(await printed('--seed', '7', '--trace')).toBe(first);
}, 180_000);
