import { once } from 'node:events';
import { connect as connectPlain, createServer as createPlainServer, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { encodeMessage, MessageDecoder } from '../../agent/host/framing.ts';
import type { LinkModule } from '../../schemas/generated/link.ts';
import { agentProtocolVersion } from '../../schemas/protocolVersion.ts';
import { HostLinks } from '../../agent/host/hostLinks.ts';
import type { LinkAllowance } from '../../agent/host/linkAllowance.ts';
import type { HostLinksOptions } from '../../agent/host/linkOptions.ts';
import { listenWhenThere } from '../../agent/host/linkListener.ts';
import { UnreachableError } from '../../agent/host/linkRequests.ts';
import {
  type CertifiedKey,
  createAuthority,
  createHostCertificate,
  type Validity,
} from '../../agent/security/certificates.ts';
import type { Identity } from '../../agent/security/identity.ts';
import { agentClientOptions, agentServerOptions, explainTlsError, peerHost } from '../../agent/security/tlsOptions.ts';

const alpha = {
  name: 'alpha',
  addresses: [
    { network: 'lan', address: '127.0.10.1' },
    { network: 'link', address: '127.0.11.1' },
  ],
};
const beta = {
  name: 'beta',
  addresses: [
    { network: 'lan', address: '127.0.10.2' },
    { network: 'link', address: '127.0.11.2' },
  ],
};

const onLan = (name: string, address: string) => ({ name, addresses: [{ network: 'lan', address }] });

const version = { number: 0, hash: '', files: {}, edited: [], problem: null };

let port = 24811;
let authority: CertifiedKey;
const identities = new Map<string, Identity>();

async function identityOf(host: string, by: CertifiedKey = authority, validity?: Validity): Promise<Identity> {
  const { certificate, key } = await createHostCertificate(by, { host, addresses: [] }, validity);
  return { host, certificate, key, authority: by.certificate, expires: new Date(Date.now() + 86_400_000) };
}

function identity(host: string): Identity {
  const found = identities.get(host);
  if (!found) throw new Error(`no identity of ${host}`);
  return found;
}

beforeAll(async () => {
  authority = await createAuthority('site');
  for (const host of ['alpha', 'beta']) identities.set(host, await identityOf(host));
});

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.stop()));
  port += 1;
});

function endLater(end: () => void): void {
  open.push({
    stop: () => {
      end();
      return Promise.resolve();
    },
  });
}

