import { once } from 'node:events';
import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { dirname, join } from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WitnessArbiter } from '../../agent/arbiter/witness.ts';
import { encodeMessage, MessageDecoder } from '../../agent/host/framing.ts';
import type { HostLinks } from '../../agent/host/hostLinks.ts';
import { createHostCertificate } from '../../agent/security/certificates.ts';
import { agentClientOptions, clusterServerName } from '../../agent/security/tlsOptions.ts';
import { agentProtocolVersion } from '../../schemas/protocolVersion.ts';
import { arbiterRecord as record } from '../support/arbiterRecord.ts';
import { RunningWitness, SmallCluster, witnessAddress } from '../support/witnessClusters.ts';

const port = 25_811;
let witness: RunningWitness;
let [one, two]: SmallCluster[] = [];
const open: HostLinks[] = [];

const cluster = (given: SmallCluster | undefined): SmallCluster => {
  if (!given) throw new Error('there is no cluster');
  return given;
};
const red = (): SmallCluster => cluster(one);
const blue = (): SmallCluster => cluster(two);

beforeEach(async () => {
  witness = new RunningWitness();
  // Clusters that know nothing of each other may well have the same names in them.
  [one, two] = [await SmallCluster.make('site', port, 1), await SmallCluster.make('site', port, 2)];
  await red().install(witness.folder, 'red');
  await blue().install(witness.folder, 'blue');
  await witness.start();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((links) => links.stop()));
  await witness.remove();
});

async function linked(of: SmallCluster, host = 'alpha'): Promise<HostLinks> {
  const links = of.links(await of.identity(host));
  open.push(links);
  await links.start();
  await vi.waitFor(() => expect(links.reachable('gamma')).toBe(true), 5000);
  return links;
}

function arbiterOf(links: HostLinks): WitnessArbiter {
  return new WitnessArbiter({
    request: (method, params, timeoutMs) => links.request('gamma', method, params, timeoutMs),
    reachable: () => links.reachable('gamma'),
  });
}

/** What a connection by these options comes to: its first byte, or its end. */
async function attempt(options: ConnectionOptions): Promise<{ socket: TLSSocket; answered: boolean }> {
  const socket = connect({ ...options, host: witnessAddress, port });
  const ended = new Promise<boolean>((resolve) => {
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
    socket.once('data', () => resolve(true));
  });
  const answered = await ended;
  return { socket, answered };
}

