import { describe, expect, it } from 'vitest';
import { faultKinds } from '../../lab/campaign/faults/faultKinds.ts';
import { placesOf } from '../../lab/campaign/hostDisks.ts';
import { parseOptions } from '../../lab/campaign/options.ts';
import { detectionsMs, planRound } from '../../lab/campaign/plan.ts';
import { clock, describeResult, describeRound, describeStep, Report } from '../../lab/campaign/report.ts';
import type { StepResult } from '../../lab/campaign/step.ts';

describe('the options of the campaign', () => {
  it('take hours and minutes, steps, a seed and an arbiter; twenty minutes without', () => {
    expect(parseOptions(['--hours', '1.5', '--minutes', '3', '--seed', '7'], 1)).toMatchObject({
      limitMs: 93 * 60_000,
      steps: null,
      seed: 7,
      arbiter: 'both',
    });
    expect(parseOptions([], 99)).toMatchObject({ limitMs: 20 * 60_000, seed: 99, round: 1 });
    expect(parseOptions(['--steps', '5', '--arbiter', 'etcd'], 1)).toMatchObject({
      limitMs: null,
      steps: 5,
      arbiter: 'etcd',
    });
    expect(parseOptions(['--help'], 1)).toBeNull();
  });

  it.each([
    [['--hours', 'soon'], /--hours needs a number above 0, such as 0.5, not "soon"/],
    [['--minutes', '0'], /--minutes needs a number above 0/],
    [['--seed', '-1'], /seed/],
    [['--seed', '1.5'], /--seed needs a whole number from 0 to 4294967295, not "1.5"/],
    [['--steps', '0'], /--steps needs a whole number from 1/],
    [['--arbiter', 'none'], /--arbiter needs witness, etcd or both, not "none"/],
    [['--only', 'power loss,earthquake'], /--only: no fault has "earthquake" in its name/],
    [['--only', 'etcd', '--arbiter', 'witness'], /no fault has "etcd" in its name/],
    [['--fault', 'x'], /--fault/],
    [['7'], /7/],
  ])('%j is refused, with what was expected', (args, message) => {
    expect(() => parseOptions(args, 1)).toThrow(message);
  });
});

describe('the plan of the campaign', () => {
  const told = (seed: number, round: number): string[] => planRound(seed, round, 'both').steps.map(describeStep);

  it('is the same for the same seed, and another one for another seed and another round', () => {
    expect(told(5, 2)).toEqual(told(5, 2));
    expect(told(5, 2)).not.toEqual(told(6, 2));
    expect(told(5, 2)).not.toEqual(told(5, 3));
  });

  it('has both arbiters by turns, every kind of fault, two at once as well, and both ways of looking', () => {
    const rounds = [1, 2, 3, 4].map((number) => planRound(1, number, 'both'));
    expect(new Set(rounds.map(({ arbiter }) => arbiter))).toEqual(new Set(['witness', 'etcd']));
    const steps = rounds.flatMap((round) => round.steps);
    const drawn = new Set(steps.flatMap(({ first, second }) => [first.kind, second?.fault.kind]));
    expect(faultKinds.map(({ name }) => name).filter((name) => !drawn.has(name))).toEqual([]);
    expect(new Set(steps.map(({ check }) => check))).toEqual(new Set(['running', 'stopped']));
    expect(steps.some(({ second }) => second !== null)).toBe(true);
    const ofWitness = rounds.filter(({ arbiter }) => arbiter === 'witness').flatMap((round) => round.steps);
    expect(ofWitness.map(describeStep).join('\n')).not.toContain('etcd');
  });

  it('has a detection time for each round, of both kinds, and ends each round with a look at stopped servers, which misses nothing', () => {
    const rounds = Array.from({ length: 20 }, (_, index) => planRound(1, index + 1, 'both'));
    expect(new Set(rounds.map(({ detectionMs }) => detectionMs))).toEqual(new Set(detectionsMs));
    const [first] = rounds;
    if (!first) throw new Error('no round');
    expect(describeRound({ ...first, arbiter: 'etcd', detectionMs: 800 })).toBe(
      'round 1: a new cluster, its arbiter is etcd on three hosts, its detection time 800 ms',
    );
    expect(new Set(rounds.map(({ steps }) => steps.at(-1)?.check))).toEqual(new Set(['stopped']));
  });

  it('stands things still for shorter, or for longer, than the detection time of the round', () => {
    for (let number = 1; number <= 20; number += 1) {
      const { steps, detectionMs } = planRound(2, number, 'both', ['stands still, ', 'than the detection time']);
      for (const { first } of steps.filter((step) => step.first.kind.includes('than the detection time'))) {
        if (first.kind.includes('shorter')) expect(first.holdMs).toBeLessThan(detectionMs - 400);
        else expect(first.holdMs).toBeGreaterThan(detectionMs);
      }
    }
  });

  it('expects that nothing moves only where no fault moves anything, and two do not come one upon the other', () => {
    const rounds = Array.from({ length: 20 }, (_, index) =>
      planRound(3, index + 1, 'both', ['shorter', 'clock', 'full']),
    );
    const steps = rounds.flatMap(({ steps: planned, detectionMs }) =>
      planned.map((step) => ({ ...step, detectionMs })),
    );
    const expected = steps.filter(({ movesNothing }) => movesNothing);
    expect(expected.some(({ second }) => second !== null)).toBe(true);
    for (const { first, second, detectionMs, movesNothing } of steps) {
      const kinds = [first.kind, second?.fault.kind ?? first.kind];
      const areQuiet = kinds.every((kind) => /shorter|clock/.test(kind));
      const areApart = second === null || second.afterMs - first.holdMs > detectionMs;
      expect(movesNothing).toBe(areQuiet && areApart);
    }
  });
});

