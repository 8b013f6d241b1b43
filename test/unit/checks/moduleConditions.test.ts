import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tcpProbe } from '../../../agent/checks/tcp.ts';
import { ModuleConditions } from '../../../agent/runtime/moduleConditions.ts';

let servers: Server[];
let conditions: ModuleConditions;
/** What the core was told. */
let told: (string | null)[];
let waiting: (() => void)[];

beforeEach(async () => {
  told = [];
  waiting = [];
  servers = [createServer((socket) => socket.resume()), createServer((socket) => socket.resume())];
  const ports: number[] = [];
  for (const server of servers) ports.push(await listen(server, 0));
  conditions = new ModuleConditions({
    conditions: ports.map((port, index) => {
      const target = { kind: 'tcp', host: '127.0.0.1', port } as const;
      const condition = { name: `uplink ${index}`, target, everyMs: 20, timeoutMs: 20, failures: 2 };
      return { condition, probe: tcpProbe({ host: '127.0.0.1', port }) };
    }),
    told: (unmet) => {
      told.push(unmet);
      changed();
    },
    onChange: changed,
  });
});
afterEach(async () => {
  await conditions.end();
  for (const server of servers) server.close();
});

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function changed(): void {
  for (const look of [...waiting]) look();
}

function until(isTrue: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!isTrue()) return;
      waiting = waiting.filter((each) => each !== look);
      resolve();
    };
    waiting.push(look);
    look();
  });
}

it('tells which conditions the host does not meet, once all are known and whenever that changes', async () => {
  conditions.begin();
  await until(() => told.length === 1);
  expect(told).toEqual([null]);
  expect(conditions.status).toMatchObject([
    { name: 'uplink 0', state: 'well' },
    { name: 'uplink 1', state: 'well' },
  ]);
  const [first, second] = servers;
  if (!first || !second) throw new Error('no servers');
  const { port } = first.address() as AddressInfo;
  first.close();
  await until(() => told.length === 2);
  second.close();
  await until(() => told.length === 3);
  expect(told.slice(1)).toEqual([
    'uplink 0 failed (connection refused)',
    'uplink 0 failed (connection refused); uplink 1 failed (connection refused)',
  ]);
  await listen(first, port);
  await until(() => told.length === 4);
  expect(told[3]).toBe('uplink 1 failed (connection refused)');
});

it('tells nothing before it knows, and says so when it is not met from the start', async () => {
  for (const server of servers) server.close();
  conditions.begin();
  await until(() => told.length > 0);
  expect(told[0]).toMatch(/^uplink 0 failed .*uplink 1 failed/);
});
