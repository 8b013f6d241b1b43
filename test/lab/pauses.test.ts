import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { LabHost } from './harness/host.ts';
import { noLab, useLabCluster } from './labSuite.ts';

/** Every process of a host stands still: agent, mirror and guest. */
async function stop(host: LabHost): Promise<void> {
  await host.exec(['bash', '-c', 'kill -STOP -1']);
}

async function goOn(host: LabHost): Promise<void> {
  await host.exec(['bash', '-c', 'kill -CONT -1']);
}

describe.skipIf(noLab !== null)('with a healthy pair', () => {
  // A guest that goes on is there until it is killed; what it writes is not acknowledged.
  const { cluster } = useLabCluster({ overlapLimitMs: 1000 });
  const livenessSeenBy = (name: 'alpha' | 'beta', host: string): string | undefined =>
    cluster()
      .view.snapshot(name)
      ?.hosts.find((each) => each.name === host)?.liveness;
  const codes = (): readonly string[] => cluster().view.log.map(({ code }) => code);

  it('a host that stands still for less than the detection time is suspect, and nothing moves', async () => {
    const alpha = cluster().host('alpha');
    const before = alpha.guests();
    await stop(alpha);
    await cluster().view.waitFor('beta calls alpha suspect', () => livenessSeenBy('beta', 'alpha') === 'suspect', 2000);
    await delay(600);
    await goOn(alpha);
    await cluster().view.waitFor('beta hears alpha steadily again', () => livenessSeenBy('beta', 'alpha') === 'alive');
    await cluster().waitForRecords('alpha', 20);
    expect(alpha.guests()).toEqual(before);
    expect(codes()).toContain('HOST_SUSPECT');
    expect(codes()).toContain('HOST_STEADY');
    expect(codes()).not.toContain('PRIMARY_SILENT');
  });

  it('a host that stands still for longer finds another primary, and steps down', async () => {
    const alpha = cluster().host('alpha');
    const before = alpha.guests();
    await stop(alpha);
    cluster().view.drop('alpha');
    await cluster().waitUntilServing('beta');
    await cluster().waitForRecords('beta', 10);
    await goOn(alpha);
    await cluster().waitUntilHealthy('beta');
    expect(alpha.guests()).toEqual([]);
    expect(before).toHaveLength(1);
  });
});
