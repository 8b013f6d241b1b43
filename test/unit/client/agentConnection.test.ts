import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createAuthority } from '../../../agent/security/certificates.ts';
import { ClientTokens } from '../../../agent/security/clientTokens.ts';
import { parseAddress } from '../../../extension/client/address.ts';
import type { AgentAddress } from '../../../extension/client/address.ts';
import { AgentConnection } from '../../../extension/client/agentConnection.ts';
import type { ConnectionState } from '../../../extension/client/agentConnection.ts';
import { connectPinned, fetchCertificates, pinFor } from '../../../extension/client/certificates.ts';
import type { Pin } from '../../../extension/client/certificates.ts';
import { CertificateError, RefusedError } from '../../../extension/client/errors.ts';
import { timeoutOf } from '../../../extension/client/methods.ts';
import type { Snapshot } from '../../../schemas/generated/api.ts';
import { StoryCluster } from '../../support/storyCluster.ts';
import type { StoryHost } from '../../support/storyCluster.ts';

let cluster: StoryCluster;
let pin: Pin;
const open: AgentConnection[] = [];

beforeEach(async () => {
  cluster = await StoryCluster.start();
  pin = pinFor(await fetchCertificates(addressOf('alpha')));
});
afterEach(async () => {
  for (const connection of open.splice(0)) connection.dispose();
  await cluster.close();
});

function addressOf(host: StoryHost): AgentAddress {
  const address = parseAddress(cluster.addressOf(host));
  if (typeof address === 'string') throw new Error(address);
  return address;
}

function connect(extra: Partial<ConstructorParameters<typeof AgentConnection>[0]> = {}): AgentConnection {
  const connection = new AgentConnection({
    addresses: [addressOf('alpha')],
    pin,
    token: () => Promise.resolve(cluster.token),
    client: 'test',
    random: () => 0,
    ...extra,
  });
  open.push(connection);
  connection.setAttended(true);
  return connection;
}

function until(connection: AgentConnection, kind: ConnectionState['kind']): Promise<ConnectionState> {
  return new Promise((resolve) => {
    if (connection.state.kind === kind) {
      resolve(connection.state);
      return;
    }
    const registration = connection.onState.on((state) => {
      if (state.kind !== kind) return;
      registration.dispose();
      resolve(state);
    });
  });
}

function nextSnapshot(connection: AgentConnection): Promise<Snapshot> {
  return new Promise((resolve) => {
    const registration = connection.onSnapshot.on((snapshot) => {
      registration.dispose();
      resolve(snapshot);
    });
  });
}

describe('certificates', () => {
  it('shows and pins the authority of the cluster, which covers its other hosts', async () => {
    const chain = await fetchCertificates(addressOf('alpha'));
    expect(chain.map(({ subject }) => subject)).toEqual(['CN=alpha', 'CN=Understudy site']);
    expect(pin).toMatchObject({ kind: 'authority', sha256: chain[1]?.sha256 });
    const socket = await connectPinned(addressOf('beta'), pin);
    socket.destroy();
  });

  it('refuses an agent of another authority, and says what to do', async () => {
    await cluster.stopAgent('beta');
    await cluster.startAgent('beta', await createAuthority('site'));
    const attempt = connectPinned(addressOf('beta'), pin);
    await expect(attempt).rejects.toBeInstanceOf(CertificateError);
    await expect(attempt).rejects.toThrow(/not signed by the trusted authority.*remove it and add it again/);
  });

  it('refuses another certificate when one host is pinned by its own', async () => {
    const leaf = (await fetchCertificates(addressOf('alpha')))[0];
    const own: Pin = { kind: 'certificate', sha256: leaf?.sha256 ?? '' };
    (await connectPinned(addressOf('alpha'), own)).destroy();
    await expect(connectPinned(addressOf('beta'), own)).rejects.toThrow(/certificate has changed/);
  });
});

