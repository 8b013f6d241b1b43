import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { get, request as httpsRequest } from 'node:https';
import { connect as netConnect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startApiServer } from '../../agent/api/apiServer.ts';
import type { ApiServer, ApiServerOptions } from '../../agent/api/apiServer.ts';
import type { AuditEntry } from '../../agent/api/audit.ts';
import { auditedAnswer } from '../../agent/api/audited.ts';
import { ApiClient } from '../../agent/api/client.ts';
import type { ApiClientEvents, ApiClientOptions } from '../../agent/api/client.ts';
import { mergeChanges } from '../../agent/api/eventOutbox.ts';
import { createAuthority, createHostCertificate } from '../../agent/security/certificates.ts';
import type { CertifiedKey, Validity } from '../../agent/security/certificates.ts';
import { ClientTokens } from '../../agent/security/clientTokens.ts';
import { SecurityError } from '../../agent/security/securityError.ts';
import type { ChangedEvent, Role } from '../../schemas/generated/api.ts';
import { MemoryFacade, moduleStatus, replicaStatus, snapshotOf } from '../support/memoryFacade.ts';

const dayMs = 24 * 3600 * 1000;
const fromNow = (days: number): Date => new Date(Date.now() + days * dayMs);

let authority: CertifiedKey;
let host: CertifiedKey;
beforeAll(async () => {
  authority = await createAuthority('site');
  host = await createHostCertificate(authority, { host: 'alpha', addresses: [] });
});

let folder: string;
let tokens: ClientTokens;
let facade: MemoryFacade;
let audit: AuditEntry[];
let internal: unknown[];
let ends: (() => unknown)[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-api-'));
  tokens = new ClientTokens(folder);
  facade = new MemoryFacade();
  audit = [];
  internal = [];
  ends = [];
});
afterEach(async () => {
  for (const end of ends.reverse()) await end();
  rmSync(folder, { recursive: true, force: true });
});

async function start(extra: Partial<ApiServerOptions> = {}): Promise<ApiServer & { readonly port: number }> {
  const server = await startApiServer({
    facade,
    tokens,
    listen: ['127.0.0.1'],
    port: 0,
    identity: { ...host, authority: authority.certificate },
    enrol: null,
    audit: (entry) => audit.push(entry),
    internalError: (error) => internal.push(error),
    warn: () => undefined,
    ...extra,
  });
  ends.push(() => server.close());
  return { ...server, port: server.addresses()[0]?.port ?? 0 };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function connect(
  port: number,
  role: Role = 'admin',
  events: ApiClientEvents = {},
  extra: Partial<ApiClientOptions> = {},
): Promise<ApiClient> {
  const token = extra.token ?? tokens.create(`t${tokens.list().length}`, role);
  const client = await ApiClient.connect(
    { host: '127.0.0.1', port, token, authority: authority.certificate, client: 'test 1', ...extra },
    events,
  );
  ends.push(() => client.close());
  return client;
}

/** A WebSocket that may say anything. */
async function rawSocket(
  port: number,
  autoPong = true,
): Promise<{
  send: (text: string | Buffer) => void;
  next: () => Promise<unknown>;
  closed: Promise<string>;
  pause: () => void;
}> {
  const token = tokens.create(`raw${tokens.list().length}`, 'admin');
  const socket = new WebSocket(`wss://127.0.0.1:${port}/`, {
    ca: authority.certificate,
    autoPong,
    headers: { authorization: `Bearer ${token}` },
  });
  ends.push(() => socket.terminate());
  const got: unknown[] = [];
  const waiting: ((message: unknown) => void)[] = [];
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as unknown;
    const waiter = waiting.shift();
    if (waiter === undefined) got.push(message);
    else waiter(message);
  });
  const closed = new Promise<string>((resolve) =>
    socket.on('close', (code, reason) => resolve(`${code} ${reason.toString()}`)),
  );
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return {
    send: (text) => socket.send(text),
    next: () => (got.length > 0 ? Promise.resolve(got.shift()) : new Promise((resolve) => waiting.push(resolve))),
    closed,
    pause: () => socket.pause(),
  };
}

const hello = (version = 1): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'session.hello',
    params: { protocolVersion: version, client: 'raw' },
  });
const refusal = (code: string, reason: RegExp): unknown =>
  expect.objectContaining({
    data: expect.objectContaining({ code, reason: expect.stringMatching(reason) as string }) as unknown,
  });

