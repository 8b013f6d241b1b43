import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EventName } from '../../bench/failover/events.ts';
import { isSteady, longestSilenceOfClient, type Probe, serviceGap } from '../../bench/failover/gap.ts';
import type { RunResult } from '../../bench/failover/measureRun.ts';
import { minutesLeft, planOf } from '../../bench/failover/plan.ts';
import { resultOf, type RunRecord, tableOf } from '../../bench/failover/report.ts';
import { RunFile, runsLeft } from '../../bench/failover/runFile.ts';
import { type Contender, unknownPhases } from '../../bench/failover/system.ts';
import { wholeNumber } from '../../bench/options.ts';
import { distribution } from '../../bench/statistics.ts';

/** Probes every 20 ms up to the end, answered within 1 ms unless they were sent in an outage. */
function probes(endMs: number, ...outages: readonly (readonly [number, number])[]): readonly Probe[] {
  return Array.from({ length: endMs / 20 }, (_, index) => {
    const sentMs = index * 20;
    const isOut = outages.some(([begin, end]) => sentMs > begin && sentMs < end);
    return { sentMs, answeredMs: isOut ? null : sentMs + 1 };
  });
}

describe('the service gap', () => {
  it('is from the last good answer to the first good one', () => {
    expect(serviceGap(probes(10_000, [1000, 5000]), 1005)).toEqual({ gapMs: 4000, interrupted: true, endMs: 5001 });
  });

  it('lasts to the end of the last interruption when the service came back in between and went away again', () => {
    const log = probes(10_000, [1000, 3000], [3500, 6000]);
    expect(serviceGap(log, 1005)).toEqual({ gapMs: 5000, interrupted: true, endMs: 6001 });
  });

  it('does not count what was before the fault', () => {
    expect(serviceGap(probes(10_000, [1000, 3000], [5000, 6000]), 4000)).toMatchObject({ gapMs: 1000 });
  });

  it('is the longest pause between two answers, and no interruption, when the service goes on', () => {
    const gap = serviceGap(probes(5000, [1000, 1100]), 500);
    expect(gap).toMatchObject({ gapMs: 100, interrupted: false });
  });

  it('takes answers in the order in which they came', () => {
    const late: Probe = { sentMs: 100, answeredMs: 290 };
    const log = [late, ...probes(600).filter(({ sentMs }) => sentMs !== 100)];
    expect(serviceGap(log, 0)).toMatchObject({ interrupted: false, gapMs: 40 });
  });

  it('is unknown when nothing was answered after the fault', () => {
    expect(serviceGap(probes(5000, [1000, 9000]), 1005)).toBe(null);
    expect(serviceGap([], 0)).toBe(null);
  });
});

describe('a steady service', () => {
  it('answers without an interruption for the whole time, up to now', () => {
    const log = probes(5000, [1000, 3000]);
    expect(isSteady(log, 4500, 1000)).toBe(true);
    expect(isSteady(log, 3800, 1000)).toBe(false);
    expect(isSteady(log, 5400, 1000)).toBe(false);
    expect(isSteady([], 100, 50)).toBe(false);
  });
});

it('the silence of the client itself is the longest time in which it did not ask, after the fault', () => {
  const log = probes(2000).filter(({ sentMs }) => sentMs < 200 || (sentMs > 700 && sentMs < 1000) || sentMs > 1350);
  expect(longestSilenceOfClient(log, 900)).toBe(380);
});

it('a distribution is the median, what nine tenths do not exceed, and the longest', () => {
  const values = Array.from({ length: 20 }, (_, index) => (20 - index) * 100 + 0.4);
  expect(distribution(values)).toEqual({ median: 1050, p90: 1800, max: 2000 });
  expect(distribution([7.4])).toEqual({ median: 7, p90: 7, max: 7 });
  expect(distribution([])).toBe(null);
});

function contender(system: Contender['system'], leftOut: Contender['leftOut'] = {}): Contender {
  const unused = (): never => {
    throw new Error('not opened here');
  };
  const target = { address: '10.77.0.50', port: 80, expected: 'accepts' } as const;
  return { system, setting: 'default', target, leftOut, livesThrough: [], phaseMs: () => 0, open: unused };
}

const ours = contender('ours');
const keepalived = contender('keepalived', { guestCrash: 'an address has no process' });

