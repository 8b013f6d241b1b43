import { type ChildProcess, execFileSync, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAuthority, createHostCertificate } from '../../agent/security/certificates.ts';
import { loadAuthority, loadIdentity, storeIdentity } from '../../agent/security/identity.ts';
import { freePort } from '../support/ports.ts';
import { listenAsServiceManager } from '../support/serviceListener.ts';

const program = join(import.meta.dirname, '..', '..', 'dist', 'agent', 'understudy.mjs');
const address = '127.0.12.1';
const ports = { api: await freePort(address), agent: await freePort(address) };

let directory: string;
const taken: Server[] = [];
const agents: ChildProcess[] = [];

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

/** Starts an agent that lives until the end of the test at most. */
function startAgent(more: NodeJS.ProcessEnv = {}): { readonly agent: ChildProcess; readonly said: () => string } {
  const env = { ...process.env, ...more };
  const agent = start(['agent', '--config', join(directory, 'etc')], { stdio: ['ignore', 'ignore', 'pipe'], env });
  agents.push(agent);
  let said = '';
  agent.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return { agent, said: () => said };
}

/** Adds keys to the agent's own file. */
function configure(keys: object): void {
  const file = join(directory, 'etc', 'agent.jsonc');
  const text = JSON.stringify(keys).slice(0, -1);
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace('{', () => `${text},`),
  );
}

/** A pipe in the place of a watchdog's device, and what was written to it. */
function openDevice(): { readonly device: string; readonly given: () => string; readonly closed: Promise<unknown> } {
  const device = join(directory, 'watchdog');
  execFileSync('mkfifo', [device]);
  let given = '';
  const reader = createReadStream(device).on('data', (chunk) => (given += chunk.toString('latin1')));
  return { device, given: () => given, closed: once(reader, 'end') };
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
  for (const agent of agents.splice(0)) agent.kill('SIGKILL');
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
    const { device, given, closed } = openDevice();
    configure({ watchdog: device, watchdogTimeout: '5s' });
    const { agent } = startAgent();
    await expect.poll(given, { timeout: 20_000 }).toMatch(/^\0{2,}$/);
    agent.kill('SIGTERM');
    // Its end closes the device.
    await closed;
    expect(given()).toMatch(/^\0+V$/);
  }, 60_000);

  it('that stands still does not feed the watchdog, and gives the service manager no sign of life, until it goes on', async () => {
    const { device, given, closed } = openDevice();
    const watchdogMs = 5000;
    configure({ watchdog: device, watchdogTimeout: '5s' });
    const socket = `@understudy-agent-${String(process.pid)}`;
    const manager = await listenAsServiceManager(socket);
    try {
      const signs = (): number => manager.told.filter((each) => each === 'WATCHDOG=1').length;
      const { agent } = startAgent({ NOTIFY_SOCKET: socket, WATCHDOG_USEC: '1500000' });
      await expect.poll(() => Math.min(given().length, signs()), { timeout: 20_000 }).toBeGreaterThanOrEqual(2);
      agent.kill('SIGSTOP');
      await expect.poll(() => stateOf(agent)).toBe('T');
      // What it has written before is here in a moment.
      await delay(200);
      const before = { meals: given().length, signs: signs() };
      await delay(watchdogMs);
      expect({ meals: given().length, signs: signs() }).toEqual(before);
      agent.kill('SIGCONT');
      await expect.poll(signs, { timeout: 20_000 }).toBeGreaterThan(before.signs);
      await expect.poll(() => given().length, { timeout: 20_000 }).toBeGreaterThan(before.meals);
      agent.kill('SIGTERM');
      await closed;
    } finally {
      manager.end();
    }
  }, 60_000);

  it('sends its events over TLS to a syslog server by an authority that its environment names, and says so when none does', async () => {
    const authority = await createAuthority('logs');
    const { key, certificate } = await createHostCertificate(authority, { host: 'logs', addresses: ['127.0.0.1'] });
    const received = { '127.0.0.1': '', localhost: '' };
    const server = createTlsServer({ key, cert: certificate }, (socket) => {
      // An address is no name of a server.
      const asked = socket.servername === 'localhost' ? 'localhost' : '127.0.0.1';
      socket.on('error', () => undefined).on('data', (piece: Buffer) => (received[asked] += piece.toString()));
    });
    taken.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const port = String((server.address() as AddressInfo).port);
    configure({ events: { syslog: [`tls://127.0.0.1:${port}`, `tls://localhost:${port}`] } });
    const stranger = startAgent();
    await expect
      .poll(stranger.said, { timeout: 20_000 })
      .toMatch(
        /events do not reach the syslog server 127\.0\.0\.1: its certificate is .* not known here .*NODE_EXTRA_CA_CERTS/,
      );
    stranger.agent.kill('SIGTERM');
    await once(stranger.agent, 'close');
    expect(received).toEqual({ '127.0.0.1': '', localhost: '' });

    const authorityFile = join(directory, 'logs.crt');
    writeFileSync(authorityFile, authority.certificate);
    const { agent, said } = startAgent({ NODE_EXTRA_CA_CERTS: authorityFile });
    for (const name of ['127.0.0.1', 'localhost'] as const) {
      await expect
        .poll(() => codesOf(received[name]), { timeout: 20_000 })
        .toEqual(expect.arrayContaining(['AGENT_STARTED', 'AGENT_READY']));
    }
    agent.kill('SIGTERM');
    await once(agent, 'close');
    expect(said()).not.toMatch(/EVENTS_NOT_SENT|DEP0123/);
  }, 60_000);
});

/** `T`: it stands still. */
function stateOf({ pid }: ChildProcess): string | undefined {
  return /\) (\S)/.exec(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'))?.[1];
}

/** What events came, by messages of RFC 5424 with counted octets before each; what has not come as a whole yet is left out. */
function codesOf(text: string): readonly string[] {
  const codes: string[] = [];
  let rest = Buffer.from(text);
  for (;;) {
    const [head, length] = /^(\d+) /.exec(rest.toString('latin1')) ?? [];
    if (head === undefined || rest.length < head.length + Number(length)) return codes;
    const message = rest.subarray(head.length, head.length + Number(length)).toString();
    codes.push(/^<\d+>1 \S+ alpha understudy \d+ (\S+) - /.exec(message)?.[1] ?? `not understood: ${message}`);
    rest = rest.subarray(head.length + Number(length));
  }
}
