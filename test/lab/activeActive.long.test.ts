import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ModulesCluster, TwinWatch } from './harness/modulesCluster.ts';
import { noLab } from './labSuite.ts';

describe.skipIf(noLab !== null)('two guests on two hosts, each of which takes over from the other', () => {
  let cluster: ModulesCluster;
  let watch: TwinWatch;
  beforeAll(async () => {
    cluster = await ModulesCluster.create({
      hosts: ['alpha', 'beta', 'gamma'],
      witness: 'gamma',
      modules: [
        { name: 'web', hosts: ['alpha', 'beta'], guest: true },
        { name: 'db', hosts: ['beta', 'alpha'], guest: true },
      ],
    });
  });
  beforeEach(() => {
    watch = new TwinWatch(['web', 'db']);
  });
  afterEach(() => watch.stop());
  afterAll(() => cluster?.destroy());

  it('go on through the loss of each host in turn, and go back, with every record', async () => {
    await Promise.all([cluster.waitUntilWhole('web', 'alpha'), cluster.waitUntilWhole('db', 'beta')]);
    await Promise.all([cluster.waitForRecords('web', 'alpha', 5), cluster.waitForRecords('db', 'beta', 5)]);

    for (const [lost, left, module, other] of [
      ['alpha', 'beta', 'web', 'db'],
      ['beta', 'alpha', 'db', 'web'],
    ] as const) {
      await cluster.powerLoss(lost);
      await cluster.waitUntilServing(module, left);
      await Promise.all([cluster.waitForRecords(module, left, 5), cluster.waitForRecords(other, left, 5)]);
      await cluster.powerOn(lost);
      await Promise.all([cluster.waitUntilWhole(module, left), cluster.waitUntilWhole(other, left)]);
      await cluster.view.request(left, 'module.switchover', { module, to: lost });
      await cluster.waitUntilWhole(module, lost);
      await cluster.waitForRecords(module, lost, 5);
    }

    for (const module of ['web', 'db']) {
      const { verdicts, differences } = await cluster.stopAndJudge(module);
      for (const verdict of verdicts) expect(verdict).toMatchObject({ lost: [], firstOutOfOrder: null });
      expect(differences).toEqual([]);
    }
    expect(watch.twins).toEqual(new Set());
  });
});
