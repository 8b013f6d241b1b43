import { build, type BuildOptions, type Plugin } from 'esbuild';
import fs from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../lab/harness/paths.ts';

/** koffi is found in node_modules, which every bundle therefore has to lie in. */
const cache = path.join(repositoryRoot, 'node_modules', '.cache');

const options: BuildOptions = {
  absWorkingDir: repositoryRoot,
  bundle: true,
  platform: 'node',
  format: 'esm',
  mainFields: ['module', 'main'],
  target: 'node20',
  outExtension: { '.js': '.mjs' },
  external: ['koffi'],
  logLevel: 'warning',
};

/** A folder that goes with this process, or, since a test's process may be killed, with the next one that makes such a folder. */
function folderOf(name: string): string {
  fs.mkdirSync(cache, { recursive: true });
  for (const entry of fs.readdirSync(cache)) {
    const owner = /^bundle-[a-zA-Z]+-(\d+)-/.exec(entry)?.[1];
    if (owner === undefined || fs.existsSync(`/proc/${owner}`)) continue;
    fs.rmSync(path.join(cache, entry), { recursive: true, force: true });
  }
  const folder = fs.mkdtempSync(path.join(cache, `bundle-${name}-${process.pid}-`));
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Bundles the mirror process of this source tree; returns mirror.mjs. */
export async function bundleMirror(name: string, plugins: Plugin[], sourcemap: 'inline' | false): Promise<string> {
  const outdir = folderOf(name);
  await build({
    ...options,
    entryPoints: {
      mirror: 'agent/mirror/process.ts',
      dispatcher: 'agent/mirror/mount/dispatcherWorker.ts',
      acknowledger: 'agent/mirror/link/ackWorker.ts',
      follower: 'agent/mirror/replica/followerWorker.ts',
    },
    outdir,
    sourcemap,
    plugins,
  });
  return path.join(outdir, 'mirror.mjs');
}

/** Bundles one program, by its file's path from the root; returns the bundle. */
export async function bundleProgram(name: string, file: string, plugins: Plugin[] = []): Promise<string> {
  const outdir = folderOf(name);
  await build({ ...options, entryPoints: { program: file }, outdir, plugins });
  return path.join(outdir, 'program.mjs');
}
