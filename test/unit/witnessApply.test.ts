import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WitnessArbiter } from '../../agent/arbiter/witness.ts';
import { hashOfFiles } from '../../agent/config/versions.ts';
import type { HostLinks } from '../../agent/host/hostLinks.ts';
import type { HostLinksOptions } from '../../agent/host/linkOptions.ts';
import type { ApplyResult } from '../../schemas/generated/api.ts';
import { ApplyingHosts, type Host } from '../support/applyingHosts.ts';
import { arbiterRecord as record } from '../support/arbiterRecord.ts';
import { RunningWitness, SmallCluster } from '../support/witnessClusters.ts';

const port = 25_821;
const web = 'web.module.jsonc';
const site = 'site.cluster.jsonc';
const within = { timeout: 10_000, interval: 50 };

let witness: RunningWitness;
let red: SmallCluster;
let hosts: ApplyingHosts;
const open: HostLinks[] = [];

beforeEach(async () => {
  witness = new RunningWitness();
  red = await SmallCluster.make('site', port, 4);
  await red.install(witness.folder, 'red');
  hosts = new ApplyingHosts(red);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((links) => links.stop()));
  await hosts.remove();
  await witness.remove();
});

/** With both hosts, and the witness in sight of them. */
async function started(): Promise<{ readonly alpha: Host; readonly beta: Host }> {
  await witness.start();
  const [alpha, beta] = [await hosts.start('alpha'), await hosts.start('beta')];
  await vi.waitFor(() => {
    for (const [host, other] of [
      [alpha, 'beta'],
      [beta, 'alpha'],
    ] as const) {
      expect([host.heardOf('gamma'), host.heardOf(other)]).not.toContain(null);
    }
  }, within);
  return { alpha, beta };
}

/** Alpha of a cluster, of which nothing but its links to the witness is there. */
async function linked(of: SmallCluster, changes: Partial<HostLinksOptions> = {}): Promise<HostLinks> {
  const links = of.links(await of.identity('alpha'), changes);
  open.push(links);
  await links.start();
  await vi.waitFor(() => expect(links.reachable('gamma')).toBe(true), within);
  return links;
}

async function restartWitness(seenBy: Host): Promise<void> {
  await witness.stop();
  await vi.waitFor(() => expect(seenBy.links.reachable('gamma')).toBe(false), within);
  await witness.start();
  await vi.waitFor(() => expect(seenBy.links.reachable('gamma')).toBe(true), within);
}

const arbiterOf = ({ links }: Host): WitnessArbiter =>
  new WitnessArbiter({
    request: (method, params, timeoutMs) => links.request('gamma', method, params, timeoutMs),
    reachable: () => links.reachable('gamma'),
  });
const said = ({ problems }: ApplyResult): string =>
  problems.map(({ host, message }) => `${host}: ${message}`).join('\n');
const versionsOf = (host: Host): unknown[] => [
  host.files.number,
  ...['alpha', 'beta', 'gamma'].flatMap((name) => host.heardOf(name)?.number ?? []),
];
const witnessFile = (name = 'red'): string => readFileSync(join(witness.folder.clusterDirectory(name), site), 'utf8');

