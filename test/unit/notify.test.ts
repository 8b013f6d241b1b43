import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer, Socket, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DeliveryQueue, RefusedError } from '../../agent/notify/deliveryQueue.ts';
import type { EventSink } from '../../agent/notify/eventSink.ts';
import { syslogMessage } from '../../agent/notify/syslogMessage.ts';
import { openSyslog } from '../../agent/notify/syslogSender.ts';
import { openWebhook } from '../../agent/notify/webhook.ts';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import { exportEvents } from '../../agent/runtime/exportEvents.ts';
import type { LogEntry } from '../../schemas/generated/api.ts';

const entry = (message: string, more: Partial<LogEntry> = {}): LogEntry => ({
  time: '2026-01-02T03:04:05.678Z',
  host: 'alpha',
  module: 'web',
  level: 'warn',
  code: 'PRIMARY_SILENT',
  message,
  fields: { epoch: 7, peer: null },
  ...more,
});

const open: { close(): void }[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const each of open.splice(0)) each.close();
});
const keep = <T extends { close(): void }>(each: T): T => {
  open.push(each);
  return each;
};

describe('an event as a message of syslog', () => {
  it('has priority, code and fields, in one line', () => {
    expect(syslogMessage(entry('beta was\nsilent'), 42)).toBe(
      '<28>1 2026-01-02T03:04:05.678Z alpha understudy 42 PRIMARY_SILENT - \ufeffbeta was silent module="web" epoch=7',
    );
    expect(syslogMessage(entry('x', { level: 'error', module: null, fields: {} }), 1)).toMatch(/^<27>1 .* - \ufeffx$/);
  });

  it('is not longer than every receiver takes', () => {
    for (const character of ['x', 'é', '€', '😀']) {
      const message = syslogMessage(entry(`${character.repeat(10_000)}`), 42);
      // Nearly all of what fits is there, and nothing of a character that does not.
      const octets = Buffer.from(message);
      expect(octets.length).toBeLessThanOrEqual(2048);
      expect(octets.length).toBeGreaterThan(2048 - Buffer.byteLength(character));
      expect(message).toMatch(new RegExp(`\ufeff(?:${character})+$`, 'u'));
    }
  });

  it('is as long as it is when every receiver takes that', () => {
    const head = Buffer.byteLength(syslogMessage(entry('', { fields: {}, module: null }), 42));
    for (const length of [2047, 2048]) {
      const text = 'x'.repeat(length - head);
      expect(syslogMessage(entry(text, { fields: {}, module: null }), 42)).toMatch(new RegExp(`\ufeff${text}$`));
    }
  });
});