describe('the order of runs', () => {
  it('each round runs every system once for every event, another one first each time', () => {
    const names = planOf([ours, keepalived], ['powerLoss', 'guestCrash'], 2).map(
      ({ round, event, contender: { system } }) => `${round} ${event} ${system}`,
    );
    expect(names).toEqual([
      '1 powerLoss ours',
      '1 powerLoss keepalived',
      '1 guestCrash ours',
      '2 powerLoss keepalived',
      '2 powerLoss ours',
      '2 guestCrash ours',
    ]);
  });

  it('the time left goes by runs of the same kind that are over, and by all for others', () => {
    const plan = planOf([ours, keepalived], ['powerLoss'], 3);
    const over = [
      { run: plan[0]!, seconds: 90 },
      { run: plan[1]!, seconds: 30 },
    ];
    expect(minutesLeft(plan.slice(2), over)).toBe(4);
    expect(minutesLeft(plan.slice(2), over.slice(0, 1))).toBe(6);
    expect(minutesLeft([], over)).toBe(0);
  });

  it('goes on where it was stopped, even in the middle of a line', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'understudy-runs-'));
    try {
      const path = join(folder, 'runs.jsonl');
      const plan = planOf([ours, keepalived], ['powerLoss'], 2);
      const file = new RunFile(path);
      expect(file.read()).toEqual([]);
      for (const { round, event, contender } of plan.slice(0, 2)) {
        file.add({ round, event, contender, result: null, failure: 'no answer' });
      }
      await appendFile(path, '{"round":2,"ev');
      const again = new RunFile(path);
      expect(runsLeft(plan, again.read())).toEqual(plan.slice(2));
      const { round, event, contender } = plan[2]!;
      again.add({ round, event, contender, result: null, failure: 'no answer' });
      expect(runsLeft(plan, again.read())).toEqual(plan.slice(3));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('the report', () => {
  const run = (round: number, result: Partial<RunResult> | null, system = ours): RunRecord => ({
    round,
    event: 'powerLoss',
    contender: system,
    result: result && {
      ...unknownPhases,
      gapMs: 7000,
      interrupted: true,
      toStartMs: 3000,
      bootMs: 4000,
      clientSilenceMs: 40,
      problems: [],
      ...result,
    },
    failure: result === null ? 'the service was not back after 120 s\nlogs' : null,
  });
  const events: readonly EventName[] = ['powerLoss', 'guestCrash'];

  it('has a row for what was run, and says what was left out and why', () => {
    const result = resultOf(
      [run(1, {}), run(2, { gapMs: 9000 }), run(1, {}, keepalived)],
      [ours, keepalived],
      events,
      2,
    );
    expect(result.rows).toMatchObject([
      {
        event: 'powerLoss',
        system: 'ours',
        setting: 'default',
        runs: 2,
        gapMs: { median: 8000, p90: 9000, max: 9000 },
        toStartMs: { median: 3000, p90: 3000, max: 3000 },
        detectionMs: null,
      },
      { event: 'powerLoss', system: 'keepalived', runs: 1 },
    ]);
    expect(tableOf(result)).toContain('guest crash, keepalived, default: an address has no process');
  });

  it('shows runs that failed and what was wrong in others, and does not count failed ones in distributions', () => {
    const records = [run(1, null), run(2, { problems: ['2 records are lost'] }), run(3, { clientSilenceMs: 900 })];
    const result = resultOf(records, [ours], events, 3);
    expect(result.rows).toMatchObject([{ runs: 2, failed: 1, disturbed: 1 }]);
    const table = tableOf(result);
    expect(table).toContain('2 (1 failed)');
    expect(table).toContain('round 1: the service was not back after 120 s');
    expect(table).toContain('round 2: 2 records are lost');
    expect(table).toContain('in 1 of 2 runs');
  });

  it('calls a gap none where the service went on in every run', () => {
    const result = resultOf([run(1, { interrupted: false, gapMs: 30, toStartMs: null })], [ours], events, 1);
    expect(tableOf(result)).toContain('none (0.03 / 0.03 / 0.03)');
    expect(result.rows).toMatchObject([{ uninterrupted: 1, toStartMs: null }]);
  });
});

it('rounds are a whole number above 0', () => {
  expect(wholeNumber('rounds', undefined, 20)).toBe(20);
  expect(() => wholeNumber('rounds', '1.5', 20)).toThrow('--rounds needs a whole number, not 1.5');
  expect(() => wholeNumber('rounds', '0', 20)).toThrow('--rounds needs a number above 0, not 0');
});
