import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { GuestWatch } from './harness/guestWatch.ts';
import { LabCluster, type LabClusterOptions, otherOf, pair, type PairName } from './harness/labCluster.ts';
import { whyNoLab } from './harness/lab.ts';

/** Why the tests of a lab cannot run here; null when they can. Where nothing may be skipped it is an error. */
export const noLab = whyNoLab();
if (noLab !== null && process.env['CI'] !== undefined) throw new Error(noLab);

/**
 * One lab cluster for all tests of a file. Each test begins with a healthy pair whose guest writes on alpha and ends, whatever it did to
 * the hosts, with the proof: the pair becomes whole again, the module is stopped, every record that the guest had reported is on both
 * replicas, in order, once, both replicas are equal, and there never were two guests at once.
 */
export function useLabCluster(
  options: LabClusterOptions & {
    /** How long two guests may be there at once; 0 but where a host stood still. */
    readonly overlapLimitMs?: number;
    /** For how long the watch for two guests may have looked away; longer only where the machine is loaded on purpose. */
    readonly watchGapLimitMs?: number;
  } = {},
): { readonly cluster: () => LabCluster } {
  let cluster: LabCluster | null = null;
  let watch: GuestWatch | null = null;
  const current = (): LabCluster => {
    if (cluster === null) throw new Error('There is no cluster.');
    return cluster;
  };

  beforeAll(async () => {
    cluster = await LabCluster.create(options);
  });

  beforeEach(async () => {
    watch = new GuestWatch(current().lab.hosts);
    await current().startModule('alpha');
    await current().waitForRecords('alpha', 10);
  });

  afterEach(async () => {
    try {
      await makeWhole(current());
      const { verdicts, differences } = await current().stopAndJudge();
      for (const verdict of verdicts) expect(verdict).toMatchObject({ lost: [], firstOutOfOrder: null });
      expect(differences).toEqual([]);
      expect(watch?.overlapMs).toBeLessThanOrEqual(options.overlapLimitMs ?? 0);
      // Otherwise it would say nothing of two guests.
      expect(watch?.longestGapMs, 'the watch for two guests looked away').toBeLessThan(options.watchGapLimitMs ?? 1000);
    } catch (error) {
      const agents = pair
        .map((name) => `--- agent of ${name}\n${current().host(name).agentLog().slice(-3000)}`)
        .join('\n');
      throw new Error(`${(error as Error).message}\n${current().view.describe()}\n${agents}`, { cause: error });
    } finally {
      watch?.stop();
    }
  });

  afterAll(() => cluster?.destroy());
  return { cluster: current };
}

/** Ends every fault and waits for a healthy pair; the next start is on alpha again, the preferred host. */
async function makeWhole(cluster: LabCluster): Promise<void> {
  for (const host of cluster.lab.hosts) {
    if (host.isOn) {
      await cluster.lab.network.heal(host.station);
      await host.healProcesses();
    } else await cluster.powerOn(host.name as PairName);
  }
  await cluster.waitForAgents();
  await cluster.view.waitFor('the pair is whole again', () => pair.some((name) => cluster.isHealthy(name)), 120_000);
  // What starts before that is replicated over the wrong network for as long as it runs.
  const hears = (name: PairName): boolean =>
    cluster.view
      .snapshot(name)
      ?.hosts.find((host) => host.name === otherOf(name))
      ?.networks.every(({ up }) => up) === true;
  await cluster.view.waitFor('the hosts hear each other on every network', () => pair.every(hears), 60_000);
}
