import { once } from 'node:events';
import { connect as connectPlain, createServer as createPlainServer, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { encodeMessage, MessageDecoder } from '../../agent/host/framing.ts';
import type { LinkModule } from '../../schemas/generated/link.ts';
import { agentProtocolVersion } from '../../schemas/protocolVersion.ts';
import { HostLinks } from '../../agent/host/hostLinks.ts';
import type { HostLinksOptions } from '../../agent/host/linkOptions.ts';
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

function links(
  self: typeof alpha,
  other: typeof alpha,
  changes: Partial<HostLinksOptions> = {},
  own = identity(self.name),
): HostLinks {
  const made = new HostLinks({
    cluster: 'site',
    agentVersion: '1.2.3',
    capacity: { cpu: 2, memoryBytes: 2 ** 30 },
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
    const status = { role: 'none', link: 'none', able: true, serverRunning: false, consistent: true, content: false };
    const desired = { value: 'started', sequence: 1 };
    const module = { ...status, desired, record: null, lineage: [], endpoint: null } as LinkModule['status'];
    const told = (shown: object): Record<string, LinkModule> => ({
      web: { status: module, shown, lastFailover: null, lastResync: null },
    });
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