describe('the connection to a cluster', () => {
  it('begins with a snapshot and goes on with changes and log entries', async () => {
    const connection = connect();
    const snapshot = await nextSnapshot(connection);
    expect(snapshot.modules.map(({ name }) => name)).toEqual(['web', 'db']);
    const changed = new Promise((resolve) => connection.onChanged.on(resolve));
    const logged = new Promise((resolve) => connection.onLog.on(resolve));
    cluster.serveOn('web', 'alpha');
    cluster.log('web', 'STARTED', 'web runs');
    await expect(changed).resolves.toMatchObject({ modules: [{ name: 'web', primary: 'alpha' }] });
    await expect(logged).resolves.toMatchObject({ entries: [{ code: 'STARTED' }] });
  });

  it('passes commands on, and refusals back with code and reason', async () => {
    const connection = connect();
    await until(connection, 'connected');
    await expect(connection.request('module.start', { module: 'web' })).resolves.toMatchObject({
      message: 'web: starting done',
    });
    const refused = connection.request('module.start', { module: 'nope' });
    await expect(refused).rejects.toBeInstanceOf(RefusedError);
    await expect(refused).rejects.toMatchObject({ refusal: { code: 'UNKNOWN_MODULE' } });
  });

  it('says of a command without an answer, and of nothing else, that it may have been carried out', async () => {
    const connection = connect();
    await until(connection, 'connected');
    cluster.commandTime = 2000;
    const started = connection.request('module.start', { module: 'web' });
    const lost = expect(started).rejects.toThrow(/Whether it was carried out is not known: look at the state before/);
    await cluster.stopAgent('alpha');
    await lost;
    const notSent = connection.request('module.start', { module: 'web' });
    await expect(notSent).rejects.toThrow(/^Not connected to the cluster now\.$/);
  });

  it('waits for a command for longer than the agents let it take', () => {
    expect(timeoutOf('module.stop')).toBeGreaterThan(3_602_000);
    expect(timeoutOf('log.read')).toBeLessThanOrEqual(10_000);
  });

  it('sends nothing that the schema does not allow', async () => {
    const connection = connect();
    await until(connection, 'connected');
    await expect(connection.request('log.read', { limit: -1 })).rejects.toThrow(/limit/);
  });

  it('goes on with another host when its own is lost, with a fresh snapshot', async () => {
    const connection = connect();
    const first = await nextSnapshot(connection);
    connection.learn([addressOf('beta')]);
    const again = nextSnapshot(connection);
    await cluster.stopAgent('alpha');
    cluster.serveOn('web', 'beta');
    const second = await again;
    expect(second.self).toBe('beta');
    expect(second.revision).toBeGreaterThan(first.revision);
  });

  it('keeps one connection when several hosts answer at once', async () => {
    const addresses = [addressOf('alpha'), addressOf('beta'), addressOf('alpha'), addressOf('beta')];
    const connection = connect({ addresses });
    await until(connection, 'connected');
    await expect.poll(() => cluster.clients).toBe(1);
  });

  it('does not ask the host first again that has failed, whatever is learnt of addresses meanwhile', async () => {
    const both = [addressOf('alpha'), addressOf('beta')];
    const connection = connect({ addresses: both });
    expect((await nextSnapshot(connection)).self).toBe('alpha');
    const again = nextSnapshot(connection);
    await cluster.stopAgent('alpha');
    expect((await again).self).toBe('beta');
    connection.learn(both);
    await cluster.startAgent('alpha');
    const third = nextSnapshot(connection);
    connection.restart();
    expect((await third).self).toBe('beta');
  });

  it('is quietly unreachable while no host answers, and comes back by itself', async () => {
    const messages: string[] = [];
    let thirdFailure: () => void = () => undefined;
    const failedThreeTimes = new Promise<void>((resolve) => (thirdFailure = resolve));
    let failures = 0;
    const states: string[] = [];
    await cluster.stopAgent('alpha');
    await cluster.stopAgent('beta');
    const log = (level: string, message: string): void => {
      if (level !== 'debug') messages.push(message);
      if (message.includes('is the agent running?') && ++failures === 3) thirdFailure();
    };
    const connection = connect({ log });
    connection.onState.on(({ kind }) => states.push(kind));
    const state = await until(connection, 'unreachable');
    expect(state).toMatchObject({ reason: expect.stringContaining('is the agent running?') as string });
    // Several attempts later it is still one state and one line in the log.
    await failedThreeTimes;
    await cluster.startAgent('alpha');
    await until(connection, 'connected');
    expect(states.filter((kind) => kind === 'connecting')).toHaveLength(0);
    expect(messages.filter((message) => message.includes('is the agent running?'))).toHaveLength(1);
  });

  it('asks the other hosts once when its own is lost while nobody looks, and then waits until somebody does', async () => {
    const connection = connect();
    await nextSnapshot(connection);
    connection.learn([addressOf('beta')]);
    connection.setAttended(false);
    const again = nextSnapshot(connection);
    await cluster.stopAgent('alpha');
    expect((await again).self).toBe('beta');
    await cluster.stopAgent('beta');
    await until(connection, 'unreachable');
    await cluster.startAgent('alpha');
    expect(connection.state.kind).toBe('unreachable');
    connection.setAttended(true);
    await until(connection, 'connected');
  });

  it('stops at a refused token until another one is there', async () => {
    let token = 'x'.repeat(40);
    const connection = connect({ token: () => Promise.resolve(token) });
    await expect(until(connection, 'blocked')).resolves.toMatchObject({ problem: 'token' });
    connection.setAttended(false);
    connection.setAttended(true);
    expect(connection.state.kind).toBe('blocked');
    token = cluster.token;
    connection.restart();
    await until(connection, 'connected');
  });

  it('comes back to the host that takes its token, and meanwhile asks those only once that do not know it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'understudy-tokens-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await cluster.stopAgent('beta');
    await cluster.startAgent('beta', cluster.authority, new ClientTokens(folder));
    let failures = 0;
    let thirdFailure: () => void = () => undefined;
    const failedThreeTimes = new Promise<void>((resolve) => (thirdFailure = resolve));
    const log = (_level: string, message: string): void => {
      if (message.includes('is the agent running?') && ++failures === 3) thirdFailure();
    };
    const connection = connect({ log });
    await nextSnapshot(connection);
    connection.learn([addressOf('beta')]);
    await cluster.stopAgent('alpha');
    const state = await until(connection, 'blocked');
    expect(state).toMatchObject({
      problem: 'token',
      reason: expect.stringMatching(
        /127\.0\.0\.2:\d+ does not take the token: carry it over .* Elsewhere: nothing listens/,
      ) as string,
    });
    await failedThreeTimes;
    expect(cluster.refusedTokens).toBe(1);
    await cluster.startAgent('alpha');
    await until(connection, 'connected');
  });

  it('tries again when somebody looks again, whatever but the token was in the way', async () => {
    await cluster.stopAgent('alpha');
    await cluster.startAgent('alpha', await createAuthority('site'));
    const connection = connect();
    await expect(until(connection, 'blocked')).resolves.toMatchObject({ problem: 'certificate' });
    connection.setAttended(false);
    await cluster.stopAgent('alpha');
    await cluster.startAgent('alpha');
    connection.setAttended(true);
    await until(connection, 'connected');
  });

  it('never shows its token to an agent of another authority', async () => {
    await cluster.stopAgent('alpha');
    await cluster.startAgent('alpha', await createAuthority('site'));
    const connection = connect();
    await expect(until(connection, 'blocked')).resolves.toMatchObject({ problem: 'certificate' });
  });
});
