import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AddressWatch } from './harness/addressWatch.ts';
import { pair, type PairName } from './harness/labCluster.ts';
import { run, tryRun } from './harness/run.ts';
import { noLab, useLabCluster } from './labSuite.ts';

const v4 = '10.77.0.200';
const v6 = 'fd77::200';
const both = [v4, v6];
const hookLog = '/var/log/hooks';
/** Writes down why it is run, and how many of the addresses are there at that moment. */
const hook = [
  '/bin/sh',
  '-c',
  `echo $UNDERSTUDY_ACTION $UNDERSTUDY_STATE $(ip -oneline address show br0 | grep -c -e ' ${v4}/' -e ' ${v6}/') >> ${hookLog}`,
];

describe.skipIf(noLab !== null)('virtual addresses of a module', () => {
  const virtualAddresses = [
    { address: `${v4}/24`, network: 'lan' },
    { address: `${v6}/64`, interface: 'br0' },
  ];
  const hooks = Object.fromEntries(
    ['beforePrimary', 'afterPrimary', 'beforeStop', 'afterStop', 'afterSecondary'].map((name) => [name, hook]),
  );
  const { cluster } = useLabCluster({ more: { virtualAddresses, hooks } });
  let watch: AddressWatch;

  beforeAll(async () => {
    watch = new AddressWatch(
      pair.map((name) => cluster().host(name)),
      both,
    );
    await atTheDesk(['ip', 'address', 'add', 'fd77::9/64', 'dev', 'eth0', 'nodad']);
  });
  afterAll(() => watch.end());

  const atTheDesk = (argv: readonly string[]): Promise<unknown> => run([...cluster().lab.operatorPrefix, ...argv]);

  async function isReached(address: string): Promise<boolean> {
    const ping = ['ping', '-n', '-c', '1', '-W', '1', address];
    return (await tryRun([...cluster().lab.operatorPrefix, ...ping])).code === 0;
  }

  /** Milliseconds until a client outside reaches both. */
  async function untilReached(since: number, limitMs = 10_000): Promise<number> {
    for (const address of both) {
      while (!(await isReached(address))) {
        if (Date.now() > since + limitMs) throw new Error(`${address} is not reached after ${String(limitMs)} ms`);
        await delay(50);
      }
    }
    return Date.now() - since;
  }

  async function readiness(name: PairName): Promise<number> {
    const url = `https://${cluster().host(name).address('lan')}:4810/ready/web`;
    const script = `fetch(${JSON.stringify(url)}).then(({ status }) => console.log(status))`;
    const argv = [...cluster().lab.operatorPrefix, process.execPath, '-e', script];
    const { stdout } = await tryRun(argv, {
      env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_NO_WARNINGS: '1' },
    });
    return Number(stdout.trim());
  }

  it('move with a switchover, and are never on two hosts', async () => {
    await untilReached(Date.now());
    expect(both.map((address) => watch.holders(address))).toEqual([['alpha'], ['alpha']]);
    expect([await readiness('alpha'), await readiness('beta')]).toEqual([200, 503]);
    await cluster().view.request('alpha', 'module.switchover', { module: 'web', to: 'beta' });
    await cluster().waitUntilServing('beta');
    await untilReached(Date.now());
    expect(both.map((address) => watch.holders(address))).toEqual([['beta'], ['beta']]);
    expect([await readiness('alpha'), await readiness('beta')]).toEqual([503, 200]);
    await cluster().view.waitFor('the status tells of both', () => {
      const held = cluster().view.replica('beta', 'web')?.virtualAddresses ?? [];
      return held.length === 2 && cluster().view.replica('alpha', 'web')?.virtualAddresses?.length === 0;
    });
    const { stdout } = await cluster().host('beta').understudy(['status']);
    expect(stdout).toContain(`address ${v4} on beta (br0)`);
    expect(stdout).toContain(`address ${v6} on beta (br0)`);
    await cluster().waitUntilHealthy('beta');
    expect(watch.twice).toEqual([]);
  });

  it('are there between the hooks around start and stop', async () => {
    const toldOn = (name: PairName): string[] =>
      readFileSync(cluster().host(name).outside(hookLog), 'utf8').trim().split('\n');
    const before = pair.map((name) => toldOn(name).length);
    await cluster().view.request('alpha', 'module.switchover', { module: 'web', to: 'beta' });
    await cluster().waitUntilHealthy('beta');
    const since = (name: PairName): string[] => toldOn(name).slice(before[pair.indexOf(name)]);
    while (since('alpha').length < 3 || since('beta').length < 2) await delay(50);
    expect(since('alpha')).toEqual([
      expect.stringMatching(/^beforeStop PRIM 2$/),
      expect.stringMatching(/^afterStop (PRIM|ALONE) 0$/),
      'afterSecondary SECOND 0',
    ]);
    expect(since('beta')).toEqual([
      expect.stringMatching(/^beforePrimary (PRIM|ALONE) 0$/),
      expect.stringMatching(/^afterPrimary (PRIM|ALONE) 2$/),
    ]);
  });

  it('stay where they are while the agent is upgraded', async () => {
    const before = watch.removed.length;
    await cluster().host('alpha').runUnderstudy(['upgrade', '--timeout', '60']);
    await cluster().waitUntilHealthy('alpha');
    await untilReached(Date.now());
    expect(watch.removed.slice(before)).toEqual([]);
    // The new agent looks after them: removed by somebody, they come back.
    await cluster()
      .host('alpha')
      .run(['ip', 'address', 'del', `${v4}/32`, 'dev', 'br0']);
    await watch.until('it is removed', () => watch.removed.slice(before).includes(`${v4} from alpha`));
    await watch.until('it is set again', () => watch.holders(v4).length === 1);
    await untilReached(Date.now());
  });

  it('move with a power loss of the primary', async () => {
    const dead = await cluster().powerLoss('alpha');
    const ms = await untilReached(dead, 20_000);
    await cluster().waitUntilServing('beta');
    expect(both.map((address) => watch.holders(address))).toEqual([['beta'], ['beta']]);
    expect(watch.twice).toEqual([]);
    // Detection, the arbiter, the mount and asking who has them; a busy machine takes its time.
    expect(ms).toBeLessThan(15_000);
  });

  it('are gone, when the agent is killed with -9, before the other host has them', async () => {
    const before = watch.removed.length;
    await cluster().host('alpha').killAgent({ andKeepItOff: true });
    await watch.until('alpha has none of them', () =>
      both.every((address) => !watch.holders(address).includes('alpha')),
    );
    expect(watch.removed.slice(before).sort()).toEqual([`${v4} from alpha`, `${v6} from alpha`]);
    await cluster().waitUntilServing('beta');
    await untilReached(Date.now());
    expect(watch.twice).toEqual([]);
    await cluster().host('alpha').startAgent();
  });

  it('are gone from a host that is cut off from everything before the other host has them', async () => {
    const { network } = cluster().lab;
    const { station } = cluster().host('alpha');
    for (const each of station.networks) await network.cutSilently(station, each);
    await cluster().waitUntilServing('beta');
    await untilReached(Date.now());
    expect(both.map((address) => watch.holders(address))).toEqual([['beta'], ['beta']]);
    expect(watch.twice).toEqual([]);
  });

  it('that another machine has are not set: the server does not start, which says why, until that machine lets go', async () => {
    const { view } = cluster();
    await view.request('alpha', 'module.stop', { module: 'web' });
    await cluster().waitUntilStopped();
    expect(both.map((address) => watch.holders(address))).toEqual([[], []]);
    await atTheDesk(['ip', 'address', 'add', `${v4}/32`, 'dev', 'eth0']);
    const start = view.request('alpha', 'module.start', { module: 'web' }).catch((error: Error) => error.message);
    expect(await start).toMatch(
      /another machine, with the hardware address [0-9a-f:]{17}, has the virtual address 10\.77\.0\.200 \(asked on br0 of alpha\): take it away/,
    );
    expect(pair.flatMap((name) => cluster().host(name).guests())).toEqual([]);
    expect(both.map((address) => watch.holders(address))).toEqual([[], []]);
    await atTheDesk(['ip', 'address', 'del', `${v4}/32`, 'dev', 'eth0']);
    await cluster().waitUntilHealthy('alpha');
    await untilReached(Date.now());
  });
});
