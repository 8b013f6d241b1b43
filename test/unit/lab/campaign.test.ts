import { describe, expect, it } from 'vitest';
import { unexpectedLines } from '../../lab/campaign/agentLogs.ts';
import { AnswerOrder } from '../../lab/campaign/answerWatch.ts';
import { bootsThatMissRecords } from '../../lab/campaign/bootOrder.ts';
import { faultKinds } from '../../lab/campaign/faults/faultKinds.ts';
import { parseOptions } from '../../lab/campaign/options.ts';
import { planRound } from '../../lab/campaign/plan.ts';
import { clock, describeStep, Report } from '../../lab/campaign/report.ts';
import { parseSerial } from '../../lab/guest/serialLog.ts';

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
});

describe('a plan of some faults only', () => {
  it('draws no others', () => {
    const { only } = parseOptions(['--only', 'power loss, disk'], 1) ?? { only: [] };
    const steps = planRound(1, 1, 'witness', only).steps;
    const drawn = steps.flatMap(({ first, second }) => [first, ...(second === null ? [] : [second.fault])]);
    expect(new Set(drawn.map(({ kind }) => kind))).toEqual(
      new Set(['power loss of one host', 'power loss of both hosts', 'disk full', 'slow disk']),
    );
  });
});

describe('what the campaign looks at', () => {
  it('is a crash in the log of an agent, but not an end that was brought about', () => {
    const log = [
      'supervise: start at 2026-01-01T00:00:00.000Z',
      'supervise: the agent ended with code 137',
      '2026-01-01T00:00:01.000Z warning SECONDARY_LOST web: the secondary was lost',
    ];
    expect(unexpectedLines(log.join('\n'), [137])).toEqual([]);
    expect(unexpectedLines(log.join('\n'), [])).toEqual([log[1]]);
    expect(unexpectedLines([log[1], log[1]].join('\n'), [137])).toEqual([log[1]]);
    const crash = ["TypeError: Cannot read properties of undefined (reading 'x')", '    at step (file:///a.mjs:1:2)'];
    expect(unexpectedLines(crash.join('\n'), [])).toEqual(crash);
  });

  it('is a guest that starts without what was reported before, on whichever console', () => {
    const record = (number: number, boot: number): string => `WROTE ${number} boot=${boot} id=0000000${boot} up=1.00\n`;
    const up = (boot: number, last: number, bad = 'none'): string =>
      `GUEST_UP boot=${boot} id=0000000${boot} last=${last} bad=${bad} uptime=3.00\n`;
    const alpha = `${up(1, 0)}${record(1, 1)}${record(2, 1)}`;
    expect(bootsThatMissRecords([alpha, `${up(2, 2)}${record(3, 2)}`].map(parseSerial))).toEqual([]);
    // It has what was not reported any more.
    expect(bootsThatMissRecords([alpha, up(2, 3)].map(parseSerial))).toEqual([]);
    expect(bootsThatMissRecords([alpha, up(2, 1)].map(parseSerial))).toEqual([
      'boot 2 found records up to 1 of 2 that were reported',
    ]);
    expect(bootsThatMissRecords([alpha, up(2, 2, '2')].map(parseSerial))).toEqual([
      'boot 2 found records up to 2 of 2 that were reported, and record 2 is not on its line',
    ]);
  });

  it('is a server that answers after another one had followed it', () => {
    const order = new AnswerOrder();
    expect(order.take({ name: 'web', boot: 1, id: 'a' }, 0)).toBeNull();
    expect(order.take({ name: 'db', boot: 1, id: 'x' }, 10)).toBeNull();
    expect(order.take({ name: 'web', boot: 2, id: 'b' }, 100)).toBeNull();
    expect(order.take({ name: 'web', boot: 2, id: 'b' }, 200)).toBeNull();
    expect(order.take({ name: 'web', boot: 1, id: 'a' }, 350)).toBe(250);
  });
});

describe('the report of the campaign', () => {
  it('has a row for each kind of fault, and counts steps', () => {
    const report = new Report();
    expect(report.isGood).toBe(false);
    report.add(
      { tried: ['silent cut', 'slow disk'], idle: [], wholeMs: 2500, records: 100, lost: 0, notes: [], wrong: [] },
      40,
    );
    report.add(
      { tried: ['slow disk'], idle: ['disk full'], wholeMs: 4100, records: 150, lost: 0, notes: [], wrong: [] },
      100,
    );
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
    report.add({ tried: ['silent cut'], idle: [], wholeMs: null, records: 160, lost: 2, notes: [], wrong: ['a'] }, 150);
    expect(report.isGood).toBe(false);
    expect(report.counts).toBe('2 passed, 1 failed');
    expect(report.table(['silent cut'])[1]).toMatch(/^silent cut +2 +1 +2 +2\.5 s$/);
  });

  it('tells times as people read them', () => {
    expect([0, 61_000, 3_725_000].map(clock)).toEqual(['0:00', '1:01', '1:02:05']);
  });
});
