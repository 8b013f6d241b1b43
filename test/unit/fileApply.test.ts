import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfiguration, readAgentFile } from '../../agent/config/configuration.ts';
import { PendingFile } from '../../agent/config/pendingVersion.ts';
import { VersionStore } from '../../agent/config/versions.ts';
import { UnreachableError } from '../../agent/host/linkRequests.ts';
import { CurrentConfiguration } from '../../agent/runtime/currentConfiguration.ts';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import { FileApply } from '../../agent/runtime/fileApply.ts';
import { HostFiles } from '../../agent/runtime/hostFiles.ts';
import type { LinkRequest } from '../../schemas/generated/link.ts';

type Name = 'alpha' | 'beta' | 'gamma';
const names: readonly Name[] = ['alpha', 'beta', 'gamma'];
const web = 'web.module.jsonc';

let folder: string;
let isStopped: boolean;
/** Requests that get lost on their way. */
let lost: (to: Name, method: LinkRequest['method']) => boolean;

const clusterText = (more: object = {}): string =>
  JSON.stringify({
    name: 'site',
    networks: { lan: {}, link: {} },
    hosts: {
      alpha: { lan: '10.77.0.1', link: '10.78.0.1' },
      beta: { lan: '10.77.0.2', link: '10.78.0.2' },
      gamma: { lan: '10.77.0.3' },
    },
    arbiter: { witness: 'gamma' },
    ...more,
  });
const webText = (detection = '3s', more: object = {}): string =>
  JSON.stringify({
    name: 'web',
    hosts: ['alpha', 'beta'],
    mirror: { directories: [join(folder, 'srv')] },
    server: { scripts: { start: ['/bin/true'], stop: ['/bin/true'] } },
    failover: { detection },
    ...more,
  });

interface Host {
  readonly configuration: CurrentConfiguration;
  readonly files: HostFiles;
  readonly apply: FileApply;
  readonly store: VersionStore;
  readonly took: string[];
}

const hosts = new Map<Name, Host>();
let onHold: (name: Name) => void;
/** Why a host keeps its modules closed. */
const held = new Map<Name, string | null>();
const host = (name: Name): Host => {
  const found = hosts.get(name);
  if (!found) throw new Error(`${name} is off`);
  return found;
};
const fileOf = (name: Name): string => join(folder, name, 'modules', web);

function install(name: Name, text: string): void {
  mkdirSync(join(folder, name, 'modules'), { recursive: true });
  const settings = { host: name, stateDirectory: join(folder, name, 'state') };
  writeFileSync(join(folder, name, 'agent.jsonc'), JSON.stringify(settings));
  writeFileSync(join(folder, name, 'site.cluster.jsonc'), clusterText());
  writeFileSync(fileOf(name), text);
}

/** This host's part as the agent has it, and the others at the end of calls instead of connections. */
async function start(name: Name): Promise<Host> {
  const directory = join(folder, name);
  const loaded = await loadConfiguration(directory);
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join());
  const configuration = new CurrentConfiguration(loaded.configuration);
  const store = new VersionStore(join(directory, 'state'));
  const log = new EventLog(join(directory, 'log.jsonl'), name, 'error');
  const took: string[] = [];
  const files = new HostFiles({
    configuration,
    agentFile: await readAgentFile(directory),
    store,
    slots: configuration.modules.map((module) => ({
      get module() {
        return configuration.modules.find((each) => each.name === module.name) ?? module;
      },
      isOurs: module.hosts.includes(name),
      get isStopped() {
        return isStopped;
      },
      get arbiterHindrance() {
        return isStopped ? null : `${module.name} is not stopped`;
      },
    })),
    pending: new PendingFile(join(directory, 'state')),
    hold: (reason) => {
      held.set(name, reason);
      onHold(name);
      return Promise.resolve();
    },
    log,
    takeEffect: () => Promise.resolve(void took.push(String(configuration.version))),
    onChange: () => undefined,
  });
  const apply = new FileApply({
    configuration,
    files,
    links: {
      reachable: (other) => hosts.has(other as Name),
      request: async (other, method, params) => {
        if (!hosts.has(other as Name) || lost(other as Name, method)) {
          throw new UnreachableError(`${other} is not reachable`);
        }
        return host(other as Name).apply.answer(method, params);
      },
    },
    toldBy: (other) => hosts.get(other as Name)?.files.told ?? null,
    read: (number) => store.read(number),
    log,
  });
  await files.start();
  const made = { configuration, files, apply, store, took };
  hosts.set(name, made);
  return made;
}

