import { readFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UnreachableError } from '../../agent/host/linkRequests.ts';
import { ApplyHosts, hostNames as names, said, webFile as web, type HostName } from '../support/applyHosts.ts';

let bench: ApplyHosts;
beforeEach(async () => {
  bench = await ApplyHosts.start();
});
afterEach(() => bench.close());

const host = (name: HostName) => bench.host(name);
const clusterText = (more: object = {}): string => bench.clusterText(more);
const webText = (detection?: string, more?: object): string => bench.webText(detection, more);
const apply = (on: HostName, text: string | null, dryRun = false) => bench.applyWeb(on, text, dryRun);
const numbers = () => bench.numbers();
const detection = (name: HostName) => host(name).configuration.modules[0]?.failover.detectionMs;
const hear = (on: HostName, from: HostName) => bench.hear(on, from);

describe('applying files', () => {
  it('makes them the next version on all hosts, in their folders, and keeps what was there before', async () => {
    expect(await apply('beta', webText('5s'))).toMatchObject({
      applied: true,
      version: 1,
      changes: [{ file: web, kind: 'changed', keys: [{ key: 'failover.detection', effect: 'now' }] }],
      problems: [],
    });
    expect(numbers()).toEqual([1, 1, 1]);
    for (const name of names) {
      expect(detection(name)).toBe(5000);
      expect(host(name).took).toEqual(['1']);
      expect(readFileSync(bench.fileOf(name), 'utf8')).toBe(webText('5s'));
      expect(host(name).store.read(0)?.files[web]).toBe(webText('3s'));
    }
    expect(await apply('alpha', webText('5s'))).toMatchObject({
      applied: false,
      problems: [],
      message: /nothing to do/,
    });
  });

  it('a dry run changes nothing and says what would', async () => {
    const result = await apply('alpha', webText('5s'), true);
    expect(result).toMatchObject({ applied: false, version: null, problems: [], changes: [{ file: web }] });
    expect(numbers()).toEqual([0, 0, 0]);
    expect(await apply('beta', webText('6s'))).toMatchObject({ applied: true });
  });

  it('an error, a running module that would have to stop, and a missing directory apply nowhere', async () => {
    const bad = await apply('alpha', webText('soon'));
    expect(bad).toMatchObject({ applied: false, problems: [{ host: 'alpha', file: web, line: 1 }, {}, {}] });
    const moved = webText('3s', { mirror: { directories: [join(bench.folder, 'elsewhere')] } });
    const running = await apply('alpha', moved);
    expect(running.problems.map(({ message }) => message).join('\n')).toMatch(
      /cannot change while it runs, and it is not stopped on beta: stop it first \(`understudy stop web`\)/,
    );
    bench.isStopped = true;
    expect((await apply('alpha', moved)).problems[0]?.message).toMatch(/elsewhere does not exist on alpha: make it/);
    expect(numbers()).toEqual([0, 0, 0]);
    mkdirSync(join(bench.folder, 'elsewhere'));
    expect(await apply('alpha', moved)).toMatchObject({ applied: true });
  });

  it('with a host away nothing is applied anywhere', async () => {
    bench.stop('gamma');
    const result = await apply('alpha', webText('5s'));
    expect(result).toMatchObject({ applied: false, problems: [{ host: 'gamma', message: /not reachable/ }] });
    expect(numbers()).toEqual([0, 0, undefined]);
  });

  it('a host that is lost before it agrees keeps all from it, and nobody waits for it afterwards', async () => {
    bench.lost = (to, method) => to === 'gamma' && method === 'configuration.prepare';
    expect(await apply('alpha', webText('5s'))).toMatchObject({ applied: false, problems: [{ host: 'gamma' }] });
    expect(numbers()).toEqual([0, 0, 0]);
    bench.lost = () => false;
    expect(await apply('beta', webText('6s'))).toMatchObject({ applied: true });
  });

  it('a host that goes away between the two steps takes the version over when it is back', async () => {
    bench.lost = (to, method) => to === 'beta' && method === 'configuration.commit';
    const result = await apply('alpha', webText('5s'));
    expect(result).toMatchObject({
      applied: true,
      version: 1,
      message: /beta has not taken it over \(beta is not reachable\)/,
    });
    expect(numbers()).toEqual([1, 0, 1]);
    bench.lost = () => false;
    // It agreed to that version and lost its power: what it runs by is the old one, and nothing else can be applied before it caught up.
    bench.stop('beta');
    await bench.start('beta');
    expect(detection('beta')).toBe(3000);
    expect(await apply('beta', webText('9s'))).toMatchObject({
      applied: false,
      problems: [{ host: 'alpha' }, { host: 'gamma' }],
    });
    hear('beta', 'alpha');
    await expect.poll(() => detection('beta')).toBe(5000);
    expect(host('beta').files.hash).toBe(host('alpha').files.hash);
    expect(await apply('beta', webText('9s'))).toMatchObject({ applied: true, version: 2 });
  });

  it('two at once: at most one is applied, never two as the same number', async () => {
    const both = await Promise.all([apply('alpha', webText('5s')), apply('beta', webText('6s'))]);
    expect(both.filter(({ applied }) => applied).length).toBeLessThan(2);
    expect(new Set(names.map((name) => host(name).files.hash)).size).toBe(1);
    for (const { problems, applied } of both) {
      if (!applied) expect(problems.map(({ message }) => message).join()).toMatch(/another change by ops is under way/);
    }
  });

  it('does not silently replace a file of a host that nobody named, before anything was applied', async () => {
    bench.stop('beta');
    bench.install('beta', webText('7s'));
    await bench.start('beta');
    const cluster = { name: 'site.cluster.jsonc', text: clusterText({ heartbeat: '100ms' }) };
    expect(await bench.apply('alpha', [cluster])).toMatchObject({
      applied: false,
      problems: [{ host: 'beta', file: web, message: /another one here than on alpha/ }],
    });
    const both = [cluster, { name: web, text: webText() }];
    expect(await bench.apply('alpha', both)).toMatchObject({ applied: true });
    expect(detection('beta')).toBe(3000);
  });

  it('a file that was edited by hand is shown, and is what the others hold once it is applied', async () => {
    await apply('alpha', webText('4s'));
    writeFileSync(bench.fileOf('beta'), webText('5s'));
    bench.stop('beta');
    const beta = await bench.start('beta');
    expect(beta.files.told).toMatchObject({ number: 1, edited: [web] });
    expect(detection('beta')).toBe(4000);
    expect(await apply('beta', readFileSync(bench.fileOf('beta'), 'utf8'))).toMatchObject({
      applied: true,
      version: 2,
    });
    expect(names.map(detection)).toEqual([5000, 5000, 5000]);
    expect(beta.files.told.edited).toEqual([]);
  });

  it('is refused when somebody else has changed the files since it was looked at', async () => {
    const planned = await apply('beta', webText('5s'), true);
    expect(planned.base).toBe(0);
    expect(await apply('alpha', webText('4s'))).toMatchObject({ applied: true, version: 1, base: 0 });
    const file = { name: web, text: webText('5s') };
    const late = await bench.apply('beta', [file], false, planned.base);
    expect(late.applied).toBe(false);
    expect(said(late)).toMatch(/version 1 was applied by ops meanwhile.*made from version 0: look at.*diff 0 1/);
    expect(names.map(detection)).toEqual([4000, 4000, 4000]);
    expect(await bench.apply('beta', [file], false, 1)).toMatchObject({ applied: true, version: 2 });
  });

  it('an edit that nobody wants goes when the running text is applied again', async () => {
    await apply('alpha', webText('4s'));
    writeFileSync(bench.fileOf('beta'), 'nonsense');
    bench.stop('beta');
    await bench.start('beta');
    expect(await apply('alpha', webText('4s'))).toMatchObject({ applied: true, version: 2, changes: [] });
    expect(readFileSync(bench.fileOf('beta'), 'utf8')).toBe(webText('4s'));
    expect(readFileSync(`${bench.fileOf('beta')}.edited`, 'utf8')).toBe('nonsense');
  });

  it('a mere witness gives no host new files, which name programs that run as root', async () => {
    expect(said(await apply('gamma', webText('5s')))).toMatch(
      /gamma is a witness only, and has no say in what other hosts run: apply it on alpha or beta/,
    );
    // Nor one that says otherwise.
    const files = { ...host('alpha').files.files, [web]: webText('5s') };
    const version = { number: 1, hash: '', at: '', by: 'ops', host: 'gamma', files: [] };
    const proposed = { proposal: 'p', base: 0, version, named: [web], dryRun: false };
    await expect(host('alpha').apply.answer('gamma', 'configuration.prepare', proposed)).rejects.toThrow(/no say/);
    const forged = { number: 7, hash: '', at: '', by: 'ops', host: 'gamma', note: null, files };
    expect(await host('gamma').files.catchUp(forged)).toBeNull();
    hear('alpha', 'gamma');
    expect(bench.order).not.toContain('gamma: configuration.fetch');
    expect(numbers()).toEqual([0, 0, 7]);
  });

  it('a version that a host has agreed to it takes from a witness, too', async () => {
    bench.lost = (to, method) => to === 'beta' && method === 'configuration.commit';
    expect(await apply('alpha', webText('5s'))).toMatchObject({ applied: true });
    bench.stop('alpha');
    await expect
      .poll(
        () => {
          hear('beta', 'gamma');
          return detection('beta');
        },
        { timeout: 15_000, interval: 100 },
      )
      .toBe(5000);
  });

  it('takes no other files for a version than those that the host says it runs by', async () => {
    bench.lost = (to, method) => to === 'beta' && method === 'configuration.commit';
    expect(await apply('alpha', webText('5s'))).toMatchObject({ applied: true });
    host('beta').apply.heard('alpha', { ...host('alpha').files.told, hash: 'f'.repeat(64) });
    const why = async (): Promise<string> => said(await apply('beta', webText('9s')));
    await expect.poll(why).toContain('could not get it from there: alpha sent another version than it runs by');
    expect(numbers()).toEqual([1, 0, 1]);
  });

  it('a module is taken out only when it is stopped, and added again by its file', async () => {
    const refused = await apply('alpha', null);
    expect(refused.problems.map(({ message }) => message).join()).toMatch(/not stopped on alpha: stop it first/);
    bench.isStopped = true;
    expect(await apply('alpha', null)).toMatchObject({ applied: true, changes: [{ kind: 'removed' }] });
    expect(host('beta').configuration.modules).toEqual([]);
    expect(await apply('alpha', null)).toMatchObject({
      applied: false,
      problems: [{ message: /no web.* to be removed/ }],
    });
    expect(await apply('beta', webText())).toMatchObject({ applied: true, changes: [{ kind: 'added' }] });
  });
});

