// `npm start`, `npm test` and `.ci/run` begin here, in a fresh clone: plain Node, no packages. Checks the machine, installs and builds what
// is missing, then does the job. Says what it does, asks nothing, and finds nothing to do the second time.
//   node test/bootstrap.mjs start [options of the demonstration]
//   node test/bootstrap.mjs test [options of vitest]
//   node test/bootstrap.mjs long [options of vitest]
//   node test/bootstrap.mjs bench NAME [--json] [options of the benchmark]
//   node test/bootstrap.mjs simulate [options of the simulation]
//   node test/bootstrap.mjs lab [options of the campaign of faults]
//   node test/bootstrap.mjs ci
//   node test/bootstrap.mjs check
//   node test/bootstrap.mjs build
//   node test/bootstrap.mjs package
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.dirname(import.meta.dirname);
process.chdir(root);

const say = (line) => process.stderr.write(`${line}\n`);
const isRoot = process.getuid?.() === 0;

class Stop extends Error {}

function checkMachine() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Stop(`Node ${process.versions.node} is too old: Understudy needs Node 20.19 or later.`);
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Stop(
      `The hosts of the demonstration and of the tests are Linux namespaces on x86-64; this is ${process.platform} on ${process.arch}.`,
    );
  }
  const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  const [kernelMajor = 0, kernelMinor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
  if (kernelMajor < 5 || (kernelMajor === 5 && kernelMinor < 15)) {
    throw new Stop(`Linux ${kernel} is too old: the mirror needs Linux 5.15 or later.`);
  }
  if (isRoot && !existsSync('/dev/fuse')) spawnSync('modprobe', ['fuse']);
  if (!existsSync('/dev/fuse')) say('Note: /dev/fuse is missing (modprobe fuse), so no mirror can be mounted here.');
}

/** Runs a command with its output on standard error, so that standard output stays the job's own. */
function run(what, command, args, options = {}) {
  say(`${what}: ${[command, ...args].join(' ')}`);
  const result = spawnSync(command, args, { stdio: ['ignore', 2, 2], ...options });
  if (result.error) throw new Stop(`${what} failed: ${result.error.message}`);
  if (result.status !== 0) throw new Stop(`${what} failed with code ${result.status ?? result.signal}.`);
}

/** Whether node_modules holds what package-lock.json says: npm keeps its own list of what it installed. */
function packagesAreCurrent() {
  try {
    const wanted = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages;
    const installed = JSON.parse(readFileSync('node_modules/.package-lock.json', 'utf8')).packages;
    return Object.entries(wanted).every(
      ([name, { version, optional, peer, devOptional }]) =>
        name === '' || installed[name]?.version === version || ((optional || peer || devOptional) && !installed[name]),
    );
  } catch {
    return false;
  }
}

function installPackages() {
  if (packagesAreCurrent()) return;
  run('Installing npm packages', 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}

/** What the lab uses: a file or command of each Debian package. */
const systemPackages = [
  ['qemu-system-x86', 'qemu-system-x86_64'],
  ['iproute2', 'ip'],
  ['nftables', 'nft'],
  ['e2fsprogs', 'debugfs'],
  ['btrfs-progs', 'mkfs.btrfs'],
  ['util-linux', 'nsenter'],
  ['iputils-ping', 'ping'],
  ['procps', 'ps'],
  ['attr', 'getfattr'],
  ['etcd-server', 'etcd'],
  ['fence-agents', 'fence_dummy'],
];
/** Programs that the tests run on a mirror. */
const programPackages = [
  ['postgresql', 'pg_createcluster'],
  ['sqlite3', 'sqlite3'],
  ['git', 'git'],
  ['rsync', 'rsync'],
  ['qemu-utils', 'qemu-io'],
  ['make', 'make'],
];
/** What the benchmarks measure with, and what they compare with. */
const benchPackages = [
  ['fio', 'fio'],
  ['rsync', 'rsync'],
  ['sqlite3', 'sqlite3'],
  ['postgresql', 'pg_createcluster'],
  ['glusterfs-server', 'glusterd'],
  ['glusterfs-client', 'mount.glusterfs'],
];
/** What `bench failover` compares with: daemons, which start in the lab's hosts only. */
const clusterPackages = [
  ['pacemaker', 'pacemakerd'],
  ['pacemaker-cli-utils', 'crm_resource'],
  ['corosync', 'corosync'],
  ['keepalived', 'keepalived'],
];
const browserPackages = [
  ['chromium', 'chromium'],
  ['fonts-dejavu-core', '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf'],
];
/** The benchmarks of the editor, and what they need. */
const editorBenches = new Map([
  ['language', []],
  ['activation', browserPackages],
]);

function isInstalled(thing) {
  if (thing.startsWith('/')) return existsSync(thing);
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/bin'];
  return folders.some((folder) => existsSync(path.join(folder, thing)));
}

/** The package of PostgreSQL would make a database and start its server, now and at each boot. The tests make their own. */
function withoutClusterOfItsOwn() {
  const file = '/etc/postgresql-common/createcluster.conf';
  if (existsSync(file)) return;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, '# Written by the tests of Understudy.\ncreate_main_cluster = false\n');
}