describe('applying files with a witness of several clusters', () => {
  it('a module: on all hosts, with no difference to be seen, and the witness keeps nothing of it but which version it is', async () => {
    const { alpha, beta } = await started();
    expect(alpha.drift).toEqual([]);
    const before = witness.folder.bytes('red');
    expect(await alpha.apply({ [web]: hosts.webText({ failover: { detection: '5s' } }) })).toMatchObject({
      applied: true,
      version: 1,
      problems: [],
      message: 'version 1 is applied on alpha, beta, gamma',
    });
    await vi.waitFor(() => expect([versionsOf(alpha), versionsOf(beta)]).toEqual(Array(2).fill([1, 1, 1])), within);
    expect([alpha.drift, beta.drift]).toEqual([[], []]);
    expect(alpha.heardOf('gamma')?.hash).toBe(alpha.files.hash);
    expect(await beta.apply({ [web]: hosts.webText({ failover: { detection: '5s' } }) })).toMatchObject({
      applied: false,
      problems: [],
      message: /nothing to do/,
    });
    expect(readdirSync(witness.folder.clusterDirectory('red')).sort()).toEqual([site, 'tls', 'version.json']);
    expect(witness.folder.bytes('red') - before).toBeLessThanOrEqual(4096);

    // Over a restart of the witness, too: it asks nobody.
    hosts.lost = () => true;
    await restartWitness(alpha);
    await vi.waitFor(() => expect(alpha.heardOf('gamma')).toMatchObject({ number: 1, problem: null }), within);
    expect(witness.said.filter((line) => line.includes('FILES_APPLIED'))).toHaveLength(1);
  });

  it('a cluster file: the witness goes on by it with its records and its links, and knows the new host', async () => {
    const { alpha, beta } = await started();
    const blue = await SmallCluster.make('site', port, 5);
    await blue.install(witness.folder, 'blue');
    await witness.reload();
    await arbiterOf(alpha).propose('web', null, record(1, 'alpha', 'a/1'));
    const text = red.text({ heartbeat: '200ms', hosts: { ...red.hosts, delta: { lan: '127.1.4.4' } } });
    expect(await beta.apply({ [site]: text })).toMatchObject({ applied: true, problems: [] });
    expect(witnessFile()).toBe(text);
    expect(await arbiterOf(alpha).read('web')).toEqual(record(1, 'alpha', 'a/1'));
    const states = await witness.states();
    expect(states.find(({ name }) => name === 'red')?.hosts.map(({ name }) => name)).toEqual([
      'alpha',
      'beta',
      'delta',
    ]);
    expect(states.find(({ name }) => name === 'blue')?.hosts.map(({ name }) => name)).toEqual(['alpha', 'beta']);
    expect(witnessFile('blue')).toBe(blue.text());
    // Neither that nor another cluster's addition makes it begin anew with what it serves.
    await witness.reload();
    expect(witness.said.filter((line) => line.includes('red CLUSTER_SERVED'))).toHaveLength(1);

    await restartWitness(alpha);
    expect(await arbiterOf(alpha).read('web')).toEqual(record(1, 'alpha', 'a/1'));
  });

  it('another port: the witness answers there, without being restarted', async () => {
    const { alpha, beta } = await started();
    const text = red.text({ ports: { agent: port + 1 } });
    expect(await alpha.apply({ [site]: text })).toMatchObject({ applied: true, problems: [] });
    await Promise.all([alpha.stop(), beta.stop()]);
    expect((await witness.reload()).map(({ problem }) => problem)).toEqual([null]);
    await linked(red, { port: port + 1 });
  });

  it('a cluster file by which it would be no witness, or a module of its own, is refused with what to do', async () => {
    const { alpha } = await started();
    const apply = async (files: Readonly<Record<string, string>>): Promise<string> => {
      const result = await alpha.apply(files);
      expect(result.applied).toBe(false);
      return said(result);
    };
    expect(await apply({ [site]: red.text({ arbiter: 'none' }) })).toMatch(
      /gamma: gamma is no witness of the cluster site.*take it out of the hosts as well, and `understudy witness remove red` there/,
    );
    const own = hosts.webText({ name: 'db', hosts: ['alpha', 'gamma'] });
    expect(await apply({ 'db.module.jsonc': own })).toMatch(/gamma: gamma is a host of a module of site \(db\.module/);
    expect(await apply({ [site]: `${red.text()}${' '.repeat(17_000)}` })).toMatch(/gamma: .*longer than 16 KiB/);
    expect(await apply({ [site]: red.text({ heartbeat: 'often' }) })).toMatch(/gamma: .*often/);
    expect(witnessFile()).toBe(red.text());
    // None of it keeps anybody from the next change.
    expect(await alpha.apply({ [web]: hosts.webText({ priority: 7 }) })).toMatchObject({ applied: true });
    // Taken out of the hosts it is not asked.
    const { gamma, ...others } = red.hosts;
    expect(gamma).toBeDefined();
    expect(await alpha.apply({ [site]: red.text({ arbiter: 'none', hosts: others }) })).toMatchObject({
      applied: true,
      message: /gamma is no host of the cluster any more.*`understudy witness remove`/,
    });
  });

  it('does not silently replace the cluster file of the witness, before anything was applied', async () => {
    writeFileSync(join(witness.folder.clusterDirectory('red'), site), red.text({ heartbeat: '250ms' }));
    const { alpha } = await started();
    expect(alpha.drift).toEqual([
      `${site} of alpha and of gamma differ: \`understudy apply\` the right one, and all hosts have it`,
    ]);
    expect(said(await alpha.apply({ [web]: hosts.webText({ priority: 7 }) }))).toMatch(
      /gamma: site\.cluster\.jsonc is another one here than on alpha, and was never applied: name it as well/,
    );
    expect(await alpha.apply({ [site]: red.text() })).toMatchObject({ applied: true });
    await vi.waitFor(() => expect(alpha.drift).toEqual([]), within);
    expect(witnessFile()).toBe(red.text());
  });
});

describe('a witness of several clusters that has missed a version', () => {
  it('takes it over when it hears of it: it was not told, was added again, or had its file changed by hand', async () => {
    const { alpha } = await started();
    await arbiterOf(alpha).propose('web', null, record(1, 'alpha', 'a/1'));
    hosts.lost = (to, method) => to === 'gamma' && method === 'configuration.commit';
    const text = red.text({ heartbeat: '200ms' });
    expect(await alpha.apply({ [site]: text })).toMatchObject({
      applied: true,
      message: /gamma has not taken it over/,
    });
    expect(witnessFile()).toBe(red.text());
    const isSame = (): Promise<void> =>
      vi.waitFor(() => expect([alpha.heardOf('gamma')?.hash, witnessFile()]).toEqual([alpha.files.hash, text]), {
        ...within,
        timeout: 15_000,
      });
    await isSame();

    await red.install(witness.folder, 'red');
    expect(witnessFile()).toBe(red.text());
    await witness.reload();
    await isSame();

    await witness.stop();
    writeFileSync(join(witness.folder.clusterDirectory('red'), site), red.text({ heartbeat: '250ms' }));
    await witness.start();
    await isSame();
    expect(await arbiterOf(alpha).read('web')).toEqual(record(1, 'alpha', 'a/1'));
    expect(alpha.drift).toEqual([]);
  });

  it('says why it cannot take over one by which it is no witness, and answers as ever', async () => {
    const files = { [site]: red.text({ arbiter: 'none' }), [web]: hosts.webText() };
    const version = { number: 3, hash: hashOfFiles(files), at: '', by: 'ops', host: 'alpha', note: null, files };
    hosts.remember('alpha', version);
    hosts.remember('beta', version);
    const { alpha } = await started();
    await vi.waitFor(
      () => expect(alpha.drift.join()).toMatch(/gamma runs by version 0 .*cannot take over: .*witness remove red/),
      within,
    );
    expect(await arbiterOf(alpha).read('web')).toBeNull();
  });

  it('keeps no modules for others: who lacks the version gets it from a host, or is told what to do', async () => {
    const { alpha, beta } = await started();
    hosts.lost = (to, method) => to === 'beta' && method === 'configuration.commit';
    // Beta does not ask before it is told that alpha is away.
    beta.files.catchUp = () => Promise.resolve(null);
    expect(await alpha.apply({ [web]: hosts.webText({ priority: 7 }) })).toMatchObject({ applied: true });
    await hosts.stop('alpha');
    await vi.waitFor(() => expect(beta.heardOf('gamma')?.number).toBe(1), within);
    const attempt = async (): Promise<string> => said(await beta.apply({ [web]: hosts.webText({ priority: 8 }) }));
    await vi.waitFor(
      async () =>
        expect(await attempt()).toMatch(
          /beta could not get it from there: gamma is a witness only.*bring a host back that runs by version 1; .*`understudy witness add`/,
        ),
      within,
    );
    Reflect.deleteProperty(beta.files, 'catchUp');
    await hosts.start('alpha');
    await vi.waitFor(() => expect(beta.files.told.number).toBe(1), { ...within, timeout: 15_000 });
  });

  it('hears nothing of another cluster: what is proposed in one cannot be applied in the other', async () => {
    const blue = await SmallCluster.make('site', port, 5);
    await blue.install(witness.folder, 'blue');
    const { alpha } = await started();
    const other = await linked(blue);
    const text = red.text({ heartbeat: '200ms' });
    const files = [{ name: site, text }];
    const version = { number: 1, hash: '', at: '', by: 'ops', host: 'alpha', files };
    const params = { proposal: 'p', base: 0, version, named: [site], dryRun: false };
    expect(await alpha.links.request('gamma', 'configuration.prepare', params, 5000)).toEqual({ problems: [] });
    await expect(other.request('gamma', 'configuration.commit', { proposal: 'p' }, 5000)).rejects.toThrow(/is over/);
    expect(await other.request('gamma', 'configuration.abort', { proposal: 'p' }, 5000)).toEqual({});
    expect(await alpha.links.request('gamma', 'configuration.commit', { proposal: 'p' }, 5000)).toEqual({});
    expect([witnessFile(), witnessFile('blue')]).toEqual([text, blue.text()]);
  });

  it('keeps no other cluster waiting, however long and wrong the files are that it is asked to judge', async () => {
    // On a busy machine nobody is to be taken for gone.
    const [heartbeat, heartbeatMs] = ['1s', 1000];
    const blue = await SmallCluster.make('site', port, 5);
    await blue.install(witness.folder, 'blue', { heartbeat });
    await red.install(witness.folder, 'red', { heartbeat });
    await witness.start();
    const [long, other] = [await linked(red, { heartbeatMs }), await linked(blue, { heartbeatMs })];
    const keys = Array.from({ length: 40_000 }, (_, number) => `"k${String(number)}":"gamma"`).join();
    const files = [
      { name: site, text: red.text({ heartbeat }) },
      { name: web, text: `{${keys}}` },
    ];
    const version = { number: 1, hash: '', at: '', by: 'ops', host: 'alpha', files };
    const asked = Array.from({ length: 4 }, (_, number) => {
      const params = { proposal: String(number), base: 0, version, named: [site, web], dryRun: true };
      return long.request('gamma', 'configuration.prepare', params, 60_000);
    });
    const judged = Promise.allSettled(asked);
    let slowestMs = 0;
    do {
      const since = performance.now();
      await other.request('gamma', 'arbiter.read', { module: 'web' }, 30_000);
      slowestMs = Math.max(slowestMs, performance.now() - since);
    } while ((await Promise.race([judged, new Promise((go) => setImmediate(go))])) === undefined);
    expect(slowestMs).toBeLessThan(5000);
    expect(JSON.stringify(await judged)).toMatch(/the module files that name gamma are too long .* web\.module\.jsonc/);
  });
});
