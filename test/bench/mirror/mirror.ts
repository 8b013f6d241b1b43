import type { Lab } from '../../lab/harness/lab.ts';
import { run } from '../../lab/harness/run.ts';
import type { Benchmark } from '../benchmark.ts';
import { withLab } from '../benchLab.ts';
import { choose, parseOptions, positive } from '../options.ts';
import { rounded } from '../statistics.ts';
import { unencryptedBundle } from '../unencryptedBundle.ts';
import { databaseRows } from './databaseRows.ts';
import { fileRows } from './fileRows.ts';
import { fioRows } from './fioRows.ts';
import { glusterfs } from './glusterfs.ts';
import { MirroredDirectory } from './mirroredDirectory.ts';
import { resultOf, tableOf, type RowResult } from './report.ts';
import type { Bench, Row } from './row.ts';
import { plainDirectory, systemNames, type System, type SystemName } from './system.ts';

const rows: readonly Row[] = [...fioRows, ...fileRows, ...databaseRows];

const starters: Readonly<Record<SystemName, (lab: Lab) => Promise<System>>> = {
  plain: plainDirectory,
  ours: (lab) => MirroredDirectory.open(lab, 'ours', null, 'disk'),
  oursUnencrypted: async (lab) => MirroredDirectory.open(lab, 'oursUnencrypted', await unencryptedBundle(), 'disk'),
  glusterfs,
};

/** Says how far it is, and how long the rest will take if it goes on so. */
class Progress {
  #done = 0;
  readonly #seconds = new Map<Row, number[]>();

  constructor(
    private readonly rows: readonly Row[],
    private readonly perRow: number,
    private readonly expected: (row: Row) => number,
    private readonly say: (line: string) => void,
  ) {}

  note(row: Row, round: number, system: System, value: number, seconds: number): void {
    this.#done++;
    const taken = this.#seconds.get(row) ?? [];
    this.#seconds.set(row, [...taken, seconds]);
    const minutes = Math.ceil(this.#secondsLeft() / 60);
    const what = `${row.name}, round ${round}, ${system.name}: ${rounded(value)} ${row.unit}`;
    this.say(`${this.#done}/${this.rows.length * this.perRow}  ${what}  (about ${minutes} min left)`);
  }

  #secondsLeft(): number {
    let left = 0;
    for (const row of this.rows) {
      const taken = this.#seconds.get(row) ?? [];
      const each = taken.length === 0 ? this.expected(row) : taken.reduce((sum, one) => sum + one, 0) / taken.length;
      left += (this.perRow - taken.length) * each;
    }
    return left;
  }
}

async function measureRow(
  bench: Bench,
  systems: readonly System[],
  row: Row,
  rounds: number,
  progress: Progress,
): Promise<RowResult> {
  const measured: Partial<Record<SystemName, number[]>> = {};
  for (const system of systems) await row.prepare(bench, system);
  for (let round = 0; round < rounds; round++) {
    // Another one is first each time: what one leaves for the disk to do must not always fall on the same next one.
    const turned = systems.map((_, index) => systems[(index + round) % systems.length] as System);
    for (const system of turned) {
      await run(['sync', '-f', bench.lab.directory], { timeoutMs: 120_000 });
      const start = performance.now();
      const value = await row.measure(bench, system);
      if (!(value > 0)) throw new Error(`${row.name} measured nothing with ${system.name}`);
      if (system instanceof MirroredDirectory) system.assertInStep();
      (measured[system.name] ??= []).push(value);
      progress.note(row, round + 1, system, value, (performance.now() - start) / 1000);
    }
  }
  for (const system of systems) await row.finish?.(bench, system);
  return resultOf(row, measured);
}

/** `npm run bench -- mirror [--json] [--rows a,b] [--rounds N] [--seconds S] [--systems a,b]` */
export const mirror: Benchmark = {
  async run({ args, say }) {
    const options = parseOptions(args, ['rows', 'rounds', 'seconds', 'systems']);
    const keys = choose(
      'rows',
      options.rows,
      rows.map((row) => row.key),
    );
    const names = choose('systems', options.systems, systemNames);
    const rounds = positive('rounds', options.rounds, 5);
    const seconds = positive('seconds', options.seconds, 2);
    const chosen = rows.filter((row) => keys.includes(row.key));
    return withLab(async (lab) => {
      const systems: System[] = [];
      for (const name of names) {
        say(`Starting ${name}`);
        systems.push(await starters[name](lab));
      }
      let number = 0;
      const bench: Bench = { lab, seconds, nextNumber: () => ++number };
      const expected = (row: Row) => seconds + row.extraSeconds;
      const progress = new Progress(chosen, rounds * systems.length, expected, say);
      const results: RowResult[] = [];
      for (const row of chosen) results.push(await measureRow(bench, systems, row, rounds, progress));
      for (const system of systems) await system.stop();
      return { table: tableOf(results), result: { rows: results } };
    });
  },
};