function stop(name: Name): void {
  host(name).files.close();
  hosts.delete(name);
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-apply-'));
  mkdirSync(join(folder, 'srv'));
  isStopped = false;
  held.clear();
  onHold = () => undefined;
  lost = () => false;
  for (const name of names) install(name, webText());
  for (const name of names) await start(name);
});
afterEach(() => {
  for (const name of [...hosts.keys()]) stop(name);
  rmSync(folder, { recursive: true, force: true });
});

const apply = (on: Name, text: string | null, dryRun = false) =>
  host(on).apply.apply([{ name: web, text }], 'ops', null, dryRun);
const numbers = () => names.map((name) => hosts.get(name)?.files.number);
const detection = (name: Name) => host(name).configuration.modules[0]?.failover.detectionMs;
const hear = (on: Name, from: Name) => host(on).apply.heard(from, host(from).files.told);

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
      expect(readFileSync(fileOf(name), 'utf8')).toBe(webText('5s'));
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
    const moved = webText('3s', { mirror: { directories: [join(folder, 'elsewhere')] } });
    const running = await apply('alpha', moved);
    expect(running.problems.map(({ message }) => message).join('\n')).toMatch(
      /cannot change while it runs, and it is not stopped on beta: stop it first \(`understudy stop web`\)/,
    );
    isStopped = true;
    expect((await apply('alpha', moved)).problems[0]?.message).toMatch(/elsewhere does not exist on alpha: make it/);
    expect(numbers()).toEqual([0, 0, 0]);
    mkdirSync(join(folder, 'elsewhere'));
    expect(await apply('alpha', moved)).toMatchObject({ applied: true });
  });

  it('with a host away nothing is applied anywhere', async () => {
    stop('gamma');
    const result = await apply('alpha', webText('5s'));
    expect(result).toMatchObject({ applied: false, problems: [{ host: 'gamma', message: /not reachable/ }] });
    expect(numbers()).toEqual([0, 0, undefined]);
  });

  it('a host that is lost before it agrees keeps all from it, and nobody waits for it afterwards', async () => {
    lost = (to, method) => to === 'gamma' && method === 'configuration.prepare';
    expect(await apply('alpha', webText('5s'))).toMatchObject({ applied: false, problems: [{ host: 'gamma' }] });
    expect(numbers()).toEqual([0, 0, 0]);
    lost = () => false;
    expect(await apply('beta', webText('6s'))).toMatchObject({ applied: true });
  });

  it('a host that goes away between the two steps takes the version over when it is back', async () => {
    lost = (to, method) => to === 'beta' && method === 'configuration.commit';
    const result = await apply('alpha', webText('5s'));
    expect(result).toMatchObject({ applied: true, version: 1, message: /beta went away meanwhile/ });
    expect(numbers()).toEqual([1, 0, 1]);
    lost = () => false;
    // It agreed to that version and lost its power: what it runs by is the old one, and nothing else can be applied before it caught up.
    stop('beta');
    await start('beta');
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
    stop('beta');
    install('beta', webText('7s'));
    await start('beta');
    const cluster = { name: 'site.cluster.jsonc', text: clusterText({ heartbeat: '100ms' }) };
    expect(await host('alpha').apply.apply([cluster], 'ops', null, false)).toMatchObject({
      applied: false,
      problems: [{ host: 'beta', file: web, message: /another one here than on alpha/ }],
    });
    const both = [cluster, { name: web, text: webText() }];
    expect(await host('alpha').apply.apply(both, 'ops', null, false)).toMatchObject({ applied: true });
    expect(detection('beta')).toBe(3000);
  });

  it('a file that was edited by hand is shown, and is what the others hold once it is applied', async () => {
    await apply('alpha', webText('4s'));
    writeFileSync(fileOf('beta'), webText('5s'));
    stop('beta');
    const beta = await start('beta');
    expect(beta.files.told).toMatchObject({ number: 1, edited: [web] });
    expect(detection('beta')).toBe(4000);
    expect(await apply('beta', readFileSync(fileOf('beta'), 'utf8'))).toMatchObject({ applied: true, version: 2 });
    expect(names.map(detection)).toEqual([5000, 5000, 5000]);
    expect(beta.files.told.edited).toEqual([]);
  });

  it('an edit that nobody wants goes when the running text is applied again', async () => {
    await apply('alpha', webText('4s'));
    writeFileSync(fileOf('beta'), 'nonsense');
    stop('beta');
    await start('beta');
    expect(await apply('alpha', webText('4s'))).toMatchObject({ applied: true, version: 2, changes: [] });
    expect(readFileSync(fileOf('beta'), 'utf8')).toBe(webText('4s'));
    expect(readFileSync(`${fileOf('beta')}.edited`, 'utf8')).toBe('nonsense');
  });

  it('a module is taken out only when it is stopped, and added again by its file', async () => {
    const refused = await apply('alpha', null);
    expect(refused.problems.map(({ message }) => message).join()).toMatch(/not stopped on alpha: stop it first/);
    isStopped = true;
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
async function isTold(name: Name, by: Name): Promise<void> {
  const told = (): string | null => {
    hear(name, by);
    return held.get(name) ?? null;
  };
  await expect.poll(told, { timeout: 15_000, interval: 100 }).toBeNull();
}

describe('applying a cluster file', () => {
  const change = (more: object) =>
    host('alpha').apply.apply([{ name: 'site.cluster.jsonc', text: clusterText(more) }], 'ops', null, false);
  const said = ({ problems }: { readonly problems: readonly { readonly message: string }[] }): string =>
    problems.map(({ message }) => message).join('\n');

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
      stop(name);
      install(name, webText('3s', { virtualAddresses: [{ address: '10.77.0.100/24', network: 'lan' }] }));
      await start(name);
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
    isStopped = true;
    expect(await change({ ports: { agent: 5000 } })).toMatchObject({ applied: true });
  });

  it('another arbiter needs all modules stopped and in sync, and is the same one on all hosts', async () => {
    const none = { arbiter: 'none' };
    expect(said(await change(none))).toMatch(
      /arbiter can only change while all modules are stopped.*web is not stopped/s,
    );
    expect([...held.values()]).toEqual([]);
    isStopped = true;
    expect(await change(none)).toMatchObject({ applied: true });
    for (const name of names) expect(host(name).configuration.cluster.arbiter.kind).toBe('none');
    expect([...held.values()]).toEqual([null, null, null]);
  });

  it('a host that agreed to another arbiter opens no module until it knows whether it is applied', async () => {
    isStopped = true;
    lost = (to, method) => to === 'beta' && method === 'configuration.commit';
    expect(await change({ arbiter: 'none' })).toMatchObject({ applied: true, message: /beta went away meanwhile/ });
    expect(held.get('beta')).toMatch(/about to change by version 1 .* alpha has not told yet/);
    // Over a restart, too, and also while the host that knows is away.
    stop('beta');
    held.clear();
    await start('beta');
    expect(held.get('beta')).toMatch(/bring alpha back/);
    lost = () => false;
    await isTold('beta', 'alpha');
    expect(host('beta').configuration.cluster.arbiter.kind).toBe('none');
  });

  it('who asks while the others are still asked is told that nothing is decided', async () => {
    isStopped = true;
    const told: string[] = [];
    onHold = () => {
      // Whichever agrees first.
      const { inDoubt } = host('beta').files;
      if (inDoubt) told.push(host('alpha').files.outcome(inDoubt.proposal, inDoubt.number));
    };
    expect(await change({ arbiter: 'none' })).toMatchObject({ applied: true });
    expect(told[0]).toBe('open');
    expect(new Set(told)).not.toContain('dropped');
  });

  it('when it is applied nowhere, a host that agreed and did not hear of the end goes on as before', async () => {
    isStopped = true;
    lost = (to, method) =>
      (to === 'gamma' && method === 'configuration.prepare') || (to === 'beta' && method === 'configuration.abort');
    expect(await change({ arbiter: 'none' })).toMatchObject({ applied: false });
    expect(held.get('alpha')).toBeNull();
    expect(held.get('beta')).toMatch(/alpha has not told yet/);
    lost = () => false;
    await isTold('beta', 'alpha');
    expect(numbers()).toEqual([0, 0, 0]);
    expect(host('beta').configuration.cluster.arbiter.kind).toBe('witness');
  });

  it('a host that died before it decided has not applied it, and tells the others so', async () => {
    isStopped = true;
    lost = (to, method) => to === 'beta' && method === 'configuration.abort';
    const beta = host('beta').files;
    const alpha = host('alpha').files;
    const text = clusterText({ arbiter: 'none' });
    const files = { ...alpha.files, 'site.cluster.jsonc': text };
    const version = { number: 1, hash: '', at: '', by: 'ops', host: 'alpha', note: null, files };
    const proposed = { proposal: 'p', base: 0, version, named: ['site.cluster.jsonc'], dryRun: false };
    for (const each of [alpha, beta]) {
      expect((await each.prepare(proposed)).filter(({ severity }) => severity === 'error')).toEqual([]);
    }
    stop('alpha');
    held.delete('alpha');
    await start('alpha');
    expect(held.get('alpha') ?? null).toBeNull();
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
