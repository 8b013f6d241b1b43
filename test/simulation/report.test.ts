import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Plugin } from 'esbuild';
import { expect, it } from 'vitest';
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

it('is all that the program prints with --json, and nothing else', async () => {
  const program = await bundleProgram('simulate', 'test/simulation/main.ts', [esbuildStays]);
  const args = [program, '--seeds', '3', '--mutants', 'off', '--json'];
  const { stdout } = await execute(process.execPath, args, { timeout: 150_000 });
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  const told = JSON.parse(stdout) as Record<string, unknown>;
  expect(Object.keys(told)).toEqual(keys);
  expect(told).toMatchObject({ seeds: 3, violations: 0, mutantsCaught: 0, mutants: 0 });
  expect(Object.values(told).every((each) => Number.isInteger(each))).toBe(true);
}, 180_000);
