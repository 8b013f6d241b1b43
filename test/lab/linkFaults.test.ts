import { describe, expect, it } from 'vitest';
import { pair } from './harness/labCluster.ts';
import { noLab, useLabCluster } from './labSuite.ts';

describe.skipIf(noLab !== null)('with a healthy pair', () => {
  const { cluster } = useLabCluster();

  /** For a while the module is alone; then both hosts are in sync again over another network. */
  async function untilWholeAgain(lose: () => Promise<unknown>): Promise<void> {
    const epoch = (): number => cluster().view.module('alpha', 'web')?.epoch ?? 0;
    const before = epoch();
    await lose();
    const isWhole = (): boolean => epoch() >= before + 2 && cluster().isHealthy('alpha');
    await cluster().view.waitFor('the pair was alone and is whole again without the link', isWhole, 60_000);
  }

  it('the link between the hosts cut, with the cable still looking fine: the guest goes on where it is, and the pair over another network', async () => {
    await untilWholeAgain(() => cluster().lab.network.cutSilently(cluster().host('alpha').station, 'link'));
    await cluster().waitForRecords('alpha', 60);
    expect(cluster().host('beta').guests()).toEqual([]);
  });

  it('the cable of the link pulled: exactly one guest goes on', async () => {
    await cluster().lab.network.cutCarrier(cluster().host('alpha').station, ['link']);
    await cluster().waitForRecords('alpha', 60);
    expect(cluster().host('beta').guests()).toEqual([]);
  });

  it.each(pair)('%s hears nothing on the link any more but is heard: exactly one guest goes on', async (deaf) => {
    await cluster().lab.network.deafen(cluster().host(deaf).station, 'link');
    await cluster().waitForRecords('alpha', 60);
    expect(cluster().host('beta').guests()).toEqual([]);
  });

  it('the primary cut off from everything: it stops its guest before the other host starts one', async () => {
    const alpha = cluster().host('alpha');
    for (const network of ['lan', 'link'] as const) await cluster().lab.network.cutSilently(alpha.station, network);
    cluster().view.drop('alpha');
    await cluster().waitUntilServing('beta');
    expect(alpha.guests()).toEqual([]);
    await cluster().waitForRecords('beta', 10);
    for (const network of ['lan', 'link'] as const) await cluster().lab.network.heal(alpha.station, [network]);
    await cluster().waitUntilHealthy('beta');
  });

  it.each(pair)('%s deaf on all networks: one guest in the end, and never two', async (deaf) => {
    const { station } = cluster().host(deaf);
    for (const network of ['lan', 'link'] as const) await cluster().lab.network.deafen(station, network);
    cluster().view.drop(deaf);
    const other = deaf === 'alpha' ? 'beta' : 'alpha';
    await cluster().waitUntilServing(other);
    await cluster().waitForRecords(other, 20);
    expect(cluster().host(deaf).guests()).toEqual([]);
  });
});
