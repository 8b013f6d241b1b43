import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import type { RequestOptions } from 'node:http';
import { createServer, connect } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cleanEnvironment, installVscodeHost } from './installVscodeHost.ts';
import type { VscodeHost } from './installVscodeHost.ts';
import { quietSettings } from './quietSettings.ts';

export { installVscodeHost } from './installVscodeHost.ts';

/** How to start VS Code for a browser. */
export interface StartVscodeOptions {
  /** Folder to open, an absolute path. */
  readonly workspace: string;
  /** Package of the extension to install first. */
  readonly extensionVsix?: string;
  /** Added to the environment of the editor and of its extension host. */
  readonly env?: Readonly<Record<string, string>>;
  /** User settings on top of {@link quietSettings}. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Runs the editor inside something else, such as `['nsenter', '--net=/run/netns/operator', '--']`. */
  readonly commandPrefix?: readonly string[];
  /**
   * Where people and browsers find it, on 127.0.0.1. Default: a free port.
   * With `socket` the editor listens on that Unix socket, which crosses network namespaces, and this process forwards the
   * port to it for as long as the editor runs.
   */
  readonly listen?: { readonly port?: number; readonly socket?: string };
  /** Whether workspaces start restricted until trusted. Default false. */
  readonly workspaceTrust?: boolean;
  /** Told what is being done. */
  readonly log?: (line: string) => void;
}

/** A running VS Code. */
export interface RunningVscode {
  /** Opens the workspace; for a browser on this machine, in the network namespace of this process. */
  readonly url: string;
  readonly pid: number;
  /** Holds home, user data (`user-data/logs`), extensions and `server.log`; removed by {@link stop}. */
  readonly runDirectory: string;
  /** Ends every process of it and removes {@link runDirectory}. */
  stop(): Promise<void>;
}

/** Installs VS Code if needed, starts it, and resolves once it answers. */
export async function startVscode(options: StartVscodeOptions): Promise<RunningVscode> {
  const host = await installVscodeHost(options.log);
  const runDirectory = await mkdtemp(join(tmpdir(), 'understudy-vscode-'));
  const directories = [
    '--user-data-dir',
    join(runDirectory, 'user-data'),
    '--extensions-dir',
    join(runDirectory, 'extensions'),
  ];
  const environment = cleanEnvironment({
    HOME: join(runDirectory, 'home'),
    XDG_CONFIG_HOME: join(runDirectory, 'home/.config'),
    XDG_DATA_HOME: join(runDirectory, 'home/.local/share'),
    CI: 'true',
    ...options.env,
  });
  await mkdir(join(runDirectory, 'home'), { recursive: true });
  await mkdir(join(runDirectory, 'user-data/User'), { recursive: true });
  const settings = { ...quietSettings, ...options.settings };
  await writeFile(join(runDirectory, 'user-data/User/settings.json'), JSON.stringify(settings, null, 2));
  if (options.extensionVsix !== undefined) {
    await installExtension(host, directories, environment, options.extensionVsix);
  }

  const socket = options.listen?.socket;
  const port = options.listen?.port ?? (await freePort());
  const address =
    socket === undefined ? ['--bind-addr', `127.0.0.1:${port}`] : ['--socket', socket, '--socket-mode', '600'];
  const quiet = [
    '--disable-telemetry',
    '--disable-update-check',
    '--disable-getting-started-override',
    '--disable-proxy',
  ];
  const trust = options.workspaceTrust === true ? [] : ['--disable-workspace-trust'];
  const command = [
    ...(options.commandPrefix ?? []),
    ...[
      host.node,
      host.entry,
      '--auth',
      'none',
      ...address,
      ...quiet,
      ...trust,
      '--ignore-last-opened',
      ...directories,
    ],
  ];
  const log = await open(join(runDirectory, 'server.log'), 'w');
  const child = spawn(command[0] ?? '', command.slice(1), {
    stdio: ['ignore', log.fd, log.fd],
    env: environment,
    detached: true,
  });
  await log.close();
  let forwarder: Server | null = null;
  const stop = async (): Promise<void> => {
    if (forwarder !== null) await closeForwarder(forwarder);
    await endGroup(child);
    await rm(runDirectory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await answers(child, socket === undefined ? { host: '127.0.0.1', port } : { socketPath: socket }, runDirectory);
    if (socket !== undefined) forwarder = await forward(port, socket);
  } catch (error) {
    await stop();
    throw error;
  }
  const url = `http://127.0.0.1:${port}/?folder=${encodeURIComponent(options.workspace)}`;
  return { url, pid: child.pid ?? 0, runDirectory, stop };
}

async function installExtension(
  host: VscodeHost,
  directories: readonly string[],
  env: Record<string, string>,
  vsix: string,
): Promise<void> {
  try {
    await promisify(execFile)(host.node, [host.entry, ...directories, '--install-extension', vsix], { env });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`Installing ${vsix} in VS Code failed: ${stdout}${stderr}`, { cause: error });
  }
}

/** Resolves once the editor answers its health check. */
async function answers(child: ChildProcess, target: RequestOptions, runDirectory: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const status = await new Promise<number>((resolve) => {
      get({ ...target, path: '/healthz', timeout: 2000 }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      }).on('error', () => resolve(0));
    });
    if (status === 200) return;
    if (child.exitCode !== null || Date.now() > deadline) {
      const output = await readFile(join(runDirectory, 'server.log'), 'utf8');
      throw new Error(`VS Code did not start: ${output.slice(-2000)}`);
    }
    await wait(50);
  }
}

/** A free TCP port of 127.0.0.1. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Forwards connections to 127.0.0.1:`port` to a Unix socket. */
async function forward(port: number, socketPath: string): Promise<Server> {
  const server = createServer((client) => {
    const upstream = connect(socketPath);
    client.pipe(upstream).pipe(client);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
      connections.add(one);
      one.on('close', () => connections.delete(one));
    }
  });
  const connections = new Set<{ destroy(): void }>();
  server.on('close-connections', () => connections.forEach((connection) => connection.destroy()));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function closeForwarder(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.emit('close-connections');
  await closed;
}

async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  process.kill(-child.pid, 'SIGTERM');
  const force = setTimeout(() => signalGroup(child.pid ?? 0, 'SIGKILL'), 6000);
  await ended;
  clearTimeout(force);
  // Its helpers belong to the same group; whoever is still there has no one left to serve.
  signalGroup(child.pid, 'SIGKILL');
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
