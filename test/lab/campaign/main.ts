// `npm run test:lab -- [options]`: random faults on real hosts, see options.ts.
import { whyNoLab } from '../harness/lab.ts';
import { Campaign } from './campaign.ts';
import { faultKinds } from './faults/faultKinds.ts';
import { type CampaignOptions, help, parseOptions } from './options.ts';
import { planRound } from './plan.ts';
import { describeRound, describeStep, Report } from './report.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const complain = (line: string): void => void process.stderr.write(`${line}\n`);

/** As many rounds as the steps that were asked for need; one without. */
function list({ seed, arbiter, round, steps, only }: CampaignOptions): void {
  let left = steps;
  for (let number = round; number === round || (left ?? 0) > 0; number += 1) {
    const planned = planRound(seed, number, arbiter, only);
    const shown = planned.steps.slice(0, left ?? planned.steps.length);
    print(describeRound(planned));
    for (const [index, step] of shown.entries()) print(`  ${number}.${index + 1}  ${describeStep(step)}`);
    left = left === null ? null : left - shown.length;
  }
}

async function run(options: CampaignOptions): Promise<void> {
  const report = new Report();
  const campaign = new Campaign(options, report, print);
  const end = (code: number): void => {
    for (const line of report.table(faultKinds.map(({ name }) => name))) print(line);
    print(report.counts);
    process.exit(code);
  };
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.once(signal, () => {
      complain('Ended; cleaning up.');
      void campaign.remove().finally(() => end(code));
    });
  }
  print(
    `seed ${options.seed}: npm run test:lab -- --seed ${options.seed} brings about the same faults in the same order`,
  );
  try {
    await campaign.run();
  } catch (error) {
    report.addFailure();
    complain((error as Error).stack ?? String(error));
  }
  await campaign.remove();
  end(report.isGood ? 0 : 1);
}

try {
  const options = parseOptions(process.argv.slice(2), Math.floor(Math.random() * 2 ** 32));
  const missing = options === null || options.list ? null : whyNoLab();
  if (options === null) print(help.trimEnd());
  else if (options.list) list(options);
  else if (missing !== null) {
    complain(missing);
    process.exitCode = 2;
  } else await run(options);
} catch (error) {
  complain(`${error instanceof Error ? error.message : String(error)}\n--help tells the options.`);
  process.exitCode = 2;
}
