import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareTrees } from './guest/compareTrees.ts';
import { judgeRecords, readRecords } from './guest/records.ts';
import { readSerial } from './guest/serialLog.ts';
import type { RefusedRequest } from './harness/clusterView.ts';
import { LabCluster, otherOf, type PairName } from './harness/labCluster.ts';
import { asideDirectory, serialLog } from './harness/webModule.ts';
import { noLab } from './labSuite.ts';

const networks = ['lan', 'link'] as const;

describe.skipIf(noLab !== null)('an operator forces a host while the other one runs on alone, cut off', () => {
  let cluster: LabCluster;
  beforeAll(async () => {
    cluster = await LabCluster.create();
  });
  afterAll(() => cluster.destroy());

  const cutOff = async (name: PairName): Promise<void> => {
    for (const network of networks) await cluster.lab.network.cutSilently(cluster.host(name).station, network);
    cluster.view.drop(name);
  };
  const reported = async (name: PairName) => readSerial(cluster.host(name).outside(serialLog));

  it.each([
    ['the history of the forced host is kept', 'forced'],
    ['the history of the host that waits is kept', 'waiting'],
  ] as const)(
    'the hosts see each other: the later epoch runs, the other waits; %s, the other one is aside and can be restored',
    async (_, kept) => {
      const first = 'alpha';
      const forced = 'beta';
      await cluster.startModule(first);
      const before = { alpha: await reported('alpha'), beta: await reported('beta') };
      // The first goes on alone by the arbiter's word; then it is cut off from everybody, and the other one is forced.
      await cutOff(forced);
      await cluster.view.waitFor('it is alone', () => cluster.view.replica(first, 'web')?.state === 'ALONE');
      await cluster.waitForRecords(first, 10);
      await cutOff(first);
      await cluster.lab.network.heal(cluster.host(forced).station);
      await cluster.view.waitFor('the other has learnt from the witness that it is not in sync, and waits', () => {
        const replica = cluster.view.replica(forced, 'web');
        const { arbiter } = cluster.view.snapshot(forced) ?? {};
        const inSync = cluster.view.module(forced, 'web')?.inSync.join();
        return (
          replica?.state === 'WAIT' && replica.transition === null && arbiter?.reachable === true && inSync === first
        );
      });
      await cluster.view.request(forced, 'module.forcePrimary', { module: 'web', host: forced, confirm: 'web' });
      await cluster.waitForRecords(forced, 20);
      await cluster.waitForRecords(first, 10);

      await cluster.lab.network.heal(cluster.host(first).station);
      await cluster.view.waitFor('it has diverged', () => Boolean(cluster.view.replica(first, 'web')?.diverged));
      expect(cluster.host(first).guests()).toEqual([]);
      await cluster.waitForRecords(forced, 10);
      expect(cluster.view.replica(forced, 'web')).toMatchObject({ state: 'ALONE' });
      await cluster.view.waitFor('both say so', () =>
        Boolean(cluster.view.replica(forced, 'web')?.reason?.startsWith('diverged')),
      );

      const keep = kept === 'forced' ? forced : first;
      const loser = otherOf(keep);
      // Without room for what is given up nothing is begun, and the one that runs goes on.
      await cluster.host(loser).run(['mkdir', '-p', asideDirectory]);
      await cluster.host(loser).run(['mount', '-t', 'tmpfs', '-o', 'size=66m', 'full', asideDirectory]);
      const resolve = { module: 'web', keep, confirm: 'web' };
      const refused: unknown = await cluster.view
        .request(forced, 'module.resolve', resolve)
        .catch((error: unknown) => error);
      await cluster.host(loser).run(['umount', asideDirectory]);
      expect((refused as RefusedRequest).refusal).toMatchObject({ code: 'NO_ROOM' });
      expect(cluster.view.replica(forced, 'web')).toMatchObject({ state: 'ALONE' });
      await cluster.view.request(forced, 'module.resolve', resolve);
      await cluster.waitUntilHealthy(keep);
      await cluster.waitForRecords(keep, 10);
      expect(cluster.host(loser).guests()).toEqual([]);

      const host = cluster.host(loser);
      const listed = JSON.parse(await host.runUnderstudy(['aside', 'list', 'web', '--json'])) as {
        aside: { name: string }[];
      };
      const name = listed.aside.at(-1)?.name ?? '';
      const restored = `/srv/restored/${name}`;
      await host.runUnderstudy(['aside', 'restore', name, '--to', restored]);
      const { acknowledged } = await reported(loser);
      const since = { acknowledged: acknowledged.slice(before[loser].acknowledged.length), boots: [] };
      const onDisk = await readRecords(path.join(host.outside(restored), 'disk.raw'));
      const verdict = judgeRecords(onDisk, [{ ...before[loser], ...since }]);
      expect(verdict).toMatchObject({ lost: [], firstOutOfOrder: null });
      expect(verdict.acknowledged).toBeGreaterThan(10);

      await cluster.view.request(keep, 'module.stop', { module: 'web' });
      await cluster.waitUntilStopped();
      expect(await compareTrees(cluster.replicaDirectory('alpha'), cluster.replicaDirectory('beta'))).toEqual([]);
    },
    240_000,
  );
});
