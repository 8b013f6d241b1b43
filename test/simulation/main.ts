// `npm run simulate -- [options]`: the failover core under faults, at length; see options.ts.
import { Violation } from './checker.ts';
import { Coverage } from './coverage.ts';
import { runSeeds, servesSeeds } from './manySeeds.ts';
import { hunt } from './mutantRun.ts';
import { mutants } from './mutants.ts';
import { help, parseOptions, type Options } from './options.ts';
import { asJson, asText, describeFailures, isGood, type Report } from './report.ts';
import { playScenario } from './scenario.ts';
import { scenarioFiles } from './scenarioFiles.ts';
import { runSeed } from './seedRun.ts';

/** After so many broken promises there is enough to look at. */
const enoughViolations = 20;
const progressMs = 5000;

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const print = (text: string): void => void process.stdout.write(`${text}\n`);

function progress(what: string, total: number): (done: number) => void {
  const begun = performance.now();
  let told = begun;
  return (done) => {
    const now = performance.now();
    if (now - told < progressMs) return;
    told = now;
    const leftS = ((now - begun) / done) * ((total - done) / 1000);
    say(
      `${String(done)} of ${String(total)} ${what}, ${leftS < 90 ? `${leftS.toFixed(0)} s` : `${(leftS / 60).toFixed(0)} min`} left`,
    );
  };
}

function replay({ seed, trace }: Extract<Options, { kind: 'replay' }>): number {
  const { violation, steps } = runSeed(seed, trace ? { trace: print } : {});
  print(
    violation === null
      ? `seed ${String(seed)}: ${String(steps)} steps, every promise was kept`
      : `seed ${String(seed)}: ${violation}`,
  );
  return violation === null ? 0 : 1;
}

function runScenarios(coverage: Coverage, violations: Report['violations'][number][]): void {
  for (const { title, script } of scenarioFiles()) {
    try {
      playScenario(script, coverage);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      violations.push({ where: `scenario "${title}"`, what: error.message, replay: null });
    }
  }
}

async function run({
  seeds,
  first,
  jobs,
  json,
  mutants: withMutants,
}: Extract<Options, { kind: 'run' }>): Promise<number> {
  const coverage = new Coverage();
  const faults = new Map<string, number>();
  const violations: Report['violations'][number][] = [];
  runScenarios(coverage, violations);
  let steps = 0;
  let done = 0;
  const tell = progress('seeds', seeds);
  const begun = performance.now();
  await runSeeds({ first, seeds, jobs, program: new URL(import.meta.url) }, coverage, (result) => {
    done += 1;
    steps += result.steps;
    for (const [name, times] of result.faults) faults.set(name, (faults.get(name) ?? 0) + times);
    if (result.violation !== null) {
      const where = `seed ${String(result.seed)}`;
      violations.push({
        where,
        what: result.violation,
        replay: `npm run simulate -- --seed ${String(result.seed)} --trace`,
      });
      say(`${where}: ${result.violation}`);
    }
    tell(done);
    return violations.length < enoughViolations;
  });
  const seconds = (performance.now() - begun) / 1000;
  const hunted: Report['mutants'][number][] = [];
  if (withMutants) {
    const tellMutants = progress('deliberate bugs', mutants.length);
    for (const mutant of mutants) {
      hunted.push({ mutant, caught: await hunt(mutant) });
      tellMutants(hunted.length);
    }
  }
  const { total, missing } = coverage;
  const report: Report = {
    ...{ seeds: done, steps, faults, violations, seconds },
    ...{ transitionsTotal: total, missing, mutants: hunted },
  };
  print(json ? asJson(report) : asText(report));
  describeFailures(report).forEach(say);
  return isGood(report) ? 0 : 1;
}

async function main(): Promise<void> {
  try {
    const options = parseOptions(process.argv.slice(2));
    if (options.kind === 'help') print(help.trimEnd());
    else process.exitCode = options.kind === 'replay' ? replay(options) : await run(options);
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}\n--help tells the options.`);
    process.exitCode = 2;
  }
}

if (!servesSeeds()) await main();
