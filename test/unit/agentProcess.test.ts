import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const program = join(import.meta.dirname, '..', '..', 'dist', 'agent', 'understudy.mjs');
const address = '127.0.12.1';
const ports = { api: 34810, agent: 34811 };

let directory: string;
const taken: Server[] = [];

async function run(
  environment: NodeJS.ProcessEnv,
  ...args: string[]
): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: environment });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
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
  expect((await run(process.env, 'init', '--host', 'alpha', '--cluster', file, ...folders)).code).toBe(0);
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
    const { code, output } = await run(process.env, 'agent', '--config', join(directory, 'etc'));
    expect(output).toContain(String(port));
    expect(output).toMatch(/in use/);
    expect(output).not.toMatch(/internal error|\n {4}at /);
    expect(code).toBe(1);
  });

  it('ends when it cannot start, whatever it has begun: the service manager starts it again', async () => {
    const versions = join(directory, 'state', 'versions');
    mkdirSync(versions, { recursive: true });
    writeFileSync(join(versions, 'pending.json'), '{');
    // It is to be told that this agent lives.
    const manager = { NOTIFY_SOCKET: join(directory, 'notify'), WATCHDOG_USEC: '60000000' };
    const { code, output } = await run({ ...process.env, ...manager }, 'agent', '--config', join(directory, 'etc'));
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
    const child = spawn(process.execPath, [program, 'agent', '--config', join(directory, 'etc')], { stdio: 'ignore' });
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