/** By heartbeats that go on until it is. */
async function isTold(name: HostName, by: HostName): Promise<void> {
  const told = (): string | null => {
    hear(name, by);
    return bench.held.get(name) ?? null;
  };
  await expect.poll(told, { timeout: 15_000, interval: 100 }).toBeNull();
}

describe('applying a cluster file', () => {
  const change = (more: object) => bench.applyCluster('alpha', more);

  it('another host, another network and another heartbeat are taken while modules run', async () => {
    const more = {
      heartbeat: '100ms',
      hosts: {
        alpha: { lan: '10.77.0.1', link: '10.78.0.9' },
        beta: { lan: '10.77.0.2', link: '10.78.0.2' },
        gamma: { lan: '10.77.0.3' },
        delta: { lan: '10.77.0.4' },
      },
    };
    expect(await change(more)).toMatchObject({ applied: true, version: 1 });
    expect(host('gamma').configuration.others.map(({ name }) => name)).toEqual(['alpha', 'beta', 'delta']);
  });

  it('the address of a host that a virtual one stands by has to be there before', async () => {
    for (const name of names) {
      bench.stop(name);
      bench.install(name, webText('3s', { virtualAddresses: [{ address: '10.77.0.100/24', network: 'lan' }] }));
      await bench.start(name);
    }
    const alphaAt = (lan: string, link: string) => ({
      hosts: {
        alpha: { lan, link },
        beta: { lan: '10.77.0.2', link: '10.78.0.2' },
        gamma: { lan: '10.77.0.3' },
      },
    });
    const refused = await change(alphaAt('10.77.0.9', '10.78.0.1'));
    expect(refused.applied).toBe(false);
    expect(said(refused)).toMatch(/no interface of alpha has its address 10\.77\.0\.9 in the network lan.*: set it/);
    expect(await change(alphaAt('10.77.0.1', '10.78.0.9'))).toMatchObject({ applied: true });
  });

  it('all addresses of a host at once, the ports, the name: not while modules run, or never', async () => {
    const moved = {
      alpha: { lan: '10.77.1.1', link: '10.78.1.1' },
      beta: { lan: '10.77.0.2', link: '10.78.0.2' },
      gamma: { lan: '10.77.0.3' },
    };
    expect(said(await change({ hosts: moved }))).toMatch(/change one network, apply, then the other/);
    expect(said(await change({ ports: { agent: 5000 } }))).toMatch(/only change while no module runs.*stop web first/s);
    expect(said(await change({ name: 'other' }))).toMatch(/name of a cluster cannot be changed/);
    expect(numbers()).toEqual([0, 0, 0]);
    bench.isStopped = true;
    expect(await change({ ports: { agent: 5000 } })).toMatchObject({ applied: true });
  });

  it('hosts go on hearing each other on a network that stays, and that they hear each other on now', async () => {
    const moved = {
      hosts: {
        alpha: { lan: '10.77.0.1', link: '10.78.0.9' },
        beta: { lan: '10.77.0.2', link: '10.78.0.2' },
        gamma: { lan: '10.77.0.3' },
      },
    };
    bench.isStopped = true;
    const all = { hosts: { ...moved.hosts, alpha: { lan: '10.77.1.1', link: '10.78.1.1' } } };
    expect(said(await change(all))).toMatch(/changes at once: change one network, apply, then the other/);
    bench.down = (name, network) => network === 'lan' && name === 'beta';
    expect(said(await change(moved))).toMatch(
      /alpha and beta hear each other changes at once \(on lan, which would stay/,
    );
    expect(numbers()).toEqual([0, 0, 0]);
    bench.down = () => false;
    expect(await change(moved)).toMatchObject({ applied: true });
  });

  it('the others are told before it takes effect where it was decided', async () => {
    expect(await change({ heartbeat: '100ms' })).toMatchObject({ applied: true });
    const done = bench.order.filter((what) => !what.endsWith('prepare'));
    expect(done.at(-1)).toBe('alpha runs by it');
    expect(done.slice(0, -1).sort()).toEqual([
      'beta runs by it',
      'beta: configuration.commit',
      'gamma runs by it',
      'gamma: configuration.commit',
    ]);
  });

  it('a host that took it, and whose answer got lost with its old address, is not told to have missed it', async () => {
    const { apply } = host('beta');
    const answer = apply.answer.bind(apply);
    apply.answer = async (from, method, params) => {
      const result = await answer(from, method, params);
      if (method === 'configuration.commit') throw new UnreachableError('beta is not reachable');
      return result;
    };
    const { message } = await change({ heartbeat: '100ms' });
    expect(message).toBe('version 1 is applied on alpha, beta, gamma');
  });

  it('another arbiter needs all modules stopped and in sync, and is the same one on all hosts', async () => {
    const none = { arbiter: 'none' };
    expect(said(await change(none))).toMatch(
      /arbiter can only change while all modules are stopped.*web is not stopped/s,
    );
    expect([...bench.held.values()].filter((reason) => reason !== null)).toEqual([]);
    bench.isStopped = true;
    expect(await change(none)).toMatchObject({ applied: true });
    for (const name of names) expect(host(name).configuration.cluster.arbiter.kind).toBe('none');
    expect([...bench.held.values()]).toEqual([null, null, null]);
  });

  it('a host that agreed to another arbiter opens no module until it knows whether it is applied', async () => {
    bench.isStopped = true;
    bench.lost = (to, method) => to === 'beta' && method === 'configuration.commit';
    expect(await change({ arbiter: 'none' })).toMatchObject({
      applied: true,
      message: /beta has not taken it over \(beta is not reachable\)/,
    });
    expect(bench.held.get('beta')).toMatch(/about to change by version 1 .* alpha has not told yet/);
    // Over a restart, too, and also while the host that knows is away.
    bench.stop('beta');
    bench.held.clear();
    await bench.start('beta');
    expect(bench.held.get('beta')).toMatch(/bring alpha back/);
    bench.lost = () => false;
    await isTold('beta', 'alpha');
    expect(host('beta').configuration.cluster.arbiter.kind).toBe('none');
  });

  it('who asks while the others are still asked is told that nothing is decided', async () => {
    bench.isStopped = true;
    const told: string[] = [];
    bench.onHold = () => {
      // Whichever agrees first.
      const { inDoubt } = host('beta').files;
      if (inDoubt) told.push(host('alpha').files.outcome(inDoubt.proposal, inDoubt.number));
    };
    expect(await change({ arbiter: 'none' })).toMatchObject({ applied: true });
    expect(told[0]).toBe('open');
    expect(new Set(told)).not.toContain('dropped');
  });

  it('when it is applied nowhere, a host that agreed and did not hear of the end goes on as before', async () => {
    bench.isStopped = true;
    bench.lost = (to, method) =>
      (to === 'gamma' && method === 'configuration.prepare') || (to === 'beta' && method === 'configuration.abort');
    expect(await change({ arbiter: 'none' })).toMatchObject({ applied: false });
    expect(bench.held.get('alpha')).toBeNull();
    expect(bench.held.get('beta')).toMatch(/alpha has not told yet/);
    bench.lost = () => false;
    await isTold('beta', 'alpha');
    expect(numbers()).toEqual([0, 0, 0]);
    expect(host('beta').configuration.cluster.arbiter.kind).toBe('witness');
  });

  it('a host that died before it decided has not applied it, and tells the others so', async () => {
    bench.isStopped = true;
    bench.lost = (to, method) => to === 'beta' && method === 'configuration.abort';
    const beta = host('beta').files;
    const alpha = host('alpha').files;
    const text = clusterText({ arbiter: 'none' });
    const files = { ...alpha.files, 'site.cluster.jsonc': text };
    const version = { number: 1, hash: '', at: '', by: 'ops', host: 'alpha', note: null, files };
    const proposed = { proposal: 'p', base: 0, version, named: ['site.cluster.jsonc'], dryRun: false };
    for (const each of [alpha, beta]) {
      expect((await each.prepare(proposed)).filter(({ severity }) => severity === 'error')).toEqual([]);
    }
    bench.stop('alpha');
    bench.held.delete('alpha');
    await bench.start('alpha');
    expect(bench.held.get('alpha') ?? null).toBeNull();
    await isTold('beta', 'alpha');
    expect(numbers()).toEqual([0, 0, 0]);
  });

  it('a host that is not of the cluster any more need not be there', async () => {
    const four = {
      alpha: { lan: '10.77.0.1', link: '10.78.0.1' },
      beta: { lan: '10.77.0.2', link: '10.78.0.2' },
      gamma: { lan: '10.77.0.3' },
    };
    expect(await change({ hosts: { ...four, delta: { lan: '10.77.0.4' } } })).toMatchObject({ applied: true });
    // delta never joined, and is taken out again.
    expect(await change({ hosts: four })).toMatchObject({ applied: true, version: 2 });
  });
});
