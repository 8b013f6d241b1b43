import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { QmpClient, type QmpEvent } from '../../../agent/server/qemu/qmpClient.ts';

let folder: string;
let server: Server | null = null;
const sockets: Socket[] = [];

beforeEach(() => (folder = mkdtempSync(path.join(os.tmpdir(), 'us-qmp-'))));
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await new Promise((resolve) => (server === null ? resolve(null) : server.close(resolve)));
  server = null;
  rmSync(folder, { recursive: true, force: true });
});

const greeting = '{"QMP": {"version": {}, "capabilities": []}}\r\n';

/** Something that listens where QEMU would, and answers each line by what `answer` returns. */
async function listen(hello: string, answer: (line: string) => string): Promise<string> {
  const file = path.join(folder, 'qmp.sock');
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(hello);
    socket.on('data', (data) => {
      for (const line of data.toString().trim().split('\n')) socket.write(answer(line));
    });
  });
  await new Promise<void>((resolve) => server?.listen(file, resolve));
  return file;
}

const idOf = (line: string): number => (JSON.parse(line) as { id: number }).id;
const ok = (line: string): string => `${JSON.stringify({ return: {}, id: idOf(line) })}\r\n`;

it('refuses something that is not QEMU', async () => {
  const file = await listen('HTTP/1.1 400 Bad Request\r\n\r\n', () => '');
  await expect(QmpClient.open(file, () => undefined)).rejects.toThrow(/not QEMU/);
});

it('gives up on a QEMU that says nothing', async () => {
  const file = await listen('', () => '');
  await expect(QmpClient.open(file, () => undefined, 100)).rejects.toThrow('said nothing within 100 ms');
});

it('ends the connection at a message without an end', async () => {
  const file = await listen(greeting, (line) => (line.includes('qmp_capabilities') ? ok(line) : 'x'.repeat(5 << 20)));
  const client = await QmpClient.open(file, () => undefined);
  await expect(client.execute('query-status')).rejects.toThrow('message without an end');
});

it('matches answers to commands, tells events apart, and quotes refusals', async () => {
  const events: QmpEvent[] = [];
  const file = await listen(greeting, (line) => {
    if (line.includes('qmp_capabilities')) return ok(line);
    const refusal = JSON.stringify({ error: { class: 'GenericError', desc: 'not now' }, id: idOf(line) });
    return `{"event": "STOP", "timestamp": {}}\r\n${refusal}\r\n`;
  });
  const client = await QmpClient.open(file, (event) => events.push(event));
  await expect(client.execute('cont')).rejects.toThrow('QEMU refused "cont": not now');
  expect(events).toEqual([{ event: 'STOP', data: {} }]);
  client.close();
});

it('a command without an answer runs out of time, and all fail when QEMU goes away', async () => {
  const file = await listen(greeting, (line) => (line.includes('qmp_capabilities') ? ok(line) : ''));
  const client = await QmpClient.open(file, () => undefined);
  await expect(client.execute('stop', {}, 50)).rejects.toThrow('did not answer "stop" within 50 ms');
  const pending = client.execute('quit');
  for (const socket of sockets) socket.destroy();
  await expect(pending).rejects.toThrow(/QEMU/);
  await expect(client.execute('quit')).rejects.toThrow(/QEMU/);
});
