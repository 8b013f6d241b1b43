import { describe, expect, it } from 'vitest';
import { parseOptions } from './options.ts';

describe('the options of the simulation', () => {
  it('runs a thousand seeds and the deliberate bugs unless told otherwise', () => {
    expect(parseOptions([])).toEqual({
      ...{ kind: 'run', seeds: 1000, first: 1, jobs: 1, json: false, mutants: true },
    });
    expect(parseOptions(['--seeds', '7', '--first', '100', '--jobs', '2', '--json', '--mutants', 'off'])).toEqual({
      ...{ kind: 'run', seeds: 7, first: 100, jobs: 2, json: true, mutants: false },
    });
    expect(parseOptions(['--seed', '12', '--trace'])).toEqual({ kind: 'replay', seed: 12, trace: true });
    expect(parseOptions(['--help'])).toEqual({ kind: 'help' });
  });

  it.each([
    [['--seeds', '0'], '--seeds needs a whole number from 1 to 4294967295, not "0"'],
    [['--seeds', 'many'], '--seeds needs a whole number from 1 to 4294967295, not "many"'],
    [['--jobs', '0'], '--jobs needs a whole number from 1 to 256, not "0"'],
    [['--first', '1.5'], '--first needs a whole number from 0 to 4294967295, not "1.5"'],
    [['--first', '4294967295', '--seeds', '2'], 'go beyond the last seed'],
    [['--mutants', 'some'], '--mutants needs on or off, not "some"'],
    [['--trace'], 'name it with --seed S'],
    [['--seed', '3', '--seeds', '4'], '--seed runs one seed again: leave out --seeds'],
    [['--sedes', '3'], "Unknown option '--sedes'"],
    [['3'], "Unexpected argument '3'"],
  ])('refuses %j', (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });
});