function fetchText(port: number, path: string, method = 'GET', body = ''): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({ host: '127.0.0.1', port, path, method, ca: authority.certificate }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

describe('listening', () => {
  it('is refused without TLS anywhere but on the loopback interface', async () => {
    await expect(start({ identity: null, listen: ['10.77.0.1'] })).rejects.toMatchObject({
      code: 'INSECURE',
      message: expect.stringMatching(/10\.77\.0\.1 without TLS/) as string,
    });
    await expect(start({ identity: null, listen: ['127.0.0.1', '0.0.0.0'] })).rejects.toMatchObject({
      code: 'INSECURE',
    });
    await expect(start({ identity: null, listen: ['localhost'] })).rejects.toMatchObject({ code: 'BAD_ADDRESS' });
    const { port } = await start({ identity: null });
    const client = await connect(port, 'viewer', {}, { authority: null });
    expect(client.hello.host).toBe('alpha');
  });

  it('tells which port is in use and what to do', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    ends.push(() => other.close());
    const { port } = other.address() as AddressInfo;
    await expect(start({ port })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringMatching(new RegExp(`Port ${port} on 127\\.0\\.0\\.1 is in use.*ports\\.api`)) as string,
    });
  });

  it('goes on without an address that the host does not have yet', async () => {
    const warnings: string[] = [];
    const server = await start({ listen: ['127.0.0.1', '192.0.2.1'], warn: (message) => warnings.push(message) });
    expect(server.addresses()).toHaveLength(1);
    expect(warnings).toEqual([expect.stringContaining('192.0.2.1 is no address of this host now')]);
  });

  it('follows other addresses without a break, and who is connected stays so', async () => {
    const port = await freePort();
    const named = await createHostCertificate(authority, { host: 'alpha', addresses: ['127.0.0.2', '127.0.0.3'] });
    const identity = { ...named, authority: authority.certificate };
    const server = await start({ port, identity, listen: ['127.0.0.1', '127.0.0.2', '192.0.2.1'] });
    const places = () => server.addresses().map(({ address }) => address);
    const stays = await connect(port);
    const goes = await connect(port, 'admin', {}, { host: '127.0.0.2' });
    await server.change(['127.0.0.3', '127.0.0.1']);
    expect(places()).toEqual(['127.0.0.1', '127.0.0.3']);
    expect((await connect(port, 'admin', {}, { host: '127.0.0.3' })).hello.host).toBe('alpha');
    await expect(connect(port, 'admin', {}, { host: '127.0.0.2' })).rejects.toThrow(
      /Nothing listens at .*127\.0\.0\.2/,
    );
    for (const client of [stays, goes]) await client.call('module.start', { module: 'web' });
    await expect(server.change(['localhost', '127.0.0.4'])).rejects.toMatchObject({ code: 'BAD_ADDRESS' });
    expect(places()).toEqual(['127.0.0.4']);
  });
});

describe('who gets in', () => {
  it.each([
    ['an unknown token', { token: 'x'.repeat(43) }, /token is not known here.*token create/],
    ['a token that is none', { token: '-' }, /token is not known/],
  ])('not with %s', async (_name, extra, message) => {
    const { port } = await start();
    await expect(connect(port, 'admin', {}, extra)).rejects.toThrow(message);
    expect(audit).toEqual([
      expect.objectContaining({
        what: 'connect',
        outcome: 'refused',
        code: 'NOT_AUTHENTICATED',
        from: expect.stringContaining('127.0.0.1:') as string,
      }),
    ]);
  });

  it('not with no token at all', async () => {
    const { port } = await start();
    const socket = new WebSocket(`wss://127.0.0.1:${port}/`, { ca: authority.certificate });
    const status = await new Promise((resolve) =>
      socket
        .on('unexpected-response', (_request, response) => resolve(response.statusCode))
        .on('error', () => undefined),
    );
    expect(status).toBe(401);
    socket.terminate();
  });

  it('nobody at an address that makes too many connections', async () => {
    const asked: string[] = [];
    let admits = true;
    const { port } = await start({ admits: (address) => asked.push(address) > 0 && admits });
    const shakesHands = (): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = connectTls({ host: '127.0.0.1', port, ca: authority.certificate });
        ends.push(() => socket.destroy());
        socket.once('secureConnect', () => resolve(true));
        socket.on('error', () => resolve(false));
      });
    expect(await shakesHands()).toBe(true);
    admits = false;
    expect(await shakesHands()).toBe(false);
    admits = true;
    expect(await shakesHands()).toBe(true);
    expect(asked).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.1']);
  });

  it('not any more once the token is revoked', async () => {
    const { port } = await start();
    const client = await connect(port, 'operator');
    new ClientTokens(folder).revoke('t0');
    await expect(client.call('module.start', { module: 'web' })).rejects.toThrow(/revoked/);
    expect(facade.commands).toEqual([]);
  });

  it('with the version of the protocol that the agent speaks', async () => {
    const { port } = await start();
    const socket = await rawSocket(port);
    socket.send(hello(9));
    expect(await socket.next()).toMatchObject({
      id: 1,
      error: refusal(
        'PROTOCOL_VERSION',
        /client speaks protocol version 9, the agent of alpha version 1: update the agent/,
      ),
    });
    expect(await socket.closed).toMatch(/^1008 The client speaks/);
  });

  it('and says who it is', async () => {
    const { port } = await start();
    expect((await connect(port, 'operator')).hello).toEqual({
      protocolVersion: 1,
      agentVersion: '0.1.0',
      host: 'alpha',
      cluster: 'site',
      role: 'operator',
    });
  });
});