describe('one witness for several clusters', () => {
  it('keeps records of the same module name apart, and those of one cluster over a restart', async () => {
    const [a, b] = [arbiterOf(await linked(red())), arbiterOf(await linked(blue()))];
    expect(await a.propose('web', null, record(1, 'alpha', 'a/1'))).toMatchObject({ granted: true });
    expect(await b.read('web')).toBeNull();
    expect(await b.propose('web', null, record(7, 'beta', 'b/7'))).toMatchObject({ granted: true });
    expect(await a.read('web')).toEqual(record(1, 'alpha', 'a/1'));

    await witness.stop();
    await witness.start();
    const seen = (): Promise<unknown> => b.read('web');
    await vi.waitFor(async () => expect(await seen()).toEqual(record(7, 'beta', 'b/7')), {
      timeout: 10_000,
      interval: 100,
    });
    await vi.waitFor(async () => expect(await a.read('web')).toEqual(record(1, 'alpha', 'a/1')), { timeout: 10_000 });
    const states = await witness.states();
    expect(states.map(({ name }) => name)).toEqual(['blue', 'red']);
    expect(states[0]?.hosts.find(({ name }) => name === 'alpha')).toMatchObject({
      reachable: true,
      agentVersion: '1.2.3',
    });
  });

  it('answers a host only for the cluster that has certified it', async () => {
    const own = await red().identity('alpha');
    expect((await attempt(agentClientOptions(own, 'gamma'))).answered).toBe(true);
    const foreign = { rejectUnauthorized: false, servername: clusterServerName(blue().authority.certificate) };
    // With the certificate of its own cluster, with none, and with one that it made for itself in the other one's name.
    for (const credentials of [{ key: own.key, cert: own.certificate }, {}, await forged(blue().name)]) {
      expect((await attempt({ ...foreign, minVersion: 'TLSv1.3', ...credentials })).answered).toBe(false);
    }
    expect(witness.said.join('')).toMatch(/warn blue LINK_REFUSED .*shows no certificate of this cluster/);
    expect(witness.said.join('')).not.toMatch(/blue HOST_UP/);
  });

  it('resumes no session, which could be begun in one cluster and gone on with in another', async () => {
    const own = await red().identity('alpha');
    const sessions: Buffer[] = [];
    const first = connect({ ...agentClientOptions(own, 'gamma'), host: witnessAddress, port });
    first.on('session', (session: Buffer) => sessions.push(session));
    first.on('error', () => undefined);
    await vi.waitFor(() => expect(sessions.length).toBeGreaterThan(0), 5000);
    first.destroy();
    for (const session of sessions) {
      const servername = clusterServerName(blue().authority.certificate);
      const options = { key: own.key, cert: own.certificate, rejectUnauthorized: false, servername, session };
      expect((await attempt(options)).answered).toBe(false);
    }
  });

  it('tells a host of a cluster that it does not know what to do', async () => {
    const stranger = await SmallCluster.make('elsewhere', port, 3);
    const said: string[] = [];
    const links = stranger.links(await stranger.identity('alpha'), {
      log: (_level, _code, message) => said.push(message),
    });
    open.push(links);
    await links.start();
    await vi.waitFor(
      () => expect(said.join('\n')).toMatch(/gamma answers for other clusters, not for this one: .*witness add/),
      5000,
    );
  });

  it('takes a cluster up and lets go of it while it serves the others', async () => {
    const beside = arbiterOf(await linked(red()));
    await beside.propose('web', null, record(1, 'alpha', 'a/1'));
    const links = await linked(blue());
    witness.folder.remove('blue');
    expect((await witness.reload()).map(({ name }) => name)).toEqual(['red']);
    witness.folder.clear('blue');
    await vi.waitFor(() => expect(links.reachable('gamma')).toBe(false), 5000);
    expect(await beside.read('web')).toEqual(record(1, 'alpha', 'a/1'));
    await blue().install(witness.folder, 'blue');
    expect((await witness.reload()).every(({ problem }) => problem === null)).toBe(true);
    await vi.waitFor(() => expect(links.reachable('gamma')).toBe(true), 5000);
    expect(await arbiterOf(links).read('web')).toBeNull();
  });

  it('serves the others when the files or the records of one are damaged', async () => {
    await witness.stop();
    writeFileSync(join(witness.folder.clusterDirectory('blue'), 'tls', 'host.crt'), 'nothing');
    await witness.start();
    const states = await witness.states();
    expect(states.find(({ name }) => name === 'blue')?.problem).not.toBeNull();
    const arbiter = arbiterOf(await linked(red()));
    writeFileSync(join(witness.folder.recordsDirectory('red'), 'db.json'), '{');
    await expect(arbiter.read('db')).rejects.toThrow(/damaged/);
    expect(await arbiter.propose('web', null, record(1, 'alpha', 'a/1'))).toMatchObject({ granted: true });
  });

  it('says at its start, and when a cluster is added, that its certificate there ends soon', async () => {
    const by = red().authority;
    const validity = { notBefore: new Date(), notAfter: new Date(Date.now() + 10.5 * 86_400_000) };
    const own = await createHostCertificate(by, { host: 'gamma', addresses: [] }, validity);
    const file = { name: red().fileName, text: red().text() };
    witness.folder.install('red', { file, identity: { ...own, authority: by.certificate } });
    await witness.reload();
    expect(witness.said.filter((line) => line.includes('CERTIFICATE_ENDS'))).toEqual([
      expect.stringMatching(
        /warn red CERTIFICATE_ENDS .*gamma ends on .*\(in 10 days\).*token join.*understudy witness add/,
      ),
    ]);
  });

  it('serves the others when the folder of one that it could not serve goes away', async () => {
    await witness.stop();
    writeFileSync(join(witness.folder.clusterDirectory('blue'), 'tls', 'host.crt'), 'nothing');
    await witness.start(50);
    const arbiter = arbiterOf(await linked(red()));
    rmSync(witness.folder.clusterDirectory('blue'), { recursive: true });
    await vi.waitFor(async () => expect((await witness.states()).map(({ name }) => name)).toEqual(['red']), 5000);
    expect(await arbiter.propose('web', null, record(1, 'alpha', 'a/1'))).toMatchObject({ granted: true });
  });

  it('goes on by the old files of a cluster whose new ones were cut off on their way, and keeps its records', async () => {
    const arbiter = arbiterOf(await linked(blue()));
    await arbiter.propose('web', null, record(3, 'alpha', 'a/3'));
    await witness.stop();
    const beside = join(dirname(witness.folder.clusterDirectory('blue')), '.blue.old');
    renameSync(witness.folder.clusterDirectory('blue'), beside);
    await witness.start();
    expect(await witness.states()).toMatchObject([{ name: 'blue', problem: null }, { name: 'red' }]);
    await vi.waitFor(async () => expect(await arbiter.read('web')).toEqual(record(3, 'alpha', 'a/3')), 10_000);
    renameSync(witness.folder.clusterDirectory('blue'), beside);
    await blue().install(witness.folder, 'blue');
    await witness.reload();
    await vi.waitFor(async () => expect(await arbiter.read('web')).toEqual(record(3, 'alpha', 'a/3')), 10_000);
  });

  it('forgets everything without a trace of another cluster, and is given it anew by the one that asks', async () => {
    const arbiter = arbiterOf(await linked(red()));
    await arbiter.propose('web', null, record(4, 'alpha', 'a/4'));
    await witness.stop();
    rmSync(witness.folder.recordsDirectory('red'), { recursive: true });
    await witness.start();
    await vi.waitFor(async () => expect(await arbiter.read('web')).toBeNull(), { timeout: 10_000, interval: 100 });
    expect(await arbiter.propose('web', null, record(5, 'alpha', 'a/5'))).toMatchObject({ granted: true });
  });

  it('refuses to run twice with one folder', async () => {
    const second = new RunningWitness();
    Object.assign(second, { folder: witness.folder });
    await expect(second.start()).rejects.toThrow(/A witness runs with this folder already/);
  });
});