describe('events', () => {
  it('of the log have left when that is waited for, as before an upgrade, and go on to leave', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'understudy-events-'));
    keep({ close: () => rmSync(folder, { recursive: true }) });
    const got: string[] = [];
    const answer = (request: IncomingMessage, done: () => void): void => {
      void json(request).then((event) => {
        got.push((event as LogEntry).message);
        setTimeout(done, 50);
      });
    };
    const server = keep(createHttpServer((request, response) => answer(request, () => response.end())));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const log = new EventLog(join(folder, 'log.jsonl'), 'alpha', 'error');
    const receivers = { level: 'info', syslog: [], webhooks: [{ url, tokenFile: null, level: 'info' }] } as const;
    const exported = exportEvents('site', receivers, log);
    for (const message of ['one', 'two', 'three']) log.add('info', null, 'COMMAND', message);
    await exported.delivered();
    expect(got).toEqual(['one', 'two', 'three']);
    log.add('info', null, 'COMMAND', 'four');
    await exported.stop();
    log.add('info', null, 'COMMAND', 'five');
    expect(got).toEqual(['one', 'two', 'three', 'four']);
  });

  it('reach a syslog server over UDP', async () => {
    const server = keep(createSocket('udp4'));
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    const sink = keep(openSyslog({ protocol: 'udp', host: '127.0.0.1', port: server.address().port }, vi.fn()));
    const received = once(server, 'message');
    sink.add(entry('one'));
    expect(String((await received)[0])).toContain('PRIMARY_SILENT - \ufeffone');
  });

  it('reach a syslog server over TCP in their order, and again after it was away', async () => {
    const texts: string[] = [];
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('data', (piece) => texts.push(piece.toString()));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const trouble = vi.fn();
    const sink = keep(openSyslog({ protocol: 'tcp', host: '127.0.0.1', port }, trouble));
    sink.add(entry('one'));
    sink.add(entry('two'));
    await vi.waitFor(() => expect(texts.join('')).toMatch(/^\d+ <28>1 .*one .*\d+ <28>1 .*two /), 15_000);
    const [, length, rest] = /^(\d+) (.*)$/s.exec(texts.join('')) ?? [];
    expect(
      Buffer.from(rest ?? '')
        .subarray(0, Number(length))
        .toString(),
    ).toMatch(/epoch=7$/);
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
    await vi.waitFor(() => {
      sink.add(entry('away'));
      expect(trouble).toHaveBeenCalledWith(expect.stringContaining('ECONNREFUSED'), 0);
    }, 15_000);
    const again = keep(createServer((socket) => socket.on('data', (piece) => texts.push(piece.toString()))));
    again.listen(port, '127.0.0.1');
    await vi.waitFor(() => expect(trouble).toHaveBeenLastCalledWith(null, 0), 15_000);
    await vi.waitFor(() => expect(texts.join('')).toContain('away'), 15_000);
  });

  it('go to a syslog server over another connection when it takes nothing over the one that there is', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const texts: string[] = [];
    const server = keep(createServer((socket) => socket.on('data', (piece) => texts.push(piece.toString()))));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const trouble = vi.fn();
    const { port } = server.address() as AddressInfo;
    const sink = keep(openSyslog({ protocol: 'tcp', host: '127.0.0.1', port }, trouble));
    const write = vi.spyOn(Socket.prototype, 'write').mockImplementationOnce(() => false);
    const until = async (isSo: () => boolean): Promise<void> => {
      while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
    };
    try {
      sink.add(entry('one'));
      await until(() => write.mock.calls.length > 0);
      vi.advanceTimersByTime(9900);
      expect(trouble).not.toHaveBeenCalled();
      vi.advanceTimersByTime(100);
      await until(() => trouble.mock.calls.length > 0);
      expect(trouble).toHaveBeenCalledWith('it takes nothing any more', 0);
      await until(() => vi.getTimerCount() > 0);
      vi.advanceTimersByTime(1000);
      await until(() => texts.join('').includes('one'));
      expect(trouble).toHaveBeenLastCalledWith(null, 0);
    } finally {
      write.mockRestore();
    }
  });

  it('are posted as JSON with the token, again after an error of the server, and not after a refusal', async () => {
    const seen: { body: unknown; authorization: string | undefined }[] = [];
    const answers = [200, 503, 200, 400, 200];
    const server = keep(
      createHttpServer((request: IncomingMessage, response) => {
        void json(request).then((body) => {
          seen.push({ body, authorization: request.headers.authorization });
          response.writeHead(answers.shift() ?? 200).end();
        });
      }),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/hook`;
    const trouble = vi.fn();
    const sink: EventSink = keep(openWebhook('site', { url, token: 'geheim' }, trouble));
    for (const text of ['one', 'two', 'three', 'four']) sink.add(entry(text));
    await vi.waitFor(() => expect(seen).toHaveLength(5), 15_000);
    expect(seen[0]).toMatchObject({
      body: {
        cluster: 'site',
        host: 'alpha',
        module: 'web',
        code: 'PRIMARY_SILENT',
        message: 'one',
        fields: { epoch: 7 },
      },
      authorization: 'Bearer geheim',
    });
    expect(seen.map(({ body }) => (body as LogEntry).message)).toEqual(['one', 'two', 'two', 'three', 'four']);
    await vi.waitFor(
      () =>
        expect(trouble.mock.calls).toEqual([
          ['it answered with HTTP 503', 0],
          [null, 1],
        ]),
      15_000,
    );
  });
});

describe('a queue of deliveries', () => {
  it('tries again at growing intervals, and gives up the oldest when too many wait', async () => {
    vi.useFakeTimers();
    let works = false;
    const delivered: number[] = [];
    const attempts: number[] = [];
    const trouble = vi.fn();
    const queue = keep(
      new DeliveryQueue<number>({
        deliver: (item) => {
          attempts.push(Date.now());
          if (!works) return Promise.reject(new Error('away'));
          delivered.push(item);
          return Promise.resolve();
        },
        onTrouble: trouble,
      }),
    );
    const begun = Date.now();
    for (let item = 0; item < 1500; item++) queue.add(item);
    await vi.advanceTimersByTimeAsync(8000);
    expect(attempts.map((at) => at - begun)).toEqual([0, 1000, 3000, 7000]);
    works = true;
    await vi.advanceTimersByTimeAsync(8000);
    expect(delivered).toEqual([0, ...Array.from({ length: 999 }, (_, index) => 501 + index)]);
    expect(trouble.mock.calls).toEqual([
      ['away', 500],
      [null, 500],
    ]);
  });

  it('says when nothing is under way any more, be it delivered or not to be delivered now', async () => {
    const answers: ((works: boolean) => void)[] = [];
    const delivered: number[] = [];
    const queue = keep(
      new DeliveryQueue<number>({
        deliver: async (item) => {
          if (!(await new Promise<boolean>((resolve) => answers.push(resolve)))) throw new Error('away');
          delivered.push(item);
        },
        onTrouble: vi.fn(),
      }),
    );
    await queue.delivered();
    queue.add(1);
    queue.add(2);
    const settled = queue.delivered().then(() => delivered.length);
    answers.shift()?.(true);
    await vi.waitFor(() => expect(answers).toHaveLength(1), 15_000);
    answers.shift()?.(true);
    expect(await settled).toBe(2);
    queue.add(3);
    answers.shift()?.(false);
    await queue.delivered();
    expect(delivered).toEqual([1, 2]);
  });

  it('forgets what is refused', async () => {
    const trouble = vi.fn();
    const queue = keep(
      new DeliveryQueue<number>({
        deliver: (item) => (item === 1 ? Promise.reject(new RefusedError('no')) : Promise.resolve()),
        onTrouble: trouble,
      }),
    );
    for (const item of [0, 1, 2]) queue.add(item);
    await vi.waitFor(
      () =>
        expect(trouble.mock.calls).toEqual([
          ['no', 1],
          [null, 1],
        ]),
      15_000,
    );
  });
});