describe('the client', () => {
  const validities: readonly [string, Validity, RegExp][] = [
    ['expired', { notBefore: fromNow(-9), notAfter: fromNow(-1) }, /has expired/],
    ['not yet valid', { notBefore: fromNow(1), notAfter: fromNow(9) }, /is not valid yet/],
  ];
  it.each(validities)('refuses a certificate that is %s', async (_name, validity, message) => {
    const own = await createHostCertificate(authority, { host: 'alpha', addresses: [] }, validity);
    const { port } = await start({ identity: { ...own, authority: authority.certificate } });
    await expect(connect(port)).rejects.toThrow(message);
  });

  it('refuses a certificate of another authority', async () => {
    const other = await createAuthority('site');
    const own = await createHostCertificate(other, { host: 'alpha', addresses: [] });
    const { port } = await start({ identity: { ...own, authority: other.certificate } });
    await expect(connect(port)).rejects.toThrow(/by another authority/);
  });

  it('says so when nothing listens', async () => {
    const server = await start();
    await server.close();
    const { port } = server;
    await expect(connect(port)).rejects.toMatchObject({
      name: 'UnreachableError',
      message: expect.stringMatching(/Nothing listens.*agent running/) as string,
    });
  });

  it('gives up on a port that never answers', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    ends.push(() => silent.close());
    const { port } = silent.address() as AddressInfo;
    await expect(connect(port, 'admin', {}, { connectTimeoutMs: 100 })).rejects.toMatchObject({
      name: 'TimedOutError',
    });
  });

  it('is told when the agent stops', async () => {
    const server = await start();
    const { port } = server;
    const lost = new Promise<Error>(
      (resolve) => void connect(port, 'viewer', { lost: resolve }).then(() => server.close()),
    );
    expect((await lost).message).toMatch(/the agent stops/);
  });

  it('is not waited for when it is gone without a word', async () => {
    const server = await start();
    const { pause } = await rawSocket(server.port);
    pause();
    const mute = netConnect(server.port, '127.0.0.1');
    ends.push(() => mute.destroy());
    await once(mute, 'connect');
    const before = performance.now();
    await server.close();
    expect(performance.now() - before).toBeLessThan(4000);
  });
});

describe('messages', () => {
  it('must be requests, and the first one hello', async () => {
    const { port } = await start();
    const socket = await rawSocket(port);
    socket.send('nonsense');
    expect(await socket.next()).toMatchObject({ id: null, error: { code: -32700 } });
    socket.send('[]');
    expect(await socket.next()).toMatchObject({ id: null, error: { code: -32600 } });
    socket.send('{"jsonrpc":"2.0","id":4,"method":"cluster.snapshot","extra":1}');
    expect(await socket.next()).toMatchObject({ id: 4, error: refusal('BAD_REQUEST', /unknown key "extra"/) });
    socket.send('{"jsonrpc":"2.0","method":"cluster.snapshot"}');
    expect(await socket.next()).toMatchObject({ id: null, error: refusal('BAD_REQUEST', /needs an id/) });
    socket.send('{"jsonrpc":"2.0","id":5,"method":"cluster.snapshot"}');
    expect(await socket.next()).toMatchObject({ id: 5, error: refusal('BAD_REQUEST', /session.hello comes first/) });
    socket.send(hello());
    expect(await socket.next()).toMatchObject({ id: 1, result: { host: 'alpha' } });
    socket.send('{"jsonrpc":"2.0","id":6,"method":"module.explode"}');
    expect(await socket.next()).toMatchObject({ id: 6, error: { code: -32601, data: { code: 'UNKNOWN_METHOD' } } });
    socket.send('{"jsonrpc":"2.0","id":7,"method":"toString"}');
    expect(await socket.next()).toMatchObject({ id: 7, error: { code: -32601 } });
    socket.send('{"jsonrpc":"2.0","id":8,"method":"module.start","params":{"module":3}}');
    expect(await socket.next()).toMatchObject({
      id: 8,
      error: {
        code: -32602,
        data: { code: 'BAD_REQUEST', reason: expect.stringMatching(/module must be string/) as string },
      },
    });
    socket.send('{"jsonrpc":"2.0","id":9,"method":"log.read","params":{"limit":0}}');
    expect(await socket.next()).toMatchObject({ id: 9, error: { code: -32602 } });
    expect(facade.commands).toEqual([]);
  });

  it('are cut off when they are too long, binary, or nonsense without end', async () => {
    const { port } = await start();
    const long = await rawSocket(port);
    long.send(' '.repeat(1024 * 1024 + 1));
    expect(await long.closed).toMatch(/^1009/);
    const binary = await rawSocket(port);
    binary.send(Buffer.from('{}'));
    expect(await binary.closed).toMatch(/^1003/);
    const babble = await rawSocket(port);
    for (let index = 0; index < 10; index += 1) babble.send('?');
    expect(await babble.closed).toMatch(/^1008 too many/);
    // Nobody else is disturbed.
    expect((await connect(port)).hello.host).toBe('alpha');
  });

  it('must begin soon, and pings be answered', async () => {
    const impatient = await start({ patienceMs: 100 });
    const mute = await rawSocket(impatient.port);
    expect(await mute.closed).toMatch(/^1008 session.hello did not come/);
    // Time enough for a greeting and a pong, whatever else the machine does.
    const { port } = await start({ patienceMs: 1000 });
    const dead = await rawSocket(port, false);
    dead.send(hello());
    const alive = await rawSocket(port);
    alive.send(hello());
    await alive.next();
    // By then the other one has been asked as often, too.
    expect(await dead.closed).toMatch(/^1006/);
    await new Promise((resolve) => setTimeout(resolve, 500));
    alive.send('{"jsonrpc":"2.0","id":2,"method":"cluster.snapshot"}');
    expect(await alive.next()).toMatchObject({ id: 2, result: { cluster: 'site' } });
  });

  it('never carry what failed inside of the agent', async () => {
    const { port } = await start();
    const client = await connect(port);
    facade.answer = () => {
      throw new Error('/secret/path leaked');
    };
    await expect(client.call('module.stop', { module: 'web' })).rejects.toThrow(
      'The agent failed to carry out module.stop: its log says why.',
    );
    expect(String(internal[0])).toContain('/secret/path');
    // An answer that is not what the schema says is a failure as well.
    facade.state = { ...snapshotOf(), revision: 'one' as unknown as number };
    await expect(client.call('cluster.snapshot', {})).rejects.toThrow(/failed to carry out cluster.snapshot/);
  });
});

