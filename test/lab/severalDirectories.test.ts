import { mkdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { expectOrder, OrderedWriter } from '../mirror/orderedWriter.ts';
import { compareTrees } from './guest/compareTrees.ts';
import type { LabHost } from './harness/host.ts';
import { pair, type PairName } from './harness/labCluster.ts';
import { mirrorDirectory } from './harness/webModule.ts';
import { noLab, useLabCluster } from './labSuite.ts';

const DATA = '/srv/disk/data';
const DIRECTORIES = [mirrorDirectory, DATA];

describe.skipIf(noLab !== null)('a module of two directories on two disks', () => {
  const { cluster } = useLabCluster({ further: [DATA], beforeAgents: addDisk });

  const seenOn = (name: PairName): string[] => DIRECTORIES.map((each) => cluster().host(name).throughRoot(each));

  it('power loss of the primary: what programs wrote to both is on the other host, in its order, and on both after the return', async () => {
    const alpha = cluster().host('alpha');
    OrderedWriter.prepare(seenOn('alpha'));
    const writer = new OrderedWriter(DIRECTORIES, (argv) => alpha.spawn(argv));
    await writer.turns(300);
    await cluster().powerLoss('alpha');
    await cluster().waitUntilServing('beta');
    await writer.end();
    expectOrder(OrderedWriter.found(seenOn('beta')), writer.turn);
    await cluster().waitForRecords('beta', 10);
    const { stdout } = await cluster().host('beta').understudy(['status']);
    expect(stdout).toContain(`${mirrorDirectory} · ${DATA}`);

    await alpha.powerOn();
    await mountDisk(alpha);
    await alpha.startAgent();
    await cluster().waitUntilHealthy('beta');
    await cluster().view.request('beta', 'module.switchover', { module: 'web', to: 'alpha' });
    await cluster().waitUntilHealthy('alpha');
    const again = new OrderedWriter(DIRECTORIES, (argv) => alpha.spawn(argv));
    await again.turns(100);
    await again.end();
    await cluster().stopAndJudge();
    const [one, other] = pair.map((name) => cluster().host(name).throughRoot(DATA));
    expect(await compareTrees(one ?? '', other ?? '')).toEqual([]);
    await cluster().startModule('alpha');
  });

  it('a host whose second disk is not mounted does not start, and says why', async () => {
    await cluster().powerLoss('beta');
    const beta = cluster().host('beta');
    await beta.powerOn();
    mkdirSync(beta.throughRoot(DATA), { recursive: true });
    await beta.startAgent();
    const reason = (): string => JSON.stringify(cluster().view.module('beta', 'web')?.warnings ?? []);
    await cluster().view.waitFor('beta says why', () => reason().includes(`${DATA} is not the directory`));
    expect(cluster().isServing('alpha')).toBe(true);
    await mountDisk(beta);
    await beta.stopAgent();
    await beta.startAgent();
    await cluster().waitUntilHealthy('alpha');
  });
});

/** A disk of its own for the second directory. */
async function addDisk(host: LabHost): Promise<void> {
  await host.run(['truncate', '-s', '64M', '/var/data.img']);
  await host.run(['mkfs.ext4', '-q', '-F', '/var/data.img']);
  await mountDisk(host);
  await host.run(['mkdir', DATA]);
}

async function mountDisk(host: LabHost): Promise<void> {
  await host.run(['mkdir', '-p', '/srv/disk']);
  await host.run(['mount', '-o', 'loop', '/var/data.img', '/srv/disk']);
}
