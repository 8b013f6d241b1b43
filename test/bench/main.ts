// `npm run bench -- NAME [--json] [options]`: each benchmark measures both sides in one run, interleaved, and prints ratios with medians.
import type { Benchmark } from './benchmark.ts';

const benchmarks: Readonly<Record<string, () => Promise<Benchmark>>> = {
  mirror: async () => (await import('./mirror/mirror.ts')).mirror,
  resync: async () => (await import('./resync/resync.ts')).resync,
  failover: async () => (await import('./failover/failover.ts')).failover,
  footprint: async () => (await import('./footprint.ts')).benchmark,
  language: async () => (await import('./language/language.ts')).language,
  activation: async () => (await import('./activation/activation.ts')).activation,
};

async function main([name = '', ...args]: readonly string[]): Promise<void> {
  const load = benchmarks[name];
  if (!load) throw new Error(`Usage: npm run bench -- ${Object.keys(benchmarks).join('|')} [--json]`);
  const json = args.includes('--json');
  const benchmark = await load();
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const { table, result, stopped } = await benchmark.run({ args: args.filter((arg) => arg !== '--json'), say });
  process.stdout.write(`${table}\n`);
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
  if (typeof stopped === 'string') {
    say(`Stopped by ${stopped}.`);
    // Whatever is still under way ends, and the lab with it.
    process.exit(130);
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
