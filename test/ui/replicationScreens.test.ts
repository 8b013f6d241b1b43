import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { StoryCluster } from '../support/storyCluster.ts';
import { expectAccessible } from './axe.ts';
import { buildExtension } from './buildExtension.ts';
import { storySteps } from './storySteps.ts';
import { themes } from './themes.ts';
import { startVscode } from './vscodeHost.ts';
import type { RunningVscode } from './vscodeHost.ts';
import { openBrowser, Workbench } from './workbench.ts';

let story: StoryCluster;
let vscode: RunningVscode;
let browser: Browser;
let workspace: string;
let workbench: Workbench;

beforeAll(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'understudy-workspace-'));
  story = await StoryCluster.start();
  story.serveOn('web', 'beta');
  vscode = await startVscode({
    workspace,
    extensionVsix: await buildExtension(),
    env: { UNDERSTUDY_CLUSTER_FILE: await story.writeClusterFile() },
  });
  browser = await openBrowser();
  workbench = new Workbench(await browser.newPage({ viewport: { width: 1440, height: 1000 } }));
  await workbench.open(vscode.url);
});

afterAll(async () => {
  await browser?.close();
  await vscode?.stop();
  await story?.close();
  await rm(workspace, { recursive: true, force: true });
});

const step = storySteps(() => workbench);

/** Both hosts of web have gone on by themselves; beta serves it. */
function diverge(): void {
  story.serveOn('web', 'beta');
  story.change('web', (module) => {
    module.inSync = ['beta'];
    for (const replica of module.onHosts) {
      replica.state = replica.host === 'beta' ? 'ALONE' : 'WAIT';
      if (replica.host !== 'alpha') continue;
      replica.reason = 'Its history is not that of beta.';
      replica.diverged = { since: 4, epoch: 5, from: 'beta', fromEpoch: 6 };
    }
  });
}

