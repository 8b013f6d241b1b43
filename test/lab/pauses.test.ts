import { describe, expect, it } from 'vitest';
import { everyProcess, goOn, standStill } from './campaign/standstill.ts';
import { type LabCluster, otherOf, pair, type PairName } from './harness/labCluster.ts';
import { noLab, useLabCluster } from './labSuite.ts';

const detectionMs = 8000;

/** What the log says of a server that is taken over, ended or started, and of a host that is taken for failed. */
const moves = ['PRIMARY_SILENT', 'HOST_SILENT', 'PROMOTED', 'FENCED', 'SERVER_DIED', 'SERVER_RUNNING', 'FAILED_OVER'];

/** Does something after which the same guest runs on alpha, without interruption. */
async function withoutMove(cluster: LabCluster, act: () => Promise<void>): Promise<void> {
  const { view } = cluster;
  const [guests, pids, from] = [await cluster.guestIds(), cluster.host('alpha').guests(), view.log.length];
  await act();
  await cluster.waitUntilHealthy('alpha');
  await cluster.waitForRecords('alpha', 20);
  expect(await cluster.guestIds()).toEqual(guests);
  expect(cluster.host('alpha').guests()).toEqual(pids);
  const moved = view.log.slice(from).filter(({ code }) => moves.includes(code));
  expect(moved.map(({ host, message }) => `${host}: ${message}`)).toEqual([]);
}

describe.skipIf(noLab !== null)('with a healthy pair', () => {
  const { cluster } = useLabCluster({
    // A guest that goes on is there until it is killed; what it writes is not acknowledged.
    overlapLimitMs: 1000,
    // Nothing is to be decided by a write that waits.
    mirror: { acknowledgeTimeout: '30s' },
    more: { failover: { detection: `${detectionMs}ms` } },
  });
  const livenessSeenBy = (name: PairName, host: string): string | undefined =>
    cluster()
      .view.snapshot(name)
      ?.hosts.find((each) => each.name === host)?.liveness;
  const epoch = (): number | undefined => cluster().view.module('alpha', 'web')?.epoch;

  it('hosts that stand still for a tenth of the detection time: nothing changes', async () => {
    const { view } = cluster();
    const [before, from] = [epoch(), view.log.length];
    await withoutMove(cluster(), async () => {
      for (const name of pair) await standStill(cluster().host(name), 0.1 * detectionMs, everyProcess);
    });
    const lost = view.log.slice(from).filter(({ code }) => code === 'SECONDARY_LOST');
    expect(lost.map(({ message }) => message)).toEqual([]);
    expect(epoch()).toBe(before);
  });

  it.each(pair)('%s stands still for three quarters of it: it is suspect, and nothing moves', async (name) => {
    const { view } = cluster();
    const other = otherOf(name);
    await withoutMove(cluster(), async () => {
      const isSuspect = view.waitFor(
        `${other} calls ${name} suspect`,
        () => livenessSeenBy(other, name) === 'suspect',
        detectionMs,
      );
      await Promise.all([isSuspect, standStill(cluster().host(name), 0.75 * detectionMs, everyProcess)]);
      await view.waitFor(`${other} hears ${name} steadily again`, () => livenessSeenBy(other, name) === 'alive');
    });
  });

  it('a host that stands still for longer finds another primary, and steps down', async () => {
    const alpha = cluster().host('alpha');
    const before = alpha.guests();
    await alpha.exec(['bash', '-c', everyProcess('STOP')]);
    cluster().view.drop('alpha');
    await cluster().waitUntilServing('beta');
    await cluster().waitForRecords('beta', 10);
    await goOn(alpha, ['bash', '-c', everyProcess('CONT')]);
    await cluster().waitUntilHealthy('beta');
    expect(alpha.guests()).toEqual([]);
    expect(before).toHaveLength(1);
  });
});

describe.skipIf(noLab !== null)('with a healthy pair, whose module file says nothing of times', () => {
  const { cluster } = useLabCluster();

  // Its writes are not waited for as long: it may be given up as the secondary, and comes back.
  it.each(pair)('%s stands still for two seconds: nothing moves', (name) =>
    withoutMove(cluster(), () => standStill(cluster().host(name), 2000, everyProcess)),
  );
});
