import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { defaultWitnessFolder } from '../../agent/witness/witnessFolder.ts';
import { Lab } from './harness/lab.ts';
import { pair } from './harness/labCluster.ts';
import { understudyProgram } from './harness/paths.ts';
import { ScriptsCluster } from './harness/scriptsCluster.ts';
import { noLab } from './labSuite.ts';

describe.skipIf(noLab !== null)('one witness for two clusters', () => {
  let lab: Lab;
  let clusters: readonly ScriptsCluster[] = [];
  let witness: ChildProcess | null = null;
  let said = '';

  const gamma = () => lab.host('gamma');
  const each = (what: (cluster: ScriptsCluster) => Promise<unknown>): Promise<unknown> =>
    Promise.all(clusters.map(what));

  async function startWitness(): Promise<void> {
    const child = gamma().spawn([process.execPath, understudyProgram, 'witness', 'run']);
    witness = child;
    await new Promise<void>((resolve, reject) => {
      child.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('WITNESS_READY')) resolve();
      });
      child.once('close', () => reject(new Error(`the witness ended:\n${said}`)));
    });
  }

  /** A machine that was lost with everything on it; the one in its place has the same name and address. */
  async function loseWitness(): Promise<void> {
    if (witness !== null) {
      // The program is the child of `nsenter`, which a signal would end alone.
      await gamma().exec(['pkill', '-KILL', '-f', 'witness run']);
      if (witness.exitCode === null && witness.signalCode === null) await once(witness, 'exit');
    }
    said = '';
    rmSync(gamma().outside(defaultWitnessFolder), { recursive: true, force: true });
  }

  async function replaceWitness(tokens: readonly (readonly string[])[]): Promise<void> {
    for (const token of tokens) await gamma().runUnderstudy(['witness', 'add', ...token]);
    await startWitness();
  }

  beforeAll(async () => {
    lab = await Lab.create();
    clusters = [new ScriptsCluster(lab, 'red', 1), new ScriptsCluster(lab, 'blue', 2)];
    const tokens = await Promise.all(clusters.map((cluster) => cluster.create()));
    await replaceWitness(tokens);
    await each((cluster) => cluster.start());
    await each((cluster) => cluster.waitUntilWhole('alpha'));
  });
  afterAll(() => {
    for (const cluster of clusters) cluster.close();
    lab.destroy();
  });
  const tellWhenFailed = (): void =>
    onTestFailed(() => console.error([said, ...clusters.map((cluster) => cluster.describe())].join('\n')));

  it('is replaced by an empty one while the modules run, learns from them what it has to know, and lets them fail over', async () => {
    tellWhenFailed();
    await each((cluster) => cluster.waitForRecords(10));
    await loseWitness();
    await each((cluster) => cluster.waitForRecords(20));
    await replaceWitness(await Promise.all(clusters.map((cluster) => cluster.witnessToken())));
    for (const { name } of clusters) {
      await expect
        .poll(() => gamma().runUnderstudy(['witness', 'list']), { timeout: 60_000, interval: 100 })
        .toMatch(new RegExp(`${name} +gamma +\\S+ +alpha now, beta now +web`));
    }
    await each((cluster) => cluster.waitFor('alpha', 'PRIM'));

    const alpha = lab.host('alpha');
    await alpha.powerLoss();
    for (const cluster of clusters) cluster.view.drop('alpha');
    await each((cluster) => cluster.waitFor('beta', 'ALONE'));
    for (const cluster of clusters) {
      const acknowledged = cluster.acknowledged();
      expect(cluster.wrongRecords('beta')).toEqual([]);
      expect(cluster.recordsOn('beta')).toBeGreaterThanOrEqual(acknowledged);
      await cluster.waitForRecords(10);
    }
    await alpha.powerOn();
    for (const cluster of clusters) cluster.startAgent('alpha');
    await each((cluster) => cluster.waitUntilWhole('beta'));
  });

  it('is replaced while both hosts are off: then neither starts alone, and both together go on from what was last', async () => {
    tellWhenFailed();
    await each((cluster) => cluster.waitForRecords(5));
    const tokens = await Promise.all(clusters.map((cluster) => cluster.witnessToken()));
    // The hosts that certify are off then.
    await loseWitness();
    for (const token of tokens) await gamma().runUnderstudy(['witness', 'add', ...token]);
    for (const name of pair) {
      await lab.host(name).powerLoss();
      for (const cluster of clusters) cluster.view.drop(name);
    }
    const acknowledged = clusters.map((cluster) => cluster.acknowledged());
    await startWitness();

    await lab.host('alpha').powerOn();
    for (const cluster of clusters) cluster.startAgent('alpha');
    await each((cluster) => {
      const waits = (): boolean =>
        cluster.stateOf('alpha') === 'WAIT ready' &&
        /has no record of web: waiting for beta, which is not reachable/.test(
          cluster.view.replica('alpha', 'web')?.reason ?? '',
        );
      return cluster.view.waitFor(`alpha says what ${cluster.name} waits for`, waits);
    });

    await lab.host('beta').powerOn();
    for (const cluster of clusters) cluster.startAgent('beta');
    // Beta was the primary.
    await each((cluster) => cluster.waitUntilWhole('beta'));
    for (const [index, cluster] of clusters.entries()) {
      expect(cluster.wrongRecords('beta')).toEqual([]);
      expect(cluster.recordsOn('beta')).toBeGreaterThanOrEqual(acknowledged[index] ?? 0);
      await cluster.waitForRecords(5);
    }
  });
});
