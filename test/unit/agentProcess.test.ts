import { type ChildProcess, execFileSync, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHostCertificate } from '../../agent/security/certificates.ts';
import { loadAuthority, loadIdentity, storeIdentity } from '../../agent/security/identity.ts';
import { freePort } from '../support/ports.ts';

const program = join(import.meta.dirname, '..', '..', 'dist', 'agent', 'understudy.mjs');
const address = '127.0.12.1';
const ports = { api: await freePort(address), agent: await freePort(address) };

let directory: string;
const taken: Server[] = [];

/** Starts the program; it ends with this process, however that ends. */
const start = (args: readonly string[], options: SpawnOptions): ChildProcess =>
  spawn('setpriv', ['--pdeathsig', 'KILL', '--', process.execPath, program, ...args], options);

const run = (...args: string[]): ReturnType<typeof runIn> => runIn({}, ...args);

async function runIn(more: NodeJS.ProcessEnv, ...args: string[]): Promise<{ code: number | null; output: string }> {
  const env = { ...process.env, ...more };
  const child = start(args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const limit = setTimeout(() => child.kill('SIGKILL'), 20_000);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(limit);
  return { code, output };
}

async function take(port: number): Promise<void> {
  const server = createServer().listen(port, address);
  await once(server, 'listening');
  taken.push(server);
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'understudy-agent-'));
  const cluster = {
    name: 'site',
    networks: { lan: {} },
    hosts: { alpha: { lan: address }, beta: { lan: '127.0.12.2' } },
    arbiter: 'none',
    ports,
  };
  const file = join(directory, 'site.cluster.jsonc');
  writeFileSync(file, JSON.stringify(cluster));
  const folders = [
    '--config',
    join(directory, 'etc'),
    '--state',
    join(directory, 'state'),
    '--run',
    join(directory, 'run'),
  ];
  expect((await run('init', '--host', 'alpha', '--cluster', file, ...folders)).code).toBe(0);
});

afterEach(() => {
  for (const server of taken.splice(0)) server.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('the agent as a process', () => {
  it.each([
    ['API', ports.api],
    ['agents', ports.agent],
  ])('ends with one clear error when the port for the %s is in use', async (_what, port) => {
    await take(port);
    // Signs of life for the service manager must not keep it from ending.
    const service = { NOTIFY_SOCKET: join(directory, 'notify'), WATCHDOG_USEC: '15000000' };
    const { code, output } = await runIn(service, 'agent', '--config', join(directory, 'etc'));
    expect(output).toContain(String(port));
    expect(output).toMatch(/in use/);
    expect(output).not.toMatch(/internal error|\n {4}at /);
    expect(code).toBe(1);
  });

  it('makes itself a new certificate at its start when the old one has ended, on the host that certifies the others', async () => {
    const etc = join(directory, 'etc');
    const [authority, dayMs] = [loadAuthority(etc), 86_400_000];
    if (!authority) throw new Error('there is no authority');
    const ended = { notBefore: new Date(Date.now() - 2 * dayMs), notAfter: new Date(Date.now() - dayMs) };
    const own = await createHostCertificate(authority, { host: 'alpha', addresses: [address] }, ended);
    storeIdentity(etc, { ...own, authority: authority.certificate });
    const child = start(['agent', '--config', etc], { stdio: 'ignore' });
    const limit = setTimeout(() => child.kill('SIGKILL'), 30_000);
    try {
      const log = (): Promise<string> => run('log', '--config', etc).then(({ output }) => output);
      await expect.poll(log, { timeout: 20_000 }).toMatch(/CERTIFICATE_RENEWED|has made itself a new certificate/);
      expect(loadIdentity(etc, 'alpha').key).toBe(own.key);
      child.kill('SIGTERM');
      await once(child, 'close');
    } finally {
      clearTimeout(limit);
      child.kill('SIGKILL');
    }
  });

  it('ends when it cannot start, whatever it has begun: the service manager starts it again', async () => {
    const versions = join(directory, 'state', 'versions');
    mkdirSync(versions, { recursive: true });
    writeFileSync(join(versions, 'pending.json'), '{');
    // It is to be told that this agent lives.
    const manager = { NOTIFY_SOCKET: join(directory, 'notify'), WATCHDOG_USEC: '60000000' };
    const { code, output } = await runIn(manager, 'agent', '--config', join(directory, 'etc'));
    expect(output).toMatch(/pending\.json is damaged.*remove it/);
    expect(code).toBe(70);
    expect(readFileSync(join(directory, 'state', 'log.jsonl'), 'utf8')).not.toContain('AGENT_READY');
  }, 60_000);

  it('feeds the watchdog that its file names, and stops it when it is stopped in order', async () => {
    const device = join(directory, 'watchdog');
    execFileSync('mkfifo', [device]);
    const file = join(directory, 'etc', 'agent.jsonc');
    const keys = `{ "watchdog": ${JSON.stringify(device)}, "watchdogTimeout": "5s",`;
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replace('{', () => keys),
    );
    let given = '';
    const reader = createReadStream(device).on('data', (chunk) => (given += chunk.toString('latin1')));
    const child = start(['agent', '--config', join(directory, 'etc')], { stdio: 'ignore' });
    const limit = setTimeout(() => child.kill('SIGKILL'), 30_000);
    try {
      await expect.poll(() => given, { timeout: 20_000 }).toMatch(/^\0{2,}$/);
      child.kill('SIGTERM');
      // Its end closes the device.
      await once(reader, 'end');
      expect(given).toMatch(/^\0+V$/);
    } finally {
      clearTimeout(limit);
      child.kill('SIGKILL');
    }
  }, 60_000);
});
