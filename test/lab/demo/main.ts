/** `npm start`: the demonstration. */
import { performance } from 'node:perf_hooks';
import { whyNoLab } from '../harness/lab.ts';
import { Demonstration } from './interactive.ts';
import { tellStory } from './story.ts';

const usage = `npm start                     the demonstration, at a terminal
npm start -- --once           the scripted story, without questions
npm start -- --once --json    the same, with the measured figures as one JSON object on the last line`;

const began = performance.now();
function log(line: string): void {
  process.stderr.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
}

async function once(asJson: boolean): Promise<number> {
  const result = await tellStory(log);
  if (asJson) process.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(20)} ${String(value)}\n`);
  }
  if (result.recordsLost > 0) log(`${result.recordsLost} records that the guest had reported as durable are lost`);
  if (result.twoPrimariesMs > 0) log(`guests ran on both hosts for ${result.twoPrimariesMs} ms`);
  return result.recordsLost === 0 && result.twoPrimariesMs === 0 ? 0 : 1;
}

async function main(argv: readonly string[]): Promise<number> {
  const options = new Set(argv);
  const unknown = argv.filter((option) => !['--once', '--json', '--help'].includes(option));
  if (unknown.length > 0 || options.has('--help') || (options.has('--json') && !options.has('--once'))) {
    process.stderr.write(`${unknown.length > 0 ? `There is no option ${unknown.join(' ')}.\n` : ''}${usage}\n`);
    return options.has('--help') ? 0 : 1;
  }
  const missing = whyNoLab();
  if (missing !== null) {
    process.stderr.write(`${missing}\n`);
    return 1;
  }
  if (options.has('--once')) return once(options.has('--json'));
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    process.stderr.write(
      'This is no terminal, so there are no keys to press. The scripted story: npm start -- --once\n',
    );
    return 1;
  }
  await Demonstration.run(log);
  return 0;
}

// What the lab made is removed when this process exits, however it comes to that.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.on(signal, () => {
    // At the terminal the demonstration ends by itself on the first signal.
    if (process.stdin.isRaw !== true) process.exit(code);
  });
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  log(`The demonstration failed: ${(error as Error).message}`);
  process.exit(1);
}
