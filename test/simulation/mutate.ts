import { build, type Plugin } from 'esbuild';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../lab/harness/paths.ts';
import type { Mutant } from './mutants.ts';
import type { runSeed } from './seedRun.ts';

interface SeedRuns {
  readonly runSeed: typeof runSeed;
}

function substitution({ file, find, replace, name }: Mutant): Plugin {
  const target = path.join(repositoryRoot, file);
  return {
    name: 'mutant',
    setup(bundle) {
      bundle.onLoad({ filter: /\.ts$/ }, ({ path: loaded }) => {
        if (loaded !== target) return null;
        const parts = readFileSync(loaded, 'utf8').split(find);
        if (parts.length !== 2) {
          const found = parts.length === 1 ? 'is not' : `is ${String(parts.length - 1)} times`;
          throw new Error(
            `The text to be replaced ${found} in ${file} (mutant: ${name}): mend test/simulation/mutants.ts`,
          );
        }
        return { contents: parts.join(replace), loader: 'ts' };
      });
    },
  };
}

/** The simulation, with the core as it is (null) or with a bug. */
export async function simulationWith(mutant: Mutant | null): Promise<SeedRuns> {
  const { outputFiles } = await build({
    absWorkingDir: repositoryRoot,
    entryPoints: ['test/simulation/seedRun.ts'],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'silent',
    plugins: mutant ? [substitution(mutant)] : [],
  });
  const text = outputFiles[0]?.text ?? '';
  return (await import(`data:text/javascript;base64,${Buffer.from(text).toString('base64')}`)) as SeedRuns;
}
