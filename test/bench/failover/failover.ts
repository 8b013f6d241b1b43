import type { Benchmark } from '../benchmark.ts';
import { untilSignal } from '../benchLab.ts';
import { choose, parseOptions, wholeNumber } from '../options.ts';
import { eventNames, eventTitles } from './events.ts';
import { keepalived, keepalivedSettings } from './keepalived.ts';
import { measureRun } from './measureRun.ts';
import { ours, oursAddress, oursSettings } from './ours.ts';
import { pacemaker } from './pacemaker/pacemaker.ts';
import { pacemakerSettings } from './pacemaker/configuration.ts';
import { minutesLeft, type PlannedRun, planOf } from './plan.ts';
import { RunFile, runsLeft } from './runFile.ts';
import { resultOf, type RunRecord, systemTitles, tableOf } from './report.ts';
import { type Contender, systemNames } from './system.ts';

/** What a system does when nobody changes anything, and what it does when it is made to be fast. */
const settingNames = ['default', 'tuned'] as const;

/** Each system's settings, in the order of their names above. */
const contenders: readonly (readonly Contender[])[] = [
  oursSettings.map(ours),
  pacemakerSettings.map(pacemaker),
  oursSettings.map(oursAddress),
  keepalivedSettings.map(keepalived),
];

/** `npm run bench -- failover [--json] [--rounds N] [--events a,b] [--systems a,b] [--settings default,tuned] [--runs FILE]` */
export const failover: Benchmark = {
  async run({ args, say }) {
    const options = parseOptions(args, ['rounds', 'events', 'systems', 'settings', 'runs']);
    const rounds = wholeNumber('rounds', options.rounds, 20);
    const events = choose('events', options.events, eventNames);
    const systems = choose('systems', options.systems, systemNames);
    const settings = choose('settings', options.settings, settingNames);
    const chosen = contenders
      .flatMap((each) => each.filter((_contender, index) => settings.some((name) => settingNames[index] === name)))
      .filter(({ system }) => systems.includes(system));
    const file = new RunFile(options.runs);
    const records = file.read();
    const plan = runsLeft(planOf(chosen, events, rounds), records);
    if (records.length > 0) say(`${records.length} runs are over already`);
    const before = records.length;
    // What is measured by then is told after Ctrl-C, too; the hosts of the run that was under way end with this process.
    const signal = untilSignal();
    const stopped = await Promise.race([signal.received, runAll(plan, records, file, say).then(() => null)]);
    signal.forget();
    const result = resultOf(records, chosen, events, rounds);
    return {
      table: tableOf(result),
      result,
      stopped: stopped && `${stopped}: ${records.length - before} of ${plan.length} runs`,
    };
  },
};

async function runAll(
  plan: readonly PlannedRun[],
  records: RunRecord[],
  file: RunFile,
  say: (line: string) => void,
): Promise<void> {
  const over: { run: PlannedRun; seconds: number }[] = [];
  for (const [index, run] of plan.entries()) {
    const start = performance.now();
    const record = await recordOf(run);
    records.push(record);
    file.add(record);
    over.push({ run, seconds: (performance.now() - start) / 1000 });
    const left = minutesLeft(plan.slice(index + 1), over);
    say(`${index + 1}/${plan.length}  ${described(record)}  (about ${left} min left)`);
  }
}

async function recordOf({ round, event, contender }: PlannedRun): Promise<RunRecord> {
  try {
    return { round, event, contender, result: await measureRun(contender, event), failure: null };
  } catch (error) {
    return { round, event, contender, result: null, failure: (error as Error).message };
  }
}

function described({ round, event, contender, result, failure }: RunRecord): string {
  const what = `${eventTitles[event]}, ${systemTitles[contender.system]}, ${contender.setting}, round ${round}`;
  if (result === null) return `${what}: FAILED: ${failure}`;
  const ms = (value: number | null): string => (value === null ? '-' : `${Math.round(value)} ms`);
  const problems = result.problems.map((each) => `, BUT ${each}`).join('');
  return `${what}: gap ${ms(result.gapMs)}, to start ${ms(result.toStartMs)}, boot ${ms(result.bootMs)}${problems}`;
}
