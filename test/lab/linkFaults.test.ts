import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { otherOf, pair, type PairName } from './harness/labCluster.ts';
import { noLab, useLabCluster } from './labSuite.ts';

describe.skipIf(noLab !== null)('with a healthy pair', () => {
  const { cluster } = useLabCluster();
  const network = () => cluster().lab.network;
  const station = (name: PairName) => cluster().host(name).station;

  /**
   * Does something after which the same guest runs on alpha as before, without interruption, and nobody had thought of another one.
   * @param said what was said of it all the same
   */
  async function withoutMove(act: () => Promise<void>, said: readonly string[] = []): Promise<void> {
    const { view } = cluster();
    const [guests, from] = [await cluster().guestIds(), view.log.length];
    await act();
    await cluster().waitForRecords('alpha', 40);
    expect(await cluster().guestIds()).toEqual(guests);
    expect(cluster().host('beta').guests()).toEqual([]);
    const codes = view.log.slice(from).map(({ code }) => code);
    const moves = ['PRIMARY_SILENT', 'PROMOTED', 'FENCED', 'FAILED_OVER', 'SERVER_RUNNING'];
    expect(codes.filter((code) => moves.includes(code) && !said.includes(code))).toEqual([]);
  }

  // The first one: after a loss of the replication network the writes stay on this one.
  it('a host cut off from the other network, which is that of the witness: nothing changes', async () => {
    const { view } = cluster();
    const epoch = (): number | undefined => view.module('alpha', 'web')?.epoch;
    const before = epoch();
    for (const name of pair) {
      await withoutMove(async () => {
        await network().cutSilently(station(name), 'lan');
        view.drop(name);
        // Longer than the detection time.
        await delay(4000);
        const other = otherOf(name);
        expect(view.replica(other, 'web')).toMatchObject({
          state: other === 'alpha' ? 'PRIM' : 'SECOND',
          transition: null,
        });
        await network().heal(station(name), ['lan']);
      });
      await cluster().waitUntilHealthy('alpha');
    }
    expect(epoch()).toBe(before);
  });

  it.each([
    ['cut, with the cable still looking fine', () => network().cutSilently(station('alpha'), 'link')],
    ['lost by a cable that is pulled', () => network().cutCarrier(station('alpha'), ['link'])],
    ['of which alpha hears nothing any more, though it is heard', () => network().deafen(station('alpha'), 'link')],
    ['of which beta hears nothing any more, though it is heard', () => network().deafen(station('beta'), 'link')],
  ])(
    'the replication network %s: the guest goes on alone, and then the pair over the other network',
    async (_, cut) => {
      const { view } = cluster();
      await withoutMove(async () => {
        const isAlone = view.waitFor('alpha is alone', () => view.replica('alpha', 'web')?.state === 'ALONE', 20_000);
        await cut();
        await isAlone;
        await cluster().waitUntilHealthy('alpha');
      });
      const beta = view.snapshot('alpha')?.hosts.find(({ name }) => name === 'beta');
      const heardOn = beta?.networks.filter(({ up }) => up).map(({ name }) => name);
      expect(heardOn).toEqual(['lan']);
      expect(cluster().isHealthy('alpha')).toBe(true);
    },
  );

  it.each([
    ['neither hears the other', ['alpha', 'beta']],
    ['alpha is not heard by beta', ['alpha']],
    ['beta is not heard by alpha', ['beta']],
  ] as const)(
    'the hosts cut off from each other on all networks, both at the witness, %s: the guest goes on alone, and beta is refused and waits',
    async (_, unheard) => {
      const { view } = cluster();
      // What it has learnt from the witness: nobody else could tell it.
      const inSyncByBeta = (): string | undefined => view.module('beta', 'web')?.inSync.join();
      const isSettled = (): boolean => {
        const [alpha, beta] = [view.replica('alpha', 'web'), view.replica('beta', 'web')];
        const isReady = alpha?.transition === null && beta?.transition === null;
        return isReady && alpha.state === 'ALONE' && beta.state === 'WAIT' && inSyncByBeta() === 'alpha';
      };
      await withoutMove(async () => {
        for (const name of unheard) {
          await network().separate(station(name), station(otherOf(name)), ['lan', 'link']);
        }
        await view.waitFor('alpha is alone, and beta waits', isSettled, 30_000);
        // Longer than the detection time.
        await delay(4000);
        expect(isSettled()).toBe(true);
        expect(view.snapshot('beta')?.arbiter.reachable).toBe(true);
        await network().reunite(station('alpha'), station('beta'), ['lan', 'link']);
        await cluster().waitUntilHealthy('alpha');
      }, ['PRIMARY_SILENT']);
    },
  );

  it('the primary cut off from everything: it stops its guest before the other host starts one', async () => {
    const alpha = cluster().host('alpha');
    for (const each of ['lan', 'link'] as const) await network().cutSilently(alpha.station, each);
    cluster().view.drop('alpha');
    await cluster().waitUntilServing('beta');
    expect(alpha.guests()).toEqual([]);
    await cluster().waitForRecords('beta', 10);
    for (const each of ['lan', 'link'] as const) await network().heal(alpha.station, [each]);
    await cluster().waitUntilHealthy('beta');
  });

  it.each(pair)('%s deaf on all networks: one guest in the end, and never two', async (deaf) => {
    for (const each of ['lan', 'link'] as const) await network().deafen(station(deaf), each);
    cluster().view.drop(deaf);
    const other = otherOf(deaf);
    await cluster().waitUntilServing(other);
    await cluster().waitForRecords(other, 20);
    expect(cluster().host(deaf).guests()).toEqual([]);
  });
});