describe('a cluster that asks for too much', () => {
  it('gets no more records than there is room for, of a bounded size, and takes none of the others', async () => {
    const [a, b] = [arbiterOf(await linked(red())), arbiterOf(await linked(blue()))];
    let granted = 0;
    let reason = '';
    for (let number = 0; number < 300 && reason === ''; number += 1) {
      await a.propose(`m${String(number)}`, null, record(1, 'alpha', `a/${String(number)}`)).then(
        () => (granted += 1),
        (error: unknown) => (reason = String(error)),
      );
    }
    expect({ granted, reason }).toMatchObject({
      granted: 256,
      reason: expect.stringMatching(/no room for the record of another module/) as string,
    });
    // What is there can be changed, and other clusters have their place.
    expect(await a.propose('m0', 1, record(2, 'beta', 'b/2'))).toMatchObject({ granted: true });
    expect(await b.propose('web', null, record(1, 'alpha', 'a/1'))).toMatchObject({ granted: true });
    await expect(a.propose('m1', 1, record(2, 'alpha', 'x'.repeat(5000)))).rejects.toThrow(/not valid/);
    expect(readdirSync(witness.folder.recordsDirectory('red'))).toHaveLength(256);
    // A block for each, the folders, and the files of the cluster.
    expect(witness.folder.bytes('red')).toBeLessThan(256 * 4096 + 64 * 1024);
  });

  it('cannot hold connections without a handshake', async () => {
    const socket = connectPlain({ host: witnessAddress, port });
    socket.resume();
    socket.on('error', () => undefined);
    await once(socket, 'close');
  });

  it('waits for itself: the others are answered as ever during a flood of questions and of connections', async () => {
    const b = arbiterOf(await linked(blue(), 'beta'));
    const own = await red().identity('alpha');
    const flood = await flooder(own);
    const strangers = Array.from({ length: 400 }, () => connectPlain({ host: witnessAddress, port }));
    for (const socket of strangers) socket.on('error', () => undefined);
    await vi.waitFor(() => expect(flood.answers()).toBeGreaterThan(100), 20_000);
    for (let epoch = 1; epoch <= 40; epoch += 1) {
      const next = record(epoch, 'beta', `b/${String(epoch)}`);
      // Within the time that an agent gives the witness: a longer wait would reject.
      expect(await b.propose('web', epoch === 1 ? null : epoch - 1, next)).toMatchObject({ granted: true });
    }
    flood.end();
    for (const socket of strangers) socket.destroy();
  });
});

/** A host of the cluster that asks without waiting for answers, as fast as it is read. */
async function flooder(
  own: Parameters<typeof agentClientOptions>[0],
): Promise<{ answers: () => number; end: () => void }> {
  const socket = connect({ ...agentClientOptions(own, 'gamma'), host: witnessAddress, port });
  let ended = false;
  let answers = 0;
  const decoder = new MessageDecoder();
  socket.on('error', () => undefined);
  socket.on('data', (bytes: Buffer) => (answers += decoder.push(bytes).length));
  await once(socket, 'secureConnect');
  const hello = {
    type: 'hello',
    protocolVersion: agentProtocolVersion,
    agentVersion: '1',
    host: own.host,
    cluster: 'site',
  };
  socket.write(encodeMessage(hello));
  let id = 0;
  const write = (): void => {
    while (!ended && !socket.destroyed) {
      id += 1;
      // Each of them is granted, and so written to the disk.
      const expected = id > 100 ? id - 100 : null;
      const proposed = record(id, 'alpha', `a/${String(id)}`);
      const params = { module: `m${String(id % 100)}`, expect: expected, record: proposed };
      if (!socket.write(encodeMessage({ type: 'request', id, method: 'arbiter.propose', params }))) break;
    }
  };
  socket.on('drain', write);
  write();
  return {
    answers: () => answers,
    end: () => {
      ended = true;
      socket.destroy();
    },
  };
}

/** A certificate of alpha by an authority that calls itself as the cluster's does. */
async function forged(name: string): Promise<{ key: string; cert: string }> {
  const own = await (await SmallCluster.make(name, port, 9)).identity('alpha');
  return { key: own.key, cert: own.certificate };
}