// One window, one story: each step begins where the one before has ended.
describe('the panel of a module whose replicas are not the same', () => {
  step('shows a module that is well, before anything happens', async () => {
    const { panel } = workbench;
    await workbench.show('Understudy');
    await workbench.line(/^web, PRIM on beta, in sync/).waitFor();
    await workbench.inline(workbench.line(/^web,/), /Open Module Panel/);
    await panel.getByRole('img', { name: 'beta to alpha: in sync' }).waitFor();
    // Something of every kind, for the pages that follow.
    story.log('web', 'STARTED', 'web: starting done');
    story.log('web', 'NETWORK_DOWN', 'beta: nothing is heard on lan.', 'warn');
    story.log('web', 'SERVER_FAILED', 'The server of web has ended by itself.', 'error');
    await panel.getByRole('cell', { name: 'The server of web has ended by itself.' }).waitFor();
  });

  for (const { name, kind, tag } of themes) {
    step(`shows a resync with rate and time left, in ${tag}`, async () => {
      story.change('web', (module) => {
        const primary = module.onHosts.find(({ host }) => host === 'beta');
        module.inSync = ['beta'];
        for (const replica of module.onHosts) replica.transition = 'resynchronising';
        if (primary === undefined) return;
        primary.resync = {
          kind: 'delta',
          cause: 'alpha was away',
          toCheck: 3.2e9,
          checked: 1.3e9,
          sent: 42e6,
          ...{ holes: 5e8, content: 40e6, names: 8, bandwidth: 'adaptive' as const },
          ...{ rate: 310e6, sentRate: 12e6, secondsLeft: 6.1, startedAt: new Date().toISOString() },
        };
      });
      await workbench.chooseTheme(name);
      const { panel } = workbench;
      await panel.locator(`body.${kind}`).waitFor();
      await panel.getByText('40 % · 6.1 s left').waitFor();
      await panel.getByText(/compared at 296 MiB\/s/).waitFor();
      await panel.getByText(/in holes · 40\.1 MiB sent at .* to go · 8 names · bandwidth adaptive/).waitFor();
      await workbench.line(/^alpha, SECOND resynchronising 40 %, 6\.1 s left/).waitFor();
      await workbench.screenshot(`resync-${tag}`);
      await expectAccessible(panel, `the panel during a resync, ${tag}`);
      story.serveOn('web', 'beta');
      await panel.getByRole('img', { name: 'beta to alpha: in sync' }).waitFor();
      await expectAccessible(panel, `the panel of a healthy module, ${tag}`);
    });
  }

  for (const { name, kind, tag } of themes) {
    step(`pauses a resync after a question that names who is without a second replica, in ${tag}`, async () => {
      story.resyncProgress('web', { toCheck: 4e9, checked: 1e9, sent: 9e8, rate: 5e7, sentRate: 4e7, secondsLeft: 60 });
      await workbench.chooseTheme(name);
      const { panel } = workbench;
      await panel.locator(`body.${kind}`).waitFor();
      await panel.getByRole('button', { name: /^Pause…/ }).click();
      await workbench.dialog.getByText('Pause the resync of alpha for module web of cluster site?').waitFor();
      await workbench.dialog.getByText(/runs on beta without a second replica: alpha is not in sync/).waitFor();
      await workbench.screenshot(`pause-${tag}`);
      await workbench.answer('Pause Resync');
      await panel.getByText('25 % · paused').waitFor();
      await panel.getByText(/^Paused .* by editor\. alpha is not in sync, and does not take over/).waitFor();
      await workbench.line(/^web, ALONE on beta, resync paused/).waitFor();
      await workbench.line(/^alpha, SECOND resync paused 25 %/).waitFor();
      story.change('web', (module) => {
        for (const replica of module.onHosts) if (replica.host === 'alpha') replica.undoLost = 'more than 1 GiB';
      });
      await panel.getByText(/What alpha was before this resync is not kept \(more than 1 GiB\)/).waitFor();
      await panel.locator('.resync').scrollIntoViewIfNeeded();
      await workbench.screenshot(`paused-${tag}`);
      await expectAccessible(panel, `the panel while a resync is paused, ${tag}`);
      await workbench.contextMenu(workbench.line(/^web,/), /Resume Resync/);
      await workbench.line(/^web, ALONE on beta, resynchronising/).waitFor();
      await panel.getByRole('button', { name: /^Resume/ }).waitFor({ state: 'hidden' });
      story.serveOn('web', 'beta');
      await panel.getByRole('img', { name: 'beta to alpha: in sync' }).waitFor();
      await workbench.clearNotifications();
    });
  }

  for (const { name, kind, tag } of themes) {
    step(`shows a verify with rate and time left, and what it found, in ${tag}`, async () => {
      await workbench.chooseTheme(name);
      const { panel } = workbench;
      await panel.locator(`body.${kind}`).waitFor();
      await panel.getByRole('button', { name: /^Verify:/ }).click();
      await panel.getByText('0 % · time left not known yet').waitFor();
      story.verifyProgress('web', { toCheck: 4e9, checked: 1e9, secondsLeft: 57 });
      await panel.getByText('25 % · 57 s left').waitFor();
      await panel.getByText(/of 3\.7 GiB compared at 50\.0 MiB\/s · 8 names · no differences/).waitFor();
      await panel.getByRole('progressbar', { name: 'Verify 25 percent, 57 s left' }).waitFor();
      await workbench.line(/^web, PRIM on beta, in sync · verify 25 %/).waitFor();
      await panel.locator('.verify').scrollIntoViewIfNeeded();
      await workbench.screenshot(`verify-${tag}`);
      story.endVerify('web', 'ann', [
        { path: 'disk.raw', what: 'content', detail: '4096 bytes at 1073741824', offset: 1_073_741_824, length: 4096 },
        { path: 'notes/<b>plan</b>', what: 'mode', detail: '0644 on the primary, 0600 on the secondary' },
      ]);
      await panel.getByText(/^2 differences found, /).waitFor();
      await panel.getByText('notes/<b>plan</b>', { exact: true }).waitFor();
      await panel.getByText(/compared in 41 s · asked for by ann/).waitFor();
      await workbench.line(/^web, PRIM on beta, in sync · 2 differences/).waitFor();
      await panel.locator('.verify').scrollIntoViewIfNeeded();
      await workbench.screenshot(`differences-${tag}`);
      await expectAccessible(panel, `the panel with what a verify found, ${tag}`);
    });
  }

  step('repairs what a verify found only after a question that names what is overwritten', async () => {
    const { panel } = workbench;
    const repair = panel.getByRole('button', { name: /^Repair Differences/ });
    await repair.click();
    await workbench.dialog.getByText('Overwrite 2 differences of module web of cluster site on alpha?').waitFor();
    await workbench.dialog.getByText(/disk\.raw \(content\), notes/).waitFor();
    await workbench.screenshot('repair');
    await workbench.answer('Cancel');
    await panel.getByText(/^2 differences found, /).waitFor();
    expect(story.entries.some(({ code }) => code === 'RESYNCHRONISING')).toBe(false);
    await workbench.contextMenu(workbench.line(/^web,/), /Repair Differences/);
    await workbench.answer('Overwrite alpha');
    await panel.getByText(/^Both replicas are equal, /).waitFor();
    await panel.getByText(/after the repair of 2 differences on alpha; what alpha held is kept aside there/).waitFor();
    await repair.waitFor({ state: 'hidden' });
    story.serveOn('web', 'beta');
    await workbench.clearNotifications();
  });

  step('verifies from the palette, and stops it from the tree', async () => {
    await workbench.run('Understudy: Verify');
    await workbench.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: 'web' }).first().click();
    await workbench.line(/^web, PRIM on beta, in sync · verify 0 %/).waitFor();
    await workbench.contextMenu(workbench.line(/^web,/), /Stop Verify/);
    await workbench.panel.getByText(/^Not complete \(it was stopped\), no differences until then/).waitFor();
    await workbench.clearNotifications();
  });

  step('says when the next verify is due, and which one waits', async () => {
    const scheduled = (dueSince: string | null): void =>
      story.change('web', (module) => {
        const primary = module.onHosts.find(({ host }) => host === 'beta');
        if (primary) primary.verifySchedule = { next: '2027-01-03T03:00:00.000Z', dueSince };
      });
    scheduled(null);
    await workbench.panel.getByText(/asked for by .* · the next one Sun/).waitFor();
    scheduled('2026-12-27T03:00:00.000Z');
    await workbench.panel.getByText(/due since Sun.*, begun as soon as the pair is whole/).waitFor();
    story.serveOn('web', 'beta');
  });

  for (const { name, kind, tag } of themes) {
    step(`shows two histories, and asks whose is kept by its host, in ${tag}`, async () => {
      diverge();
      await workbench.chooseTheme(name);
      const { panel, page } = workbench;
      await panel.locator(`body.${kind}`).waitFor();
      await workbench.line(/^web, ALONE on beta, alpha has diverged/).waitFor();
      await workbench.line(/^alpha, WAIT diverged/).waitFor();
      await panel.getByRole('img', { name: 'beta to alpha: diverged' }).waitFor();
      await workbench.screenshot(`diverged-${tag}`);
      await expectAccessible(panel, `the panel of two histories, ${tag}`);
      const done = story.entries.length;
      await workbench.contextMenu(workbench.line(/^web,/), /Resolve Divergence/);
      await page.locator('.quick-input-widget').getByPlaceholder('Whose history of web shall be kept?').waitFor();
      await page.locator('.quick-input-list .monaco-list-row').filter({ hasText: 'alpha' }).click();
      await workbench.dialog.getByText('Keep the history of alpha for module web of cluster site?').waitFor();
      await workbench.dialog.getByText(/both went on after epoch 4/).waitFor();
      await workbench.dialog.getByText(/What beta holds is put aside in a folder on beta/).waitFor();
      await workbench.dialog
        .getByText(/The server is stopped on beta and started on alpha, without anything/)
        .waitFor();
      await workbench.screenshot(`resolve-${tag}`);
      await workbench.answer('Cancel');
      await workbench.line(/^alpha, WAIT diverged/).waitFor();
      expect(story.entries.length).toBe(done);
    });
  }

  step('resolves a divergence from the host whose history is kept', async () => {
    await workbench.contextMenu(workbench.line(/^beta, ALONE/), /Resolve Divergence/);
    await workbench.dialog.getByText('Keep the history of beta for module web of cluster site?').waitFor();
    await workbench.dialog.getByText(/What alpha holds is put aside in a folder on alpha/).waitFor();
    await workbench.dialog.getByText(/The server goes on running on beta\./).waitFor();
    await workbench.answer('Keep beta');
    await workbench.line(/^web, PRIM on beta, in sync/).waitFor();
    await workbench.panel.getByRole('img', { name: 'beta to alpha: in sync' }).waitFor();
    await workbench.clearNotifications();
  });

  step('broke no rule of its own page', () => {
    expect(workbench.violations).toEqual([]);
    return Promise.resolve();
  });
});
