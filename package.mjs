// Packages the product: dist/understudy-VERSION.vsix for the editor and dist/understudy-agent-VERSION.tgz for hosts.
// `node package.mjs [vsix] [agent]`, both by default.
import { execFile } from 'node:child_process';
import { chmod, copyFile, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { targets } from './esbuild.mjs';

const run = promisify(execFile);
const root = import.meta.dirname;
const dist = join(root, 'dist');
const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
const { version } = manifest;

// Programs that are shipped are smaller, and come without the maps that the ones built for development have.
// With the agent goes the language server for other editors; the extension has its own.
const isAgent = (target) => target.outdir === 'dist/agent' || target.outdir === 'dist';
async function bundle(chosen, outdirOf) {
  for (const target of targets.filter(chosen)) {
    await build({ ...target, minify: true, sourcemap: false, outdir: outdirOf(target), absWorkingDir: root });
  }
}

async function packageVsix() {
  const { createVSIX } = await import('@vscode/vsce');
  const stage = await mkdtemp(join(tmpdir(), 'understudy-vsix-'));
  try {
    await bundle(
      (target) => !isAgent(target),
      (target) => join(stage, target.outdir),
    );
    for (const folder of ['media/icons', 'media/language', 'media/walkthrough']) {
      await cp(join(root, folder), join(stage, folder), { recursive: true });
    }
    await copyFile(join(root, 'extension/README.md'), join(stage, 'README.md'));
    await copyExplanations(stage);
    for (const file of ['.vscodeignore', 'CHANGELOG.md', 'LICENSE']) await copyIfThere(file, stage);
    // The bundles bring their dependencies along; what is for development stays here.
    const { devDependencies: _, dependencies: __, scripts: ___, private: ____, type: _____, ...shipped } = manifest;
    await writeFile(join(stage, 'package.json'), JSON.stringify(shipped, null, 2));
    const file = join(dist, `understudy-${version}.vsix`);
    await createVSIX({
      cwd: stage,
      packagePath: file,
      dependencies: false,
      allowMissingRepository: true,
      skipLicense: true,
    });
    return file;
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

async function packageAgent() {
  const stage = await mkdtemp(join(tmpdir(), 'understudy-agent-'));
  try {
    await bundle(isAgent, () => join(stage, 'lib'));
    await chmod(join(stage, 'lib/understudy.mjs'), 0o755);
    // koffi is native: it travels inside, with its prebuilt library, so that hosts need neither network nor compiler.
    for (const name of ['koffi', '@koromix/koffi-linux-x64']) {
      await cp(join(root, 'node_modules', name), join(stage, 'node_modules', name), {
        recursive: true,
        filter: isNeeded,
      });
    }
    await slimKoffi(join(stage, 'node_modules/koffi/package.json'));
    await copyIfThere('LICENSE', stage);
    await copyExplanations(stage);
    for (const unit of ['understudy-agent.service', 'understudy-witness.service']) {
      await copyFile(join(root, 'packaging', unit), join(stage, unit));
    }
    await copyFile(join(root, 'packaging/agent-readme.md'), join(stage, 'README.md'));
    await writeFile(join(stage, 'package.json'), JSON.stringify(agentManifest(), null, 2));
    const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', dist], {
      cwd: stage,
      maxBuffer: 16 << 20,
    });
    const [packed] = [JSON.parse(stdout)].flat();
    const file = join(dist, `understudy-agent-${version}.tgz`);
    const name = packed?.filename ?? `understudy-agent-${version}.tgz`;
    if (join(dist, name) !== file) await rename(join(dist, name), file);
    return file;
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

function agentManifest() {
  return {
    name: 'understudy-agent',
    version,
    description: 'Agent of Understudy: mirrors a virtual server between two hosts and fails it over.',
    license: manifest.license,
    type: 'module',
    bin: { understudy: 'lib/understudy.mjs' },
    os: ['linux'],
    cpu: ['x64'],
    engines: { node: manifest.engines.node },
    dependencies: { koffi: manifest.dependencies.koffi, '@koromix/koffi-linux-x64': manifest.dependencies.koffi },
    bundleDependencies: ['koffi', '@koromix/koffi-linux-x64'],
  };
}

/** Folders, and of files the programs, the library and the licence: not the sources it was built from. */
async function isNeeded(path) {
  if (/[\\/](vendor|doc|musl_x64)$/.test(path)) return false;
  return (await stat(path)).isDirectory() || /\.([cm]?js|node|json)$|LICENSE[^/]*$/.test(path);
}

/** Without its other platforms and without its build step: npm would look for them on hosts without a network. */
async function slimKoffi(file) {
  const { optionalDependencies: _, scripts: __, ...rest } = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(file, JSON.stringify(rest, null, 2));
}

/** The page that the codes of diagnostics lead to: hosts, and whoever edits, need not have a network. */
async function copyExplanations(folder) {
  await cp(join(root, 'docs/diagnostics.md'), join(folder, 'docs/diagnostics.md'));
}

async function copyIfThere(name, folder) {
  if ((await readdir(root)).includes(name)) await copyFile(join(root, name), join(folder, name));
}

const wanted = new Set(process.argv.slice(2));
await mkdir(dist, { recursive: true });
await run(process.execPath, [join(root, 'schemas/generate.mjs')]);
if (wanted.size === 0 || wanted.has('vsix')) console.log(await packageVsix());
if (wanted.size === 0 || wanted.has('agent')) console.log(await packageAgent());