/** Runs an installation whose packages would start their services, now and at each boot: Debian's policy-rc.d forbids it meanwhile. */
function withoutServices(install) {
  const policy = '/usr/sbin/policy-rc.d';
  const isOurs = !existsSync(policy);
  if (isOurs) writeFileSync(policy, '#!/bin/sh\n# Written by the tests of Understudy.\nexit 101\n', { mode: 0o755 });
  const missing = clusterPackages
    .map(([name]) => name)
    .filter((name) => !existsSync(`/var/lib/dpkg/info/${name}.list`));
  try {
    install();
  } finally {
    if (isOurs) rmSync(policy, { force: true });
  }
  const services = ['pacemaker', 'corosync', 'keepalived'].filter((name) => missing.includes(name));
  if (services.length > 0) spawnSync('systemctl', ['disable', ...services], { stdio: 'ignore' });
}

/** Installs missing Debian packages as root. Returns what is still missing. */
function installSystemPackages(wanted) {
  const missing = wanted.filter(([, thing]) => !isInstalled(thing)).map(([name]) => name);
  const knowsGuest = spawnSync('apt-cache', ['show', 'linux-image-cloud-amd64'], { stdio: 'ignore' }).status === 0;
  if (missing.length === 0 && knowsGuest) return [];
  const install = ['install', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300', ...missing];
  if (!isRoot) {
    if (missing.length > 0) say(`Missing Debian packages. As root: apt-get update && apt-get ${install.join(' ')}`);
    return missing;
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('Reading the package lists', 'apt-get', ['update', '-q', '-o', 'DPkg::Lock::Timeout=300'], { env });
  if (missing.includes('postgresql')) withoutClusterOfItsOwn();
  if (missing.length > 0) run('Installing Debian packages', 'apt-get', [...install, '-q'], { env });
  return [];
}

const sourceFolders = ['schemas', 'agent', 'extension', 'media', 'test'];
const sourceFiles = ['esbuild.mjs', 'package.json', 'package-lock.json', 'tsconfig.base.json'];

function sourceState() {
  const hash = createHash('sha256');
  const visit = (file) => {
    const status = statSync(file);
    if (status.isDirectory()) {
      for (const name of readdirSync(file).sort()) {
        if (name !== 'generated' && name !== 'artifacts') visit(path.join(file, name));
      }
    } else hash.update(`${file} ${status.size} ${status.mtimeMs}\n`);
  };
  for (const file of [...sourceFolders, ...sourceFiles]) visit(file);
  return hash.digest('hex');
}

/** Bundles of the tests' own programs. */
const testPrograms = {
  demo: 'test/lab/demo/main.ts',
  clusterWatch: 'test/lab/harness/clusterWatch.ts',
  wallClock: 'test/lab/harness/wallClock.ts',
  lateWire: 'test/lab/harness/lateWire.ts',
  bench: 'test/bench/main.ts',
  outsideClient: 'test/bench/failover/outsideClient.ts',
  powerSwitch: 'test/bench/failover/pacemaker/powerSwitch.ts',
  simulate: 'test/simulation/main.ts',
  campaign: 'test/lab/campaign/main.ts',
  createFiles: 'test/bench/mirror/createFiles.ts',
  changeBlocks: 'test/bench/resync/changeBlocks.ts',
};

async function build() {
  const stamp = 'dist/.built';
  const state = sourceState();
  const isCurrent = existsSync(stamp) && readFileSync(stamp, 'utf8') === state;
  if (isCurrent && existsSync('dist/agent/understudy.mjs') && existsSync('schemas/generated')) return;
  rmSync(stamp, { force: true });
  run('Generating types and validators', process.execPath, ['schemas/generate.mjs']);
  run('Building', process.execPath, ['esbuild.mjs']);
  const { build: bundle } = await import('esbuild');
  await bundle({
    entryPoints: testPrograms,
    outdir: 'dist/test',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    mainFields: ['module', 'main'],
    conditions: ['node'],
    sourcemap: true,
    external: ['koffi', 'playwright-core', 'esbuild'],
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
  mkdirSync('dist', { recursive: true });
  writeFileSync(stamp, state);
}

/** Runs the job in the foreground with our terminal. Resolves with its exit code. */
function job(command, args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
    // Ctrl-C reaches the whole group; the job decides how it ends, and we with it.
    const wait = () => undefined;
    for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, wait);
    const pass = () => child.kill('SIGTERM');
    process.on('SIGTERM', pass);
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}

const resultsFile = 'dist/test/results.json';

const testKinds = {
  test: [],
  /** What takes many minutes: the files named *.long.test.ts. */
  long: ['--config', 'vitest.long.config.ts'],
};

/** Runs the tests and counts them: a file that could not be loaded and an error outside of any test count as failures. */
async function test(args) {
  mkdirSync(path.dirname(resultsFile), { recursive: true });
  rmSync(resultsFile, { force: true });
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json'];
  const code = await job(process.execPath, [...vitest, `--outputFile.json=${resultsFile}`, ...args]);
  const counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    const results = JSON.parse(readFileSync(resultsFile, 'utf8'));
    counts.passed = results.numPassedTests;
    counts.failed = results.numFailedTests;
    counts.skipped = results.numPendingTests + (results.numTodoTests ?? 0);
    for (const file of results.testResults) {
      const failedTests = file.assertionResults.filter((assertion) => assertion.status === 'failed').length;
      if (file.status === 'failed' && failedTests === 0) counts.failed += 1;
    }
  } catch (error) {
    say(`The test run left no results: ${error.message}`);
  }
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

const checks = [
  ['types', ['node_modules/typescript/bin/tsc', '-b']],
  ['lint', ['node_modules/eslint/bin/eslint.js', '.']],
  ['formatting', ['node_modules/prettier/bin/prettier.cjs', '--check', '.']],
  ['reference', ['schemas/generateReference.mjs', '--check']],
  [
    'imports',
    [
      'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
      '--config',
      '.dependency-cruiser.cjs',
      ...sourceFolders,
    ],
  ],
];

/** Types, lint, formatting, the reference, imports. Returns the names of those that failed. */
async function check() {
  const failed = [];
  for (const [name, args] of checks) {
    say(`\n== ${name}`);
    if ((await job(process.execPath, args)) !== 0) failed.push(name);
  }
  return failed;
}

async function continuousIntegration() {
  if (!isRoot) throw new Stop('.ci/run needs root: it skips nothing, and the lab and the mirror need root.');
  const failed = await check();
  say('\n== tests');
  const counts = await test([]);
  if (counts.skipped > 0) failed.push(`${counts.skipped} tests were skipped`);
  for (const name of failed) say(`Failed: ${name}`);
  return { ...counts, passed: counts.passed + checks.length, failed: counts.failed + failed.length };
}

function report({ passed, failed, skipped }) {
  process.stdout.write(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

async function main([name, ...args]) {
  checkMachine();
  if (name === 'start') {
    if (!isRoot) {
      throw new Stop(
        `The demonstration runs two hosts and a witness on this machine. Each is made of network, mount and process namespaces, and each
mounts a file system of its own for the mirror: without root none of this can be made, so nothing was started. Run it so:

  sudo --preserve-env=PATH npm start${args.length === 0 ? '' : ` -- ${args.join(' ')}`}`,
      );
    }
    installPackages();
    installSystemPackages(systemPackages);
    await build();
    process.exitCode = await job(process.execPath, ['dist/test/demo.mjs', ...args]);
  } else if (name === 'test' || name === 'long' || name === 'ci') {
    installPackages();
    const missing = installSystemPackages([
      ...systemPackages,
      ...programPackages,
      ...(name === 'long' ? [] : browserPackages),
    ]);
    await build();
    if (!isRoot)
      say(
        'Not root: the tests of the mirror and of the lab are skipped. All of them: sudo --preserve-env=PATH npm test',
      );
    else if (missing.length > 0) say(`Tests that need ${missing.join(', ')} are skipped.`);
    report(name === 'ci' ? await continuousIntegration() : await test([...testKinds[name], ...args]));
  } else if (name === 'bench') {
    // Those of the editor need neither hosts nor mirrors.
    const ofEditor = editorBenches.get(args[0]);
    if (!isRoot && ofEditor === undefined)
      throw new Stop(`The benchmarks mount file systems, which needs root: sudo --preserve-env=PATH npm run bench`);
    installPackages();
    if (ofEditor === undefined) installSystemPackages([...systemPackages, ...benchPackages]);
    else if (ofEditor.length > 0) installSystemPackages(ofEditor);
    if (args[0] === 'failover') withoutServices(() => installSystemPackages(clusterPackages));
    await build();
    process.exitCode = await job(process.execPath, ['dist/test/bench.mjs', ...args]);
  } else if (name === 'lab') {
    installPackages();
    if (isRoot) installSystemPackages(systemPackages);
    await build();
    process.exitCode = await job(process.execPath, ['dist/test/campaign.mjs', ...args]);
  } else if (name === 'simulate') {
    installPackages();
    await build();
    process.exitCode = await job(process.execPath, ['dist/test/simulate.mjs', ...args]);
  } else if (name === 'check') {
    installPackages();
    await build();
    const failed = await check();
    report({ passed: checks.length - failed.length, failed: failed.length, skipped: 0 });
  } else if (name === 'package') {
    installPackages();
    process.exitCode = await job(process.execPath, ['package.mjs', ...args]);
  } else if (name === 'build') {
    installPackages();
    await build();
  } else
    throw new Stop(
      'Usage: node test/bootstrap.mjs start|test|long|lab|bench|simulate|ci|check|build|package [options]',
    );
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Stop)) throw error;
  say(error.message);
  process.exitCode = 1;
}