describe('commands', () => {
  it('are carried out for operators and recorded with who and from where', async () => {
    const { port } = await start();
    const client = await connect(port, 'operator');
    await client.call('module.start', { module: 'web' });
    await client.call('module.stop', { module: 'web' });
    await client.call('module.switchover', { module: 'web' });
    expect((await client.call('module.switchover', { module: 'web', to: 'beta' })).message).toBe(
      'switchover web to beta done',
    );
    expect(facade.commands).toEqual([
      't0: start web',
      't0: stop web',
      't0: switchover web to the other host',
      't0: switchover web to beta',
    ]);
    expect(audit).toHaveLength(4);
    expect(audit[3]).toMatchObject({
      who: 't0',
      role: 'operator',
      what: 'module.switchover',
      parameters: { module: 'web', to: 'beta' },
      outcome: 'done',
    });
    expect(audit[3]?.from).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it('are recorded whatever they are about; what only looks is not', async () => {
    const { port } = await start();
    const operator = await connect(port, 'operator');
    const admin = await connect(port, 'admin');
    const files = [{ name: 'web.module.jsonc', text: '{}' }];
    await operator.call('host.drain', { host: 'alpha' });
    await operator.call('host.testFence', { host: 'alpha' });
    await expect(operator.call('host.fence', { host: 'alpha', confirm: 'alpha' })).rejects.toThrow(/role admin/);
    await admin.call('agent.upgrade', { onlyLook: true });
    await admin.call('agent.upgrade', {});
    await admin.call('configuration.apply', { files, dryRun: true });
    await admin.call('configuration.apply', { files });
    const problem = { host: 'beta', file: null, line: 1, column: 1, severity: 'error', message: 'no' } as const;
    facade.files.problems = [problem];
    await admin.call('configuration.apply', { files });
    await admin.call('configuration.restore', { number: 0, dryRun: true });
    await operator.call('configuration.read', { number: 0 });
    await operator.call('log.read', {});
    expect(audit.map(({ what, outcome, code, message }) => `${what} ${outcome} ${code ?? '-'} ${message}`)).toEqual([
      'host.drain done - drain alpha done',
      'host.testFence done - testFence alpha done',
      expect.stringMatching(/^host\.fence refused ROLE_TOO_LOW /),
      'agent.upgrade done - upgrade done',
      'configuration.apply done - version 1 is applied on alpha, beta',
      'configuration.apply refused NOT_APPLIED nothing was applied on any host',
    ]);
    expect(audit.at(-1)?.parameters).toEqual({ files: 'web.module.jsonc' });
    const nothingToDo = { applied: false, problems: [], message: 'all hosts run by these files already' };
    expect(auditedAnswer(nothingToDo).outcome).toBe('done');
  });

  it('need the role', async () => {
    const { port } = await start();
    const viewer = await connect(port, 'viewer');
    await expect(viewer.call('module.start', { module: 'web' })).rejects.toMatchObject({
      refusal: { code: 'ROLE_TOO_LOW', numbers: { needed: 'operator', role: 'viewer' } },
    });
    expect((await viewer.call('cluster.snapshot', {})).cluster).toBe('site');
    const operator = await connect(port, 'operator');
    await expect(operator.call('module.forcePrimary', { module: 'web', host: 'beta', confirm: 'web' })).rejects.toThrow(
      /needs the role admin/,
    );
    expect(facade.commands).toEqual([]);
    expect(audit.map(({ outcome, code }) => `${outcome} ${code ?? ''}`)).toEqual([
      'refused ROLE_TOO_LOW',
      'refused ROLE_TOO_LOW',
    ]);
  });

  it('force a primary only when the module is named', async () => {
    const { port } = await start();
    const client = await connect(port);
    await expect(
      client.call('module.forcePrimary', { module: 'web', host: 'beta', confirm: 'yes' }),
    ).rejects.toMatchObject({ refusal: { code: 'CONFIRMATION' } });
    expect(facade.commands).toEqual([]);
    await client.call('module.forcePrimary', { module: 'web', host: 'beta', confirm: 'web' });
    expect(facade.commands).toEqual(['t0: force web on beta']);
  });

  it('settle a divergence only when the module is named, and only for admins', async () => {
    const { port } = await start();
    const operator = await connect(port, 'operator');
    const params = { module: 'web', keep: 'beta', confirm: 'web' };
    await expect(operator.call('module.resolve', params)).rejects.toThrow(/needs the role admin/);
    const client = await connect(port);
    await expect(client.call('module.resolve', { ...params, confirm: 'yes' })).rejects.toMatchObject({
      refusal: { code: 'CONFIRMATION' },
    });
    expect(facade.commands).toEqual([]);
    await client.call('module.resolve', params);
    expect(facade.commands).toEqual([expect.stringMatching(/: resolve web keeping beta$/)]);
  });

  it('compare replicas for an operator, as the file of the module says when nothing else is said', async () => {
    const { port } = await start();
    const viewer = await connect(port, 'viewer');
    await expect(viewer.call('module.verify', { module: 'web' })).rejects.toThrow(/needs the role operator/);
    const operator = await connect(port, 'operator');
    await operator.call('module.verify', { module: 'web' });
    await operator.call('module.verify', { module: 'web', bandwidth: null });
    await operator.call('module.verify', { module: 'web', stop: true });
    expect(facade.commands.map((each) => each.replace(/^.*?: /, ''))).toEqual([
      'verify web at the rate of its file',
      'verify web at any rate',
      'stop the verify of web',
    ]);
  });

  it('begin and end a maintenance for an operator', async () => {
    const { port } = await start();
    const begin = { module: 'web', forSeconds: 90 };
    await expect((await connect(port, 'viewer')).call('module.maintenance', begin)).rejects.toThrow(/role operator/);
    const operator = await connect(port, 'operator');
    await operator.call('module.maintenance', begin);
    await operator.call('module.maintenance', { module: 'web', end: true });
    for (const params of [{ module: 'web' }, { ...begin, end: true }, { module: 'web', end: true, reason: 'x' }]) {
      await expect(operator.call('module.maintenance', params)).rejects.toThrow(/either forSeconds/);
    }
    expect(facade.commands.map((each) => each.replace(/^.*?: /, ''))).toEqual([
      'maintain web for 90000 ms',
      'end the maintenance of web',
    ]);
  });

  it('drain a host for an operator, and undrain it', async () => {
    const { port } = await start();
    const viewer = await connect(port, 'viewer');
    const operator = await connect(port, 'operator');
    await expect(viewer.call('host.drain', { host: 'alpha' })).rejects.toThrow(/needs the role operator/);
    await operator.call('host.drain', { host: 'alpha' });
    await operator.call('host.undrain', { host: 'alpha' });
    expect(facade.commands.map((each) => each.replace(/^.*?: /, ''))).toEqual(['drain alpha', 'undrain alpha']);
  });

  it('try the fencing of a host for an operator, and do it for an administrator only', async () => {
    const { port } = await start();
    const operator = await connect(port, 'operator');
    const admin = await connect(port, 'admin');
    await operator.call('host.testFence', { host: 'alpha' });
    const fence = { host: 'alpha', confirm: 'alpha' };
    await expect(operator.call('host.fence', fence)).rejects.toThrow(/needs the role admin/);
    await admin.call('host.fence', fence);
    expect(facade.commands.map((each) => each.replace(/^.*?: /, ''))).toEqual([
      'testFence alpha',
      'fence alpha confirmed by alpha',
    ]);
  });

  it('pause a resync for an operator who confirms it with the name, resume it, and change its bandwidth', async () => {
    const { port } = await start();
    const viewer = await connect(port, 'viewer');
    const resume = { module: 'web', action: 'resume' as const };
    await expect(viewer.call('module.resync', resume)).rejects.toThrow(/needs the role operator/);
    const operator = await connect(port, 'operator');
    await expect(operator.call('module.resync', { module: 'web', action: 'pause' })).rejects.toMatchObject({
      refusal: { code: 'CONFIRMATION', reason: expect.stringContaining('no second replica') as string },
    });
    await expect(operator.call('module.resync', { module: 'web' })).rejects.toThrow(/an action or a bandwidth/);
    await operator.call('module.resync', { module: 'web', action: 'pause', confirm: 'web' });
    await operator.call('module.resync', { ...resume, bandwidth: null });
    await operator.call('module.resync', resume);
    await operator.call('module.resync', { module: 'web', bandwidth: 'adaptive' });
    expect(facade.commands.map((each) => each.replace(/^.*?: /, ''))).toEqual([
      'pause the resync of web',
      'resume the resync of web at any rate',
      'resume the resync of web',
      'pace the resync of web at adaptive',
    ]);
  });

  it('are refused with the code, the reason and the numbers of the agent', async () => {
    const { port } = await start();
    const client = await connect(port);
    facade.answer = () => ({
      ok: false,
      refusal: { code: 'NOT_HEALTHY', reason: 'beta is not in sync.', numbers: { bytesLeft: 7 } },
    });
    await expect(client.call('module.switchover', { module: 'web' })).rejects.toMatchObject({
      refusal: { code: 'NOT_HEALTHY', reason: 'beta is not in sync.', numbers: { bytesLeft: 7 } },
    });
  });
});

describe('subscriptions', () => {
  it('begin with the present state and go on with what changes', async () => {
    const { port } = await start();
    const changes: ChangedEvent[] = [];
    let gotLog: (text: string) => void = () => undefined;
    const logged = new Promise<string>((resolve) => (gotLog = resolve));
    const client = await connect(port, 'viewer', {
      changed: (event) => changes.push(event),
      log: ({ entries }) => gotLog(entries.map(({ message }) => message).join()),
    });
    expect((await client.call('cluster.subscribe', { log: true })).revision).toBe(1);
    facade.change([moduleStatus('web', { primary: 'beta' })]);
    facade.append('one');
    facade.append('two');
    expect(await logged).toBe('one,two');
    expect(changes.map(({ revision, modules }) => `${revision} ${modules[0]?.primary}`)).toEqual(['2 beta']);
    client.close();
    await expect.poll(() => facade.listeners).toBe(0);
  });

  it('merge what comes faster than it is sent', () => {
    const base: ChangedEvent = { revision: 1, time: '', arbiter: snapshotOf().arbiter, hosts: [], modules: [] };
    const merged = mergeChanges(
      { ...base, modules: [moduleStatus('web', { epoch: 1 }), moduleStatus('db')] },
      { ...base, revision: 2, modules: [moduleStatus('web', { epoch: 2 })] },
    );
    expect(merged.revision).toBe(2);
    expect(merged.modules.map(({ name, epoch }) => `${name} ${epoch}`)).toEqual(['web 2', 'db 7']);
  });

  it('send a burst of changes as few messages, the last of which is true', async () => {
    const { port } = await start();
    const changes: ChangedEvent[] = [];
    const client = await connect(port, 'viewer', { changed: (event) => changes.push(event) });
    await client.call('cluster.subscribe', {});
    for (let epoch = 8; epoch < 508; epoch += 1) facade.change([moduleStatus('web', { epoch })]);
    await expect.poll(() => changes.at(-1)?.modules[0]?.epoch).toBe(507);
    expect(changes.length).toBeLessThan(50);
  });

  it('end for a client that does not read', async () => {
    const { port } = await start();
    const socket = await rawSocket(port);
    socket.send(hello());
    await socket.next();
    socket.send('{"jsonrpc":"2.0","id":2,"method":"cluster.subscribe","params":{"log":true}}');
    await socket.next();
    for (let index = 0; index < 6000; index += 1) facade.append('x');
    expect(await socket.closed).toMatch(/^1013 too slow/);
    expect(facade.listeners).toBe(0);
  });
});

describe('the log', () => {
  it('is read by module and length', async () => {
    const { port } = await start();
    facade.append('a');
    facade.append('b', 'web');
    facade.append('c', 'web');
    const client = await connect(port, 'viewer');
    expect((await client.call('log.read', {})).entries.map(({ message }) => message)).toEqual(['a', 'b', 'c']);
    expect((await client.call('log.read', { module: 'web', limit: 1 })).entries.map(({ message }) => message)).toEqual([
      'c',
    ]);
  });
});

describe('plain HTTPS', () => {
  it('tells health, and readiness only where the module is served', async () => {
    const { port } = await start();
    expect(await fetchText(port, '/healthz')).toMatchObject({
      status: 200,
      text: expect.stringContaining('alpha') as string,
    });
    expect((await fetchText(port, '/ready/web')).status).toBe(200);
    facade.state = snapshotOf([moduleStatus('web', { primary: 'beta' })]);
    expect((await fetchText(port, '/ready/web')).status).toBe(503);
    expect((await fetchText(port, '/ready/db')).status).toBe(404);
    expect((await fetchText(port, '/')).status).toBe(404);
    expect((await fetchText(port, '/healthz', 'DELETE')).status).toBe(405);
  });

  it('gives metrics, two primaries among them', async () => {
    const { port } = await start();
    const calm = await fetchText(port, '/metrics');
    for (const line of [
      'understudy_primaries_believed{module="web"} 1',
      'understudy_module_epoch{module="web"} 7',
      'understudy_module_state{module="web",host="beta",state="SECOND"} 1',
      'understudy_unacknowledged_writes{module="web",host="alpha"} 2',
      'understudy_marked_bytes{module="web",host="alpha"} 65536',
      'understudy_network_up{host="beta",network="link"} 0',
    ]) {
      expect(calm.text.split('\n')).toContain(line);
    }
    const check = { name: 'tcp "a":80', since: '', error: null, onFailure: 'report' as const };
    const conditions = [{ name: 'gateway', state: 'failed' as const, since: '', error: 'no answer' }];
    const checks = [
      { ...check, state: 'failed' as const },
      { ...check, name: 'ping a', state: 'failing' as const },
    ];
    facade.state = snapshotOf([
      moduleStatus('web', {
        onHosts: [replicaStatus('alpha', 'ALONE', { conditions }), replicaStatus('beta', 'PRIM', { checks })],
      }),
    ]);
    const { text } = await fetchText(port, '/metrics');
    expect(text).toContain('understudy_primaries_believed{module="web"} 2\n');
    expect(text).toContain('understudy_check_failed{module="web",host="beta",check="tcp \\"a\\":80"} 1\n');
    expect(text).toContain('understudy_check_failed{module="web",host="beta",check="ping a"} 0\n');
    expect(text).toContain('understudy_condition_unmet{module="web",host="alpha",condition="gateway"} 1\n');
    expect(text).toContain('understudy_start_held_back{module="web",host="alpha"} 0\n');
    const heldBack = 'beta has no room for web';
    facade.state = snapshotOf([moduleStatus('web', { onHosts: [replicaStatus('beta', 'WAIT', { heldBack })] })]);
    const held = await fetchText(port, '/metrics');
    expect(held.text).toContain('understudy_start_held_back{module="web",host="beta"} 1\n');
  });

  it('counts events in the metrics, those that alarms wait for from 0 on, and tells of the last failover', async () => {
    const { port } = await start();
    const lastFailover = {
      kind: 'failover' as const,
      at: '2026-11-22T11:00:00.500Z',
      ...{ from: 'beta', to: 'alpha', cause: 'beta was silent', durationMs: 3100, epoch: 7 },
    };
    const elsewhere = moduleStatus('mail', { hosts: ['beta', 'gamma'] });
    facade.state = snapshotOf([moduleStatus('web', { lastFailover }), moduleStatus('db'), elsewhere]);
    facade.counts = [
      { module: 'web', level: 'warn', code: 'FAILED_OVER', count: 2 },
      { module: null, level: 'warn', code: 'HOST_SUSPECT', count: 5 },
    ];
    const lines = (await fetchText(port, '/metrics')).text.split('\n');
    expect(lines.filter((line) => /FAILED_OVER|HOST_SUSPECT/.test(line))).toEqual([
      'understudy_events_total{module="db",level="warn",code="FAILED_OVER"} 0',
      'understudy_events_total{module="web",level="warn",code="FAILED_OVER"} 2',
      'understudy_events_total{level="warn",code="HOST_SUSPECT"} 5',
    ]);
    expect(lines).toContain('understudy_events_total{module="web",level="warn",code="PEER_FENCED"} 0');
    expect(lines.filter((line) => line.startsWith('# TYPE understudy_events_total'))).toEqual([
      '# TYPE understudy_events_total counter',
    ]);
    expect(lines.filter((line) => line.startsWith('understudy_last_failover_timestamp_seconds'))).toEqual([
      'understudy_last_failover_timestamp_seconds{module="web",kind="failover"} 1795345200.5',
    ]);
  });

  it('gives no metrics of what a host did when it was heard last, but for what stays as it is', async () => {
    const { port } = await start();
    const traffic = {
      ...{ writesPerSecond: 1, bytesPerSecond: 4096, flushesPerSecond: 1, unacknowledged: 2, lagMicros: 850 },
      markedBytes: 65536,
    };
    const diverged = { since: 5, epoch: 6, from: 'alpha', fromEpoch: 7 };
    const last = { known: false, traffic, diverged, diskError: { code: 'EIO', at: '' } };
    facade.state = snapshotOf([
      moduleStatus('web', { onHosts: [replicaStatus('alpha', 'ALONE'), replicaStatus('beta', 'PRIM', last)] }),
    ]);
    const { text } = await fetchText(port, '/metrics');
    const ofBeta = text.split('\n').filter((line) => line.includes('module="web",host="beta"'));
    expect(ofBeta).toEqual(['understudy_disk_failed{module="web",host="beta"} 1']);
    expect(text).toContain('understudy_diverged{module="web"} 1\n');
    expect(text).toContain('understudy_module_state{module="web",host="alpha",state="ALONE"} 1\n');
  });

  it('tells how long the certificates are good for that it has seen', async () => {
    const { hosts, time, ...state } = snapshotOf();
    const certificateEnd = new Date(Date.parse(time) + 90_500).toISOString();
    facade.state = {
      ...state,
      time,
      hosts: hosts.map((host) => (host.name === 'beta' ? { ...host, certificateEnd } : host)),
    };
    const { port } = await start();
    const { text } = await fetchText(port, '/metrics');
    expect(text.match(/^understudy_certificate_seconds_left.*$/gm)).toEqual([
      'understudy_certificate_seconds_left{host="beta"} 91',
    ]);
  });

  it('shows another certificate from the moment on that it has one, and keeps its sessions', async () => {
    const server = await start();
    const { port } = server;
    const client = await connect(port);
    const shown = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connectTls({ host: '127.0.0.1', port, ca: authority.certificate }, () => {
          resolve(socket.getPeerCertificate().fingerprint256);
          socket.destroy();
        }).once('error', reject);
      });
    const printOf = ({ certificate }: CertifiedKey): string => new X509Certificate(certificate).fingerprint256;
    expect(await shown()).toBe(printOf(host));
    const own = await createHostCertificate(authority, { host: 'alpha', addresses: [] });
    server.renew({ ...own, authority: authority.certificate });
    expect(await shown()).toBe(printOf(own));
    await expect(client.call('cluster.snapshot', {})).resolves.toMatchObject({ cluster: 'site' });
  });

  it('enrols a host through the function of the agent, and refuses anything else', async () => {
    const params = { host: 'beta', secret: 's'.repeat(43), request: 'PEM' };
    const none = await start();
    expect(await fetchText(none.port, '/enrol', 'POST', JSON.stringify(params))).toMatchObject({ status: 409 });
    const asked: unknown[] = [];
    const { port } = await start({
      enrol: (given) => {
        asked.push(given);
        return given.host === 'beta'
          ? Promise.resolve({
              certificate: 'C',
              authority: 'A',
              cluster: { name: 's.cluster.jsonc', text: '{}' },
              modules: [],
              tokens: [],
            })
          : Promise.reject(new SecurityError('TOKEN_USED', 'This join token has been used already.'));
      },
    });
    const post = (body: string): Promise<{ status: number; text: string }> => fetchText(port, '/enrol', 'POST', body);
    expect((await post(JSON.stringify(params))).status).toBe(200);
    expect(await post(JSON.stringify({ ...params, host: 'gamma' }))).toEqual({
      status: 403,
      text: 'This join token has been used already.\n',
    });
    expect((await post('{')).status).toBe(400);
    expect((await post('{"host":"beta"}')).status).toBe(400);
    expect((await post(`{"x":"${'x'.repeat(70_000)}"}`)).status).toBe(413);
    expect((await fetchText(port, '/enrol')).status).toBe(405);
    expect(asked).toHaveLength(2);
    expect(audit.filter(({ what }) => what === 'enrol').map(({ outcome }) => outcome)).toEqual(['done', 'refused']);
  });

  it('makes no error of one who breaks off while enrolling', async () => {
    const { port } = await start({ enrol: () => Promise.reject(new Error('not asked for')) });
    const socket = connectTls({ host: '127.0.0.1', port, ca: authority.certificate });
    await once(socket, 'secureConnect');
    socket.write('POST /enrol HTTP/1.1\r\nhost: alpha\r\ncontent-length: 100\r\n\r\n{');
    await fetchText(port, '/healthz');
    socket.destroy();
    // Whoever comes later is answered after that was noticed.
    await fetchText(port, '/healthz');
    expect(internal).toEqual([]);
  });

  it('sends the certificate of the authority along, for those who know its fingerprint only', async () => {
    const { port } = await start();
    const sent = await new Promise((resolve, reject) => {
      const request = get(
        { host: '127.0.0.1', port, path: '/healthz', rejectUnauthorized: false, agent: false },
        (response) => {
          const socket = response.socket as TLSSocket;
          resolve(socket.getPeerCertificate(true).issuerCertificate.subject.CN);
          response.resume();
        },
      );
      request.on('error', reject);
    });
    expect(sent).toBe('Understudy site');
  });
});