describe('a plan of some faults only', () => {
  it('draws no others', () => {
    const { only } = parseOptions(['--only', 'power loss, disk'], 1) ?? { only: [] };
    const steps = planRound(1, 1, 'witness', only).steps;
    const drawn = steps.flatMap(({ first, second }) => [first, ...(second === null ? [] : [second.fault])]);
    expect(new Set(drawn.map(({ kind }) => kind))).toEqual(
      new Set(['power loss of one host', 'power loss of both hosts', 'disk full', 'slow disk', 'disk errors']),
    );
  });
});

describe('the disks that lose what was not flushed', () => {
  const placed = (host: string, arbiter: 'witness' | 'etcd'): string[] =>
    placesOf(host, arbiter).map(({ directory }) => directory);

  it('hold everything that decides which replica is the right one, also the records of the arbiter, on whichever host', () => {
    const replica = ['/srv/vm', '/var/lib/understudy/modules'];
    expect(['alpha', 'beta', 'gamma'].map((host) => placed(host, 'witness'))).toEqual([
      replica,
      replica,
      ['/var/lib/understudy/arbiter'],
    ]);
    expect(['alpha', 'beta', 'gamma'].map((host) => placed(host, 'etcd'))).toEqual([
      [...replica, '/var/lib/etcd-lab'],
      [...replica, '/var/lib/etcd-lab'],
      ['/var/lib/etcd-lab'],
    ]);
  });
});

describe('the report of the campaign', () => {
  const nothing: StepResult = {
    tried: [],
    idle: [],
    notHere: [],
    wholeMs: 1000,
    records: 0,
    lost: 0,
    notes: [],
    wrong: [],
  };

  it('has a row for each kind of fault, and counts steps', () => {
    const report = new Report();
    expect(report.isGood).toBe(false);
    report.add({ ...nothing, tried: ['silent cut', 'slow disk'], wholeMs: 2500, records: 100 }, 40);
    report.add({ ...nothing, tried: ['slow disk'], idle: ['disk full'], wholeMs: 4100, records: 150 }, 100);
    expect(report.isGood).toBe(true);
    const table = report.table(['silent cut', 'slow disk', 'disk full']);
    expect(table[1]).toMatch(/^silent cut +1 +0 +0 +2\.5 s$/);
    expect(table[2]).toMatch(/^slow disk +2 +0 +0 +4\.1 s$/);
    expect(table[3]).toMatch(/^disk full +0 +0 +0 +-$/);
    expect(table.slice(4)).toEqual([
      'Drawn when there was nothing to bring it about on: disk full 1.',
      '110 records were reported as durable, 0 lost.',
    ]);
    expect(report.counts).toBe('2 passed, 0 failed');
    report.add({ ...nothing, tried: ['silent cut'], wholeMs: null, records: 160, lost: 2, wrong: ['a'] }, 150);
    expect(report.isGood).toBe(false);
    expect(report.counts).toBe('2 passed, 1 failed');
    expect(report.table(['silent cut'])[1]).toMatch(/^silent cut +2 +1 +2 +2\.5 s$/);
  });

  it('says of a fault that this machine has no means for it, instead of a zero', () => {
    const report = new Report();
    const result = { ...nothing, notHere: [{ kind: 'memory pressure', why: 'no control group limits memory' }] };
    report.add(result, 0);
    expect(report.table(['memory pressure', 'disk full'])).toEqual([
      expect.stringMatching(/^fault /),
      expect.stringMatching(/^memory pressure +not here +- +- +-$/),
      expect.stringMatching(/^disk full +0 +0 +0 +-$/),
      'Not possible on this machine: memory pressure (no control group limits memory).',
      '0 records were reported as durable, 0 lost.',
    ]);
    expect(describeResult(result)).toContain('not possible here: memory pressure (no control group limits memory)');
  });

  it('tells times as people read them', () => {
    expect([0, 61_000, 3_725_000].map(clock)).toEqual(['0:00', '1:01', '1:02:05']);
  });
});
