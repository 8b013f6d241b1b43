import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { openEditor } from '../lab/demo/editor.ts';
import type { OpenEditor } from '../lab/demo/editor.ts';
import { LabCluster } from '../lab/harness/labCluster.ts';
import { storySteps } from './storySteps.ts';
import { themes } from './themes.ts';
import { openBrowser, Workbench } from './workbench.ts';

/** A guest in software emulation boots, and its disk is copied, in this many milliseconds at most. */
const patience = { timeout: 120_000 };

let cluster: LabCluster;
let editor: OpenEditor;
let browser: Browser;
let workbench: Workbench;
beforeAll(async () => {
  cluster = await LabCluster.create();
  // The story here begins with a module that has run and was stopped.
  await cluster.startModule('alpha');
  await cluster.view.request('alpha', 'module.stop', { module: 'web' });
  await cluster.waitUntilStopped();
  editor = await openEditor(cluster, () => undefined);
  browser = await openBrowser();
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 } });
  workbench = new Workbench(await context.newPage());
  await workbench.open(editor.url);
});

afterAll(async () => {
  await browser?.close();
  await editor?.close();
  cluster?.destroy();
});

const step = storySteps(() => workbench, { timeout: 240_000, picture: 'failed-lab' });

// Real agents on two hosts and a witness, a real guest; the editor sits at the operator's desk on their network.
describe('VS Code and a real cluster', () => {
  step('shows the cluster, its module on both hosts, and the witness', async () => {
    await workbench.show('Understudy');
    await workbench.line(/^site, 3 of 3 hosts/).waitFor();
    await workbench.line(/^web, STOP/).waitFor();
    await workbench.line(/^alpha, STOP/).waitFor();
    await workbench.line(/^beta, STOP/).waitFor();
    await workbench.line(/^gamma, witness · reachable/).waitFor();
  });

  step('starts the module: the guest runs on alpha, beta is brought in sync', async () => {
    await workbench.inline(workbench.line(/^web,/), /Start Module/);
    await workbench.answer('Start');
    await workbench.line(/^web, PRIM on alpha, in sync/).waitFor(patience);
    await workbench.line(/^alpha, PRIM · server running/).waitFor();
    expect(cluster.isServing('alpha')).toBe(true);
    await cluster.waitForRecords('alpha', 3);
  });

  step('plots what the guest writes', async () => {
    await workbench.inline(workbench.line(/^web,/), /Open Module Panel/);
    const { panel } = workbench;
    await panel.getByRole('img', { name: 'alpha to beta: in sync' }).waitFor();
    await panel
      .locator('.metric', { hasText: 'Throughput' })
      .getByText(/^[1-9].*B\/s$/)
      .waitFor(patience);
    await panel.locator('.metric canvas').nth(1).waitFor(patience);
    await panel.getByRole('table').getByRole('row').nth(2).waitFor();
  });

  for (const { name, kind, tag } of themes) {
    step(`is legible in ${tag}`, async () => {
      await workbench.chooseTheme(name);
      await workbench.panel.locator(`body.${kind}`).waitFor();
      await cluster.waitForRecords('alpha', 5);
      await workbench.clearNotifications();
      await workbench.screenshot(`lab-in-sync-${tag}`);
    });
  }

  step('switches over, in the tree and in the panel', async () => {
    await workbench.chooseTheme('Dark 2026');
    await workbench.inline(workbench.line(/^web,/), /Switch Over/);
    await workbench.dialog.getByText('Switch module web of cluster site over to beta?').waitFor();
    await workbench.answer('Switch Over');
    await workbench.line(/^web, PRIM on beta, in sync/).waitFor(patience);
    await workbench.panel.getByRole('img', { name: 'beta to alpha: in sync' }).waitFor();
    await workbench.panel.getByText(/^Switchover from alpha to beta in /).waitFor();
    expect(cluster.isServing('beta')).toBe(true);
    await workbench.screenshot('lab-switched-over');
  });

  step('shows a failover when the primary loses its power', async () => {
    await workbench.clearNotifications();
    await cluster.powerLoss('beta');
    await workbench.line(/^web, ALONE on alpha/).waitFor(patience);
    await workbench.panel.getByText(/^Failover from beta to alpha in /).waitFor(patience);
    await workbench.notification('failed over to alpha').waitFor();
    await workbench.screenshot('lab-failed-over');
  });

  step('shows the resync when the host returns, until the pair is whole', async () => {
    await cluster.powerOn('beta');
    await workbench.line(/^web, PRIM on alpha, in sync/).waitFor(patience);
    await workbench.panel.getByText(/^beta brought up to date in /).waitFor();
    await workbench.clearNotifications();
    await workbench.screenshot('lab-whole-again');
  });

  step('says what is wrong with a module file', async () => {
    const text =
      '{ "name": "db", "hosts": ["alpha", "delta"], "mirror": { "directories": ["/srv/vm/db"] },\n  "server": { "scripts": { "start": ["start"], "stop": ["stop"] } } }\n';
    await writeFile(join(cluster.workspace, 'db.module.jsonc'), text);
    await workbench.openFile('db.module.jsonc');
    await workbench.page.locator('.squiggly-error').first().waitFor();
    await workbench.page.keyboard.press('Control+Shift+M');
    const problem = workbench.page.locator(
      '.markers-panel-container .monaco-list-row, .markers-panel .monaco-list-row',
    );
    await problem.filter({ hasText: 'delta' }).first().waitFor();
    await workbench.screenshot('lab-diagnostic');
  });

  step('stops the module', async () => {
    await workbench.contextMenu(workbench.line(/^web,/), /Stop Module/);
    await workbench.answer('Stop');
    await workbench.line(/^web, STOP/).waitFor(patience);
    const { verdicts, differences } = await cluster.judge();
    expect(differences).toEqual([]);
    expect(verdicts.flatMap(({ lost }) => lost)).toEqual([]);
    expect(workbench.violations).toEqual([]);
  });
});
