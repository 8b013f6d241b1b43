import { rename } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { cleanUp } from '../support/cleanUp.ts';
import { pair, type PairName } from './harness/labCluster.ts';
import { noLab, useLabCluster } from './labSuite.ts';

/** Of a module file that says nothing else: for so long a host that is silent is waited for. */
const detectionMs = 3000;

describe.skipIf(noLab !== null)('with a healthy pair', () => {
  const { cluster } = useLabCluster();

  /** kill -9 of a host's agent; resolves when that one is gone, whether or not the next one is there already. */
  async function killAgent(name: PairName): Promise<void> {
    const host = cluster().host(name);
    const before = await host.agentPid();
    await host.killAgent();
    await expect.poll(() => host.agentPid()).not.toBe(before);
  }

  it('kill -9 of the guest: it is started again on the same host', async () => {
    const { view } = cluster();
    const [before] = cluster().host('alpha').guests();
    const killed = performance.now();
    expect(cluster().host('alpha').killGuest()).toBe(1);
    // By its process: the restart can be over before anybody looks.
    const isAnother = (): boolean => {
      const [now] = cluster().host('alpha').guests();
      return now !== undefined && now !== before && cluster().isServing('alpha');
    };
    await view.waitFor('another guest runs on alpha', isAnother);
    expect(performance.now() - killed).toBeLessThan(detectionMs);
    await cluster().waitForRecords('alpha', 10);
    expect(view.replica('alpha', 'web')?.server.restarts).toBeGreaterThanOrEqual(1);
  });

  it('kill -9 of the agent on the primary: its mirror process ends the guest and has the other host take over at once', async () => {
    const before = cluster().host('alpha').guests()[0];
    const since = cluster().view.log.length;
    const killed = Date.now();
    await killAgent('alpha');
    // By its process: what the agent said last is believed until its connection has ended.
    const servesAgain = (name: PairName): boolean =>
      cluster().isServing(name) &&
      cluster()
        .host(name)
        .guests()
        .some((guest) => guest !== before);
    await cluster().view.waitFor('the guest runs again', () => pair.some(servesAgain));
    const serving = pair.find(servesAgain) ?? 'alpha';
    await cluster().waitForRecords(serving, 10);
    // Nothing of the old agent's guest is left beside the new one.
    expect(cluster().host('alpha').guests()).not.toContain(before);
    // Whichever of the two the arbiter let go first: the other host did not wait for the detection time to pass.
    const told = cluster().view.log.slice(since);
    const ended = told.find(({ code, host }) => code === 'PRIMARY_ENDED' && host === 'beta');
    expect(ended?.message, cluster().view.describe()).toMatch(/the agent of alpha died/);
    expect(Date.parse(ended?.time ?? '') - killed).toBeLessThan(detectionMs);
    const started = told.find(({ code, host }) => code === 'SERVER_RUNNING' && host === serving);
    expect(Date.parse(started?.time ?? '') - killed).toBeLessThan(detectionMs);
    expect(told.map(({ code }) => code)).not.toContain('PRIMARY_SILENT');
    const { cause } = cluster().view.module('beta', 'web')?.lastFailover ?? {};
    if (serving === 'beta') expect(cause).toBe('the agent of alpha died, and its mirror process has ended the server');
  });

  it('kill -9 of the mirror on the primary: the guest runs on, and the pair becomes whole again', async () => {
    const serving = pair.find((name) => cluster().isServing(name)) ?? 'alpha';
    await cluster().waitUntilHealthy(serving);
    const before = cluster().host(serving).guests();
    const since = cluster().view.log.length;
    expect(await cluster().host(serving).killMirrors()).toBe(1);
    const told = (): boolean =>
      cluster()
        .view.log.slice(since)
        .some(({ code }) => code === 'MIRROR_TAKEN_OVER');
    await cluster().view.waitFor('another process has taken over', told);
    await cluster().waitForRecords(serving, 30);
    await cluster().waitUntilHealthy(serving);
    await cluster().waitForRecords(serving, 10);
    expect(cluster().host(serving).guests()).toEqual(before);
    if (!cluster().isServing('alpha')) await cluster().view.request('beta', 'module.switchover', { module: 'web' });
    await cluster().waitUntilHealthy('alpha');
  });

  it('kill -9 of the agent on the secondary: the guest runs on, and the pair becomes whole again', async () => {
    const before = cluster().host('alpha').guests();
    await killAgent('beta');
    await cluster().waitForRecords('alpha', 30);
    await cluster().waitUntilHealthy('alpha');
    expect(cluster().host('alpha').guests()).toEqual(before);
  });

  it('SIGTERM of the agent on the primary: the module is handed over in order', async () => {
    await cluster().host('alpha').stopAgent();
    expect(cluster().host('alpha').guests()).toEqual([]);
    await cluster().waitUntilServing('beta');
    await cluster().waitForRecords('beta', 10);
    await cluster().host('alpha').startAgent();
    await cluster().waitUntilHealthy('beta');
  });

  it('a guest image that is missing is one clear error, and putting it back is enough', async () => {
    const { view } = cluster();
    await view.request('alpha', 'module.stop', { module: 'web' });
    await cluster().waitUntilStopped();
    const kernels = pair.map((name) => `${cluster().replicaDirectory(name)}/vmlinuz`);
    for (const kernel of kernels) await rename(kernel, `${kernel}.away`);
    try {
      const start = view.request('alpha', 'module.start', { module: 'web' }).catch((error: Error) => error.message);
      const said = (): string => JSON.stringify([view.log, ...pair.map((name) => view.replica(name, 'web'))]);
      await view.waitFor('the missing file is named', () => said().includes('/srv/vm/web/vmlinuz does not exist'));
      expect(pair.flatMap((name) => cluster().host(name).guests())).toEqual([]);
      await view.request('alpha', 'module.stop', { module: 'web' });
      await start;
      await cluster().waitUntilStopped();
    } finally {
      await cleanUp(kernels.map((kernel) => () => rename(`${kernel}.away`, kernel)));
    }
    await cluster().startModule('alpha');
    await cluster().waitForRecords('alpha', 5);
  });
});
