import { build } from 'esbuild';
import fs from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../lab/harness/paths.ts';

/** Bundles a mirror process that does not encrypt, into a folder that goes with this process; returns mirror.mjs. */
export async function unencryptedBundle(): Promise<string> {
  // koffi is found in node_modules, which the bundle therefore has to lie in.
  const cache = path.join(repositoryRoot, 'node_modules', '.cache');
  fs.mkdirSync(cache, { recursive: true });
  const outdir = fs.mkdtempSync(path.join(cache, 'unencrypted-'));
  process.once('exit', () => fs.rmSync(outdir, { recursive: true, force: true }));
  await build({
    entryPoints: {
      mirror: 'agent/mirror/process.ts',
      dispatcher: 'agent/mirror/mount/dispatcherWorker.ts',
      acknowledger: 'agent/mirror/link/ackWorker.ts',
      follower: 'agent/mirror/replica/followerWorker.ts',
    },
    outdir,
    outExtension: { '.js': '.mjs' },
    absWorkingDir: repositoryRoot,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['koffi'],
    logLevel: 'warning',
    plugins: [
      {
        name: 'no-encryption',
        setup: (bundler) => {
          bundler.onResolve({ filter: /platform\/gcm\.ts$/ }, () => ({
            path: path.join(repositoryRoot, 'test/bench/plainGcm.ts'),
          }));
        },
      },
    ],
  });
  return path.join(outdir, 'mirror.mjs');
}