function links(
  self: typeof alpha,
  other: typeof alpha,
  changes: Partial<HostLinksOptions> = {},
  own = identity(self.name),
  takesModules = true,
): HostLinks {
  const made = new HostLinks({
    cluster: 'site',
    agentVersion: '1.2.3',
    ...(takesModules && { capacity: { cpu: 2, memoryBytes: 2 ** 30 } }),
    self,
    others: [other],
    port,
    heartbeatMs: 50,
    detectionMs: 3000,
    security: {
      serverOptions: () => agentServerOptions(own),
      clientOptions: (host) => agentClientOptions(own, host),
      peerHost: (socket) => peerHost(socket, [other.name]),
      explain: explainTlsError,
    },
    modules: () => ({}),
    version: () => version,
    onHeartbeat: () => undefined,
    onAnswered: () => undefined,
    onRequest: () => Promise.resolve({}),
    onReachable: () => undefined,
    onLiveness: () => undefined,
    log: () => undefined,
    ...changes,
  });
  open.push(made);
  return made;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function moduleShowing(shown: object): LinkModule {
  const flags = { able: true, serverRunning: false, consistent: true, content: false };
  const desired = { value: 'started', sequence: 1 } as const;
  const status: LinkModule['status'] = {
    role: 'none',
    link: 'none',
    ...flags,
    desired,
    record: null,
    lineage: [],
    endpoint: null,
  };
  return { status, shown, lastFailover: null, lastResync: null };
}

const rawHello = {
  type: 'hello',
  protocolVersion: agentProtocolVersion,
  agentVersion: '1',
  host: 'beta',
  cluster: 'site',
} as const;

/** A connection of beta's to alpha that may say anything. */
async function rawBeta(network: 'lan' | 'link' = 'lan'): Promise<TLSSocket> {
  const [host, localAddress] = network === 'lan' ? ['127.0.10.1', '127.0.10.2'] : ['127.0.11.1', '127.0.11.2'];
  const to = { host, localAddress, port };
  const socket = connectTls({ ...agentClientOptions(identity('beta'), 'alpha'), ...to });
  socket.on('error', () => undefined);
  socket.resume();
  endLater(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

/** Beta, where it is reached through relays. */
const relayedBeta = {
  name: 'beta',
  addresses: [
    { network: 'lan', address: '127.0.10.3' },
    { network: 'link', address: '127.0.11.3' },
  ],
};

/** A network between two addresses, which can be held up or ended. */
async function relay(from: string, to: string): Promise<{ hold: () => void; end: () => void }> {
  const ends: Socket[] = [];
  const server = createPlainServer((near) => {
    const far = connectPlain({ host: to, port });
    for (const socket of [near, far]) ends.push(socket.on('error', () => undefined));
    near.pipe(far).pipe(near);
  });
  server.listen(port, from);
  await once(server, 'listening');
  const end = (): void => {
    server.close();
    for (const socket of ends) socket.destroy();
  };
  endLater(end);
  const hold = (): void => {
    for (const socket of ends) socket.unpipe().pause();
  };
  return { hold, end };
}

/** Connections by nobody of the cluster. */
function strangersAt(address: string, count: number, text = ''): { ended: () => number } {
  const sockets = Array.from({ length: count }, () => connectPlain({ host: address, port }));
  for (const socket of sockets) {
    socket.on('error', () => undefined);
    socket.resume().write(text);
  }
  endLater(() => {
    for (const socket of sockets) socket.destroy();
  });
  return { ended: () => sockets.filter(({ closed }) => closed).length };
}

/** Beta, as a program that takes no modules. */
function witnessLinks(changes: Partial<HostLinksOptions>): HostLinks {
  return links(beta, alpha, changes, identity('beta'), false);
}

describe('links between agents', () => {
  it('hears heartbeats over every network, measures their answers, and carries requests', async () => {
    const answered = vi.fn();
    const a = links(alpha, beta, { onAnswered: answered });
    const b = links(beta, alpha, { onRequest: (host, method, params) => Promise.resolve({ host, method, ...params }) });
    await Promise.all([a.start(), b.start()]);
    await vi.waitFor(
      () => expect(a.networks('beta').every((network) => network.up && network.rttMs !== null)).toBe(true),
      5000,
    );
    expect(answered.mock.calls[0]?.[0]).toBe('beta');
    expect(a.version('beta')).toBe('1.2.3');
    await expect(a.request('beta', 'arbiter.read', { module: 'web' }, 1000)).resolves.toEqual({
      host: 'alpha',
      method: 'arbiter.read',
      module: 'web',
    });
  });

  it('keeps its connections when this process stood still: what was sent meanwhile is not read yet', async () => {
    const lost: string[] = [];
    const log: HostLinksOptions['log'] = (_level, code, message) => code === 'LINK_DOWN' && lost.push(message);
    const [a, b] = [links(alpha, beta, { log }), links(beta, alpha, { log })];
    await Promise.all([a.start(), b.start()]);
    const isUp = () => [...a.networks('beta'), ...b.networks('alpha')].every(({ up }) => up);
    await vi.waitFor(() => expect(isUp()).toBe(true), 5000);
    for (const end = Date.now() + 1500; Date.now() < end;);
    await expect(a.request('beta', 'arbiter.read', { module: 'web' }, 5000)).resolves.toEqual({});
    expect(lost).toEqual([]);
  });

  it('hears of the modules with every heartbeat, though only changes travel', async () => {
    const told = (endpoint: boolean): Record<string, LinkModule> => ({
      web: {
        status: {
          role: 'secondary',
          link: 'none',
          able: true,
          serverRunning: false,
          desired: { value: 'started', sequence: 1 },
          record: null,
          lineage: [],
          consistent: true,
          content: endpoint,
          endpoint: null,
        },
        shown: {},
        lastFailover: null,
        lastResync: null,
      },
    });
    let current = told(false);
    const heard: Record<string, LinkModule>[] = [];
    const a = links(alpha, beta, { modules: () => current });
    const b = links(beta, alpha, { onHeartbeat: (_host, modules) => heard.push(modules) });
    await Promise.all([a.start(), b.start()]);
    await vi.waitFor(() => expect(heard.length).toBeGreaterThan(6), 5000);
    expect(heard.every((modules) => modules['web']?.status.content === false)).toBe(true);
    current = told(true);
    await vi.waitFor(() => expect(heard.at(-1)).toEqual(current), 5000);
    // A connection that is made anew begins with everything.
    await b.stop();
    const later: Record<string, LinkModule>[] = [];
    const again = links(beta, alpha, { onHeartbeat: (_host, modules) => later.push(modules) });
    await again.start();
    await vi.waitFor(() => expect(later[0]).toEqual(current), 5000);
  });

  it('beats together with the other host, never later than asked and never in a flood', async () => {
    const at: Record<string, number[]> = { alpha: [], beta: [] };
    const noted = (own: string) => ({ heartbeatMs: 100, onHeartbeat: () => at[own]?.push(performance.now()) });
    const a = links(alpha, beta, noted('alpha'));
    const b = links(beta, alpha, noted('beta'));
    await a.start();
    await vi.waitFor(() => expect(performance.now() % 100).toBeGreaterThan(50), { interval: 1 });
    await b.start();
    await vi.waitFor(() => expect(Object.values(at).every((each) => each.length >= 25)).toBe(true), 15_000);
    for (const heard of Object.values(at)) {
      // The first ones go out at once, when a connection is there.
      const [first = 0, last = 0] = [heard[5], heard.at(-1)];
      const beats = heard.length - 6;
      expect((last - first) / beats).toBeGreaterThan(45);
      expect((last - first) / beats).toBeLessThan(200);
    }
  });

  it('answers a heartbeat only when all have heard it here, and keeps the connection when they have not', async () => {
    const answered = vi.fn();
    const said: string[] = [];
    let tried = 0;
    let fails = true;
    const a = links(alpha, beta, { onAnswered: answered });
    const b = links(beta, alpha, {
      onHeartbeat: () => {
        tried += 1;
        if (fails) throw new Error('web: it cannot');
      },
      log: (_level, code, message) => said.push(`${code} ${message}`),
    });
    await Promise.all([a.start(), b.start()]);
    await vi.waitFor(() => expect(tried).toBeGreaterThan(10), 5000);
    expect(answered).not.toHaveBeenCalled();
    expect(said.filter((line) => /LINK_DOWN|HEARTBEAT_FAILED/.test(line))).toEqual([
      'HEARTBEAT_FAILED what alpha tells could not be taken in: web: it cannot',
    ]);
    fails = false;
    await vi.waitFor(() => expect(answered).toHaveBeenCalled(), 5000);
  });

  it('hears a machine that was started anew, though its connections are replaced one by one', async () => {
    const heard = vi.fn();
    const a = links(alpha, beta, { heartbeatMs: 1000, onHeartbeat: heard });
    await a.start();
    const heartbeat = (sequence: number) =>
      encodeMessage({ type: 'heartbeat', sequence, modules: {}, configuration: version });
    const before = await rawBeta();
    before.write(Buffer.concat([encodeMessage({ ...rawHello, life: 'first' }), heartbeat(1000)]));
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1), { timeout: 5000, interval: 5 });
    const now = await rawBeta('link');
    now.write(Buffer.concat([encodeMessage({ ...rawHello, life: 'second' }), heartbeat(5)]));
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(2), { timeout: 5000, interval: 5 });
    // What the first one had still sent is no news.
    const closed = once(before, 'close');
    before.write(heartbeat(1001));
    await closed;
    now.write(heartbeat(6));
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(3), { timeout: 5000, interval: 5 });
  });

  it('tells of many changes at once with one heartbeat', async () => {
    const told = vi.fn(() => ({}));
    const a = links(alpha, beta, { heartbeatMs: 5000, modules: told });
    const b = links(beta, alpha);
    await b.start();
    await a.start();
    await vi.waitFor(() => expect(a.networks('beta').every(({ up, rttMs }) => up && rttMs !== null)).toBe(true), 5000);
    told.mockClear();
    for (let change = 0; change < 100; change += 1) a.hurry();
    await a.request('beta', 'arbiter.read', { module: 'web' }, 5000);
    expect(told).toHaveBeenCalledTimes(1);
  });

  it('tells a host that takes no modules nothing of them', async () => {
    const heard: Record<string, LinkModule>[] = [];
    const a = links(alpha, beta, { modules: () => ({ web: moduleShowing({}) }) });
    const b = witnessLinks({ onHeartbeat: (_host, modules) => heard.push(modules) });
    await Promise.all([a.start(), b.start()]);
    await vi.waitFor(() => expect(heard.length).toBeGreaterThan(2), 5000);
    expect(heard.filter((modules) => Object.keys(modules).length > 0)).toEqual([]);
    expect(a.capacity('beta')).toBeNull();
  });

  it('keeps a connection that it does not read for a while, as too much came over it', async () => {
    let rests = 0;
    const received = (): number => ((rests += 1) === 20 ? 1800 : 0);
    const allowance = { received, backlogBytes: 2 ** 18 } as unknown as LinkAllowance;
    const lost: string[] = [];
    const a = links(alpha, beta);
    const b = witnessLinks({ allowance, log: (_level, code, message) => code === 'LINK_DOWN' && lost.push(message) });
    await Promise.all([a.start(), b.start()]);
    // By what comes over the other one the rest is over, and something was heard after it.
    await vi.waitFor(() => expect(rests).toBeGreaterThan(300), 20_000);
    expect(lost).toEqual([]);
    expect(b.networks('alpha').every(({ up }) => up)).toBe(true);
  });

  it('asks a host that cannot keep up with what it is told, and loses no question for it', async () => {
    let told = 0;
    const lost: string[] = [];
    const a = links(alpha, beta, {
      heartbeatMs: 2000,
      modules: () => ({ web: moduleShowing({ reason: `${String((told += 1))} ${'x'.repeat(900_000)}` }) }),
      log: (_level, _code, message) => /does not read|nothing heard/.test(message) && lost.push(message),
    });
    await a.start();
    const socket = await rawBeta();
    socket.write(encodeMessage({ ...rawHello, capacity: { cpu: 2, memoryBytes: 2 ** 30 } }));
    await vi.waitFor(() => expect(a.reachable('beta')).toBe(true), { timeout: 5000, interval: 5 });
    socket.pause();
    for (let change = 0; change < 40; change += 1) {
      a.hurry();
      await nextTurn();
    }
    expect(told).toBeLessThan(40);
    const asked = a.request('beta', 'arbiter.read', { module: 'web' }, 10_000);
    const decoder = new MessageDecoder();
    socket.on('data', (bytes: Buffer) => {
      for (const message of decoder.push(bytes) as { type: string; id: number }[]) {
        if (message.type !== 'request') continue;
        socket.write(encodeMessage({ type: 'response', id: message.id, result: { answered: true }, error: null }));
      }
    });
    socket.resume();
    await expect(asked).resolves.toEqual({ answered: true });
    expect(lost).toEqual([]);
  });

  it('asks over the network that still carries, not over the first one that is not given up yet', async () => {
    const [lan] = [await relay('127.0.10.3', '127.0.10.2'), await relay('127.0.11.3', '127.0.11.2')];
    const answered = vi.fn();
    const a = links(alpha, relayedBeta, { onAnswered: answered });
    const b = links(beta, alpha);
    await b.start();
    await a.start();
    await vi.waitFor(() => expect(a.networks('beta').every(({ up }) => up)).toBe(true), 5000);
    lan.hold();
    answered.mockClear();
    await vi.waitFor(() => expect(answered.mock.calls.length).toBeGreaterThan(1), { timeout: 900, interval: 5 });
    expect(a.networks('beta').every(({ up }) => up)).toBe(true);
    await expect(a.request('beta', 'arbiter.read', { module: 'web' }, 500)).resolves.toEqual({});
  });

  it.each([
    ['is gone', 'end'],
    ['is dead, which is not known yet', 'hold'],
  ] as const)('answers over another network when the one over which it was asked %s', async (_what, fault) => {
    const lan = await relay('127.0.10.3', '127.0.10.2');
    let answer: (result: Record<string, unknown>) => void = () => undefined;
    const isAsked = vi.fn();
    const a = links(alpha, relayedBeta);
    const b = links(beta, alpha, {
      onRequest: () => {
        isAsked();
        return new Promise((resolve) => (answer = resolve));
      },
    });
    await b.start();
    await a.start();
    const up = (): boolean[] => b.networks('alpha').map((each) => each.up);
    await vi.waitFor(() => expect([...up(), a.reachable('beta')]).toEqual([true, false, true]), 5000);
    const asked = a.request('beta', 'module.command', { module: 'web' }, 10_000);
    await vi.waitFor(() => expect(isAsked).toHaveBeenCalled(), { timeout: 5000, interval: 5 });
    await relay('127.0.11.3', '127.0.11.2');
    await vi.waitFor(() => expect(up()).toEqual([true, true]), 5000);
    lan[fault]();
    if (fault === 'end') await vi.waitFor(() => expect(up()).toEqual([false, true]), { timeout: 5000, interval: 5 });
    answer({ done: true });
    await expect(asked).resolves.toEqual({ done: true });
  });

  it('says that the outcome is unknown when the other agent goes away', async () => {
    const b = links(beta, alpha, { onRequest: () => new Promise(() => undefined) });
    const a = links(alpha, beta);
    await Promise.all([a.start(), b.start()]);
    await vi.waitFor(() => expect(a.reachable('beta')).toBe(true), 5000);
    const asked = a.request('beta', 'arbiter.read', { module: 'web' }, 10_000);
    const refused = expect(asked).rejects.toBeInstanceOf(UnreachableError);
    await b.stop();
    await refused;
    await vi.waitFor(() => expect(a.reachable('beta')).toBe(false), 5000);
    await expect(a.request('beta', 'arbiter.read', {}, 1000)).rejects.toThrow(/not reachable/);
  });

  it('refuses an agent of another cluster, by its certificate', async () => {
    const stranger = await identityOf('beta', await createAuthority('elsewhere'));
    const said: string[] = [];
    const a = links(alpha, beta, { log: (_level, _code, message) => said.push(message) });
    const b = links(beta, alpha, { log: (_level, _code, message) => said.push(message) }, stranger);
    await Promise.all([a.start(), b.start()]);
    await vi.waitFor(() => expect(said.join('\n')).toMatch(/another authority|another cluster/), 5000);
    expect(a.reachable('beta')).toBe(false);
  });

  it('refuses a host that shows the certificate of another one', async () => {
    const said: string[] = [];
    const a = links(alpha, beta, { log: (_level, _code, message) => said.push(message) });
    const impostor = links(beta, alpha, {}, identity('alpha'));
    await Promise.all([a.start(), impostor.start()]);
    await vi.waitFor(() => expect(said.join('\n')).toContain('Expected the agent of beta, and alpha answered'), 5000);
  });

  const dayMs = 86_400_000;
  const security = (own: () => Identity, other: string): HostLinksOptions['security'] => ({
    serverOptions: () => agentServerOptions(own()),
    clientOptions: (host) => agentClientOptions(own(), host),
    peerHost: (socket) => peerHost(socket, [other]),
    explain: explainTlsError,
  });

  it.each([
    ['dials', 'alpha', 'beta'],
    ['is dialled', 'beta', 'alpha'],
  ])('connects a host that %s once its certificate, which has ended, is replaced', async (_what, host, peer) => {
    const ended: Validity = { notBefore: new Date(Date.now() - 2 * dayMs), notAfter: new Date(Date.now() - dayMs) };
    let own = await identityOf(host, authority, ended);
    const said: string[] = [];
    const log: HostLinksOptions['log'] = (_level, _code, message) => said.push(message);
    const [self, other] = host === 'alpha' ? [alpha, beta] : [beta, alpha];
    const a = links(self, other, { log, security: security(() => own, peer) });
    const b = links(other, self, { log });
    await Promise.all([a.start(), b.start()]);
    await vi.waitFor(
      () => expect(said.join('\n')).toMatch(new RegExp(`certificate of ${host}.* has expired: .*token join`)),
      5000,
    );
    expect(b.certificateEnd(host)).toBeNull();
    own = identity(host);
    a.renew('keep');
    await vi.waitFor(() => expect(b.networks(host).every(({ up }) => up)).toBe(true), 5000);
    expect(b.certificateEnd(host)?.getTime()).toBeGreaterThan(Date.now() + dayMs);
  });

  it('goes on with the connections that there are when the certificate is replaced, or makes them anew', async () => {
    const validity = { notBefore: new Date(Date.now() - dayMs), notAfter: new Date(Date.now() + dayMs) };
    let own = await identityOf('beta', authority, validity);
    const said: string[] = [];
    const a = links(alpha, beta, { log: (_level, code) => said.push(code) });
    const b = links(beta, alpha, { security: security(() => own, 'alpha') });
    await Promise.all([a.start(), b.start()]);
    await vi.waitFor(() => expect(a.networks('beta').every(({ up }) => up)).toBe(true), 5000);
    own = await identityOf('beta');
    b.renew('keep');
    await expect(a.request('beta', 'arbiter.read', { module: 'web' }, 1000)).resolves.toEqual({});
    expect(said).not.toContain('LINK_DOWN');
    expect(a.certificateEnd('beta')?.getTime()).toBeLessThan(Date.now() + dayMs);
    b.renew('replace');
    await vi.waitFor(() => expect(a.certificateEnd('beta')?.getTime()).toBeGreaterThan(Date.now() + dayMs), 5000);
    await vi.waitFor(() => expect(a.networks('beta').every(({ up }) => up)).toBe(true), 5000);
  });

  it('leaves nothing open when it is stopped, whether it was greeted, only connected, or not even that', async () => {
    const silent: Socket[] = [];
    const keep = (socket: Socket): void => {
      socket.on('error', () => undefined);
      socket.resume();
      silent.push(socket);
    };
    const neverGreets = createTlsServer(agentServerOptions(identity('beta')), keep).listen(port, '127.0.10.2');
    const neverShakesHands = createPlainServer(keep).listen(port, '127.0.11.2');
    const servers = [neverGreets, neverShakesHands];
    await Promise.all(servers.map((server) => once(server, 'listening')));
    for (const server of servers) open.push({ stop: () => new Promise((closed) => server.close(() => closed())) });
    const a = links(alpha, beta);
    await a.start();
    await vi.waitFor(() => expect(silent).toHaveLength(2), { timeout: 5000, interval: 5 });
    await a.stop();
    const isClosed = (): boolean => silent.every(({ closed }) => closed);
    // By turns and not by the clock of a busy machine: a second after it was dialled each ends by itself.
    for (let turn = 0; turn < 100 && !isClosed(); turn++) await delay(1);
    expect(isClosed()).toBe(true);
  });

  it('goes on when what it has to tell a host of its modules is too long, and says so', async () => {
    const said: string[] = [];
    const told = (shown: object): Record<string, LinkModule> => ({ web: moduleShowing(shown) });
    let current = told({ reason: 'x'.repeat(1 << 20) });
    const heard: unknown[] = [];
    const a = links(alpha, beta, { modules: () => current, log: (_level, _code, message) => said.push(message) });
    const b = links(beta, alpha, { onHeartbeat: (_host, modules) => heard.push(modules) });
    await Promise.all([a.start(), b.start()]);
    await vi.waitFor(() => expect(said.join('\n')).toMatch(/told of the modules: a message .* over the limit/), 5000);
    current = told({});
    await vi.waitFor(() => expect(heard).toContainEqual(current), 5000);
  });

  it('says clearly that a port is in use', async () => {
    const a = links(alpha, beta);
    await a.start();
    await expect(links(alpha, beta).start()).rejects.toThrow(`port ${String(port)} on 127.0.10.1 is in use`);
  });

  it('gives up a connection that is being made to an address that a host has not any more', async () => {
    // The old address answers, but not yet.
    const held: Socket[] = [];
    const before = createPlainServer((socket) => held.push(socket.on('error', () => undefined)));
    before.listen(port, '127.0.10.3');
    await once(before, 'listening');
    open.push({ stop: () => new Promise((closed) => before.close(() => closed())) });
    const said: string[] = [];
    const log = (_level: string, code: string): void => void said.push(code);
    const [own, other] = [onLan('alpha', '127.0.10.1'), onLan('beta', '127.0.10.2')];
    const a = links(own, onLan('beta', '127.0.10.3'), { log });
    const b = links(other, own, { log });
    await Promise.all([a.start(), b.start()]);
    await vi.waitFor(() => expect(held).toHaveLength(1), 5000);
    await a.change({ self: own, others: [other], heartbeatMs: 50, detectionMs: 3000 });
    // Now it would answer.
    const through = connectPlain({ host: '127.0.10.2', port });
    const [socket] = held;
    through.on('error', () => undefined);
    socket?.pipe(through).pipe(socket);
    await vi.waitFor(() => expect(a.reachable('beta') && b.reachable('alpha')).toBe(true), 5000);
    await vi.waitFor(() => expect(socket?.closed).toBe(true), 5000);
    expect(said.filter((code) => code === 'LINK_UP')).toHaveLength(2);
  });

  it('listens on an address that was in use at one change at the next one, and on the others at once', async () => {
    const taken = createPlainServer((socket) => socket.destroy());
    taken.listen(port, '127.0.10.2');
    await once(taken, 'listening');
    const a = links(alpha, beta);
    const b = links({ name: 'beta', addresses: [] }, alpha);
    await Promise.all([a.start(), b.start()]);
    const changed = () => b.change({ self: beta, others: [alpha], heartbeatMs: 50, detectionMs: 3000 });
    await expect(changed()).rejects.toThrow(`port ${String(port)} on 127.0.10.2 is in use`);
    const up = () => a.networks('beta').map((each) => each.up);
    await vi.waitFor(() => expect(up()).toEqual([false, true]), 5000);
    await new Promise((closed) => taken.close(closed));
    await changed();
    await vi.waitFor(() => expect(up()).toEqual([true, true]), 5000);
  });

  it('takes a host in however many others come, of which it takes some', async () => {
    const a = links(alpha, beta);
    await a.start();
    const strangers = strangersAt('127.0.10.1', 300);
    await vi.waitFor(() => expect(strangers.ended()).toBeGreaterThan(150), { timeout: 4000, interval: 5 });
    const socket = await rawBeta();
    socket.write(encodeMessage(rawHello));
    await vi.waitFor(() => expect(a.reachable('beta')).toBe(true), { timeout: 5000, interval: 5 });
    await a.stop();
    await vi.waitFor(() => expect(strangers.ended()).toBe(300), 500);
  });

  it('fills no log with those that it refuses', async () => {
    const said: string[] = [];
    const a = links(alpha, beta, { log: (_level, code, message) => code === 'LINK_REFUSED' && said.push(message) });
    await a.start();
    const strangers = strangersAt('127.0.10.1', 60, 'GET / HTTP/1.1\r\n\r\n');
    await vi.waitFor(() => expect(strangers.ended()).toBe(60), 5000);
    expect(said).toHaveLength(20);
  });

  it('goes on listening when a connection cannot be taken in, and says so now and then', async () => {
    const server = createPlainServer();
    open.push({ stop: () => new Promise((closed) => server.close(() => closed())) });
    const said: string[] = [];
    await listenWhenThere(server, '127.0.10.1', port, { warn: (text) => said.push(text), isStopped: () => false });
    for (let lost = 0; lost < 100; lost += 1) server.emit('error', new Error('accept EMFILE'));
    expect(said[0]).toBe(`127.0.10.1, port ${String(port)}: a connection was lost: accept EMFILE`);
    expect(said).toHaveLength(5);
    expect(server.listening).toBe(true);
  });

  it('ends a connection that never begins its handshake', async () => {
    const a = links(alpha, beta);
    await a.start();
    const socket = connectPlain({ host: '127.0.10.1', port });
    socket.resume();
    socket.on('error', () => undefined);
    await once(socket, 'close');
  });

  it.each([
    [
      'another protocol version',
      encodeMessage({ type: 'hello', protocolVersion: 99, agentVersion: '9', host: 'beta', cluster: 'site' }),
      new RegExp(`version 99 .* this one version ${String(agentProtocolVersion)}`),
    ],
    ['an oversized message', Buffer.from([0x7f, 0xff, 0xff, 0xff, 0x7b]), /over the limit/],
    ['something that is not JSON', Buffer.concat([Buffer.from([0, 0, 0, 3]), Buffer.from('{x}')]), /not JSON/],
    [
      'a message that is not valid',
      encodeMessage({ type: 'heartbeat', sequence: -1, modules: {}, configuration: version }),
      /not valid/,
    ],
    [
      'a heartbeat before the hello',
      encodeMessage({ type: 'heartbeat', sequence: 1, modules: {}, configuration: version }),
      /did not say hello/,
    ],
    [
      'a hello of another host',
      encodeMessage({
        type: 'hello',
        protocolVersion: agentProtocolVersion,
        agentVersion: '1',
        host: 'gamma',
        cluster: 'site',
      }),
      /certificate is that of beta/,
    ],
    [
      'a hello of another cluster',
      encodeMessage({
        type: 'hello',
        protocolVersion: agentProtocolVersion,
        agentVersion: '1',
        host: 'beta',
        cluster: 'other',
      }),
      /belongs to cluster other/,
    ],
  ])('ends a connection that sends %s, with the reason', async (_what, bytes, reason) => {
    const said: string[] = [];
    // Alpha sorts first and would dial; the raw connection comes in instead.
    const a = links(alpha, beta, { log: (_level, _code, message) => said.push(message) });
    await a.start();
    const socket: TLSSocket = connectTls({
      ...agentClientOptions(identity('beta'), 'alpha'),
      host: '127.0.10.1',
      port,
    });
    const closed = once(socket, 'close');
    socket.on('error', () => undefined);
    socket.resume();
    await once(socket, 'secureConnect');
    socket.write(bytes);
    await closed;
    await vi.waitFor(() => expect(said.join('\n')).toMatch(reason), 5000);
    expect(a.reachable('beta')).toBe(false);
  });
});

describe('framing', () => {
  it('puts messages together from any pieces', () => {
    const bytes = Buffer.concat([encodeMessage({ a: 1 }), encodeMessage({ b: 'ü'.repeat(300) })]);
    for (const size of [1, 3, 7, 1000]) {
      const decoder = new MessageDecoder();
      const found: unknown[] = [];
      for (let at = 0; at < bytes.length; at += size) found.push(...decoder.push(bytes.subarray(at, at + size)));
      expect(found).toEqual([{ a: 1 }, { b: 'ü'.repeat(300) }]);
    }
  });
});
