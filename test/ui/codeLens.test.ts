import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { StoryCluster } from '../support/storyCluster.ts';
import { buildExtension } from './buildExtension.ts';
import { storySteps } from './storySteps.ts';
import { themes } from './themes.ts';
import { startVscode } from './vscodeHost.ts';
import type { RunningVscode } from './vscodeHost.ts';
import { openBrowser, Workbench } from './workbench.ts';

const cluster = `{
  "name": "site",
  "networks": { "lan": {} },
  "hosts": { "alpha": { "lan": "10.77.0.1" }, "beta": { "lan": "10.77.0.2" }, "gamma": { "lan": "10.77.0.3" } },
  "arbiter": { "witness": "gamma" }
}
`;
const web = `// The web server.
{
  "name": "web",
  "hosts": ["alpha", "beta"],
  "mirror": { "directories": ["/srv/vm/web"] },
  "server": { "qemu": { "memory": "512MiB", "disks": [{ "file": "disk.raw" }] } },
  "priority": 1
}
`;
const shop = web.replaceAll('web', 'shop');

let story: StoryCluster;
let vscode: RunningVscode;
let browser: Browser;
let workspace: string;
let workbench: Workbench;

beforeAll(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'understudy-workspace-'));
  await mkdir(join(workspace, 'modules'));
  await writeFile(join(workspace, 'site.cluster.jsonc'), cluster);
  await writeFile(join(workspace, 'modules/web.module.jsonc'), web);
  await writeFile(join(workspace, 'modules/shop.module.jsonc'), shop);
  story = await StoryCluster.start({ 'site.cluster.jsonc': cluster, 'web.module.jsonc': web });
  const env = { UNDERSTUDY_CLUSTER_FILE: await story.writeClusterFile() };
  vscode = await startVscode({ workspace, extensionVsix: await buildExtension(), env });
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

/** The line above a file, as it reads. */
const lenses = (): Locator => workbench.page.locator('.monaco-editor .codelens-decoration');
/** What can be pressed on it. */
const action = (label: string): Locator => lenses().locator('a').filter({ hasText: label });
/** The state on it. */
const state = (words: string | RegExp): Locator => lenses().getByText(words);

/** The actions that there are, in their order. */
async function actionsAre(...labels: readonly string[]): Promise<void> {
  const texts = async (): Promise<string[]> =>
    (await lenses().locator('a').allInnerTexts()).map((text) => text.replaceAll('\u00a0', ' ').trim());
  await expect.poll(texts).toEqual(labels);
}

/** A piece of the text of the open editor. */
const text = (line: string, piece: string): Locator =>
  workbench.page
    .locator('.monaco-editor .view-line')
    .filter({ hasText: line })
    .locator('span span')
    .filter({ hasText: piece })
    .last();

/** Types at the end of a line, as from the clipboard: nothing is completed meanwhile. */
async function typeBehind(line: string, typed: string): Promise<void> {
  await workbench.page.locator('.monaco-editor .view-line').filter({ hasText: line }).first().click();
  await workbench.page.keyboard.press('End');
  await workbench.page.keyboard.insertText(typed);
}

/** With another token from now on. */
async function signInAs(token: string): Promise<void> {
  await writeFile(join(story.folder, 'editor.token'), `${token}\n`, { mode: 0o600 });
  await workbench.run('Understudy: Reconnect Now');
}

// One window, one story: each step begins where the one before has ended.
describe('above a module file', () => {
  step('stand the state of the module and what can be done now, without a look at the tree before', async () => {
    await workbench.openFile('web.module.jsonc');
    await state('web: STOP on both hosts').waitFor();
    await actionsAre('Start…', 'Open Panel');
  });

  step('a module is started after the question that the tree asks, and what stands there changes with it', async () => {
    await action('Start…').click();
    await workbench.dialog.getByText('Start module web of cluster site?').waitFor();
    await workbench.answer('Start');
    await state('web: PRIM on alpha, SECOND on beta, in sync').waitFor();
    await workbench.notification('web: starting done').waitFor();
    await workbench.clearNotifications();
    await actionsAre('Switch Over…', 'Stop…', 'Open Panel');
  });

  step('a module is switched over', async () => {
    await action('Switch Over…').click();
    await workbench.dialog.getByText('Switch module web of cluster site over to beta?').waitFor();
    await workbench.answer('Switch Over');
    await state('web: PRIM on beta, SECOND on alpha, in sync').waitFor();
    await workbench.clearNotifications();
  });

  step('nothing is offered that the state does not allow', async () => {
    story.resyncProgress('web', { toCheck: 4e9, checked: 1e9, sent: 9e8 });
    await state('web: ALONE on beta, SECOND on alpha, resynchronising').waitFor();
    await actionsAre('Stop…', 'Open Panel');
    story.serveOn('web', 'beta');
    await actionsAre('Switch Over…', 'Stop…', 'Open Panel');
  });

  step('the difference to what runs can be shown and applied, once there is one', async () => {
    await typeBehind('"priority"', '0');
    await actionsAre('Switch Over…', 'Stop…', 'Open Panel', 'Show Difference', 'Apply…');
    await action('Show Difference').click();
    await workbench.page.locator('.tab', { hasText: 'web.module.jsonc (running ↔ this file)' }).waitFor();
    await workbench.page.locator('.monaco-diff-editor .view-line').filter({ hasText: '"priority": 10' }).waitFor();
    await workbench.screenshot('code-lens-difference');
    await workbench.run('View: Close Editor');
    await workbench.openFile('web.module.jsonc');
    await action('Apply…').click();
    await workbench.dialog.getByText('Apply web.module.jsonc to all hosts of cluster site?').waitFor();
    await workbench.dialog.getByText(/checks takes effect at once/).waitFor();
    await workbench.screenshot('code-lens-apply');
    await workbench.answer('Cancel');
    await actionsAre('Switch Over…', 'Stop…', 'Open Panel', 'Show Difference', 'Apply…');
    expect(story.files.newest).toBe(0);
  });

  for (const { name, tag } of themes) {
    step(`it can be read in ${tag}, and so can what is live at a name`, async () => {
      await workbench.chooseTheme(name);
      await workbench.page
        .locator(`.monaco-workbench.${{ light: 'vs', dark: 'vs-dark', 'high-contrast': 'hc-black' }[tag]}`)
        .waitFor();
      await state('web: PRIM on beta, SECOND on alpha, in sync').waitFor();
      await workbench.screenshot(`code-lens-${tag}`);
      await text('"hosts"', 'beta').hover();
      const hover = workbench.page.locator('.monaco-hover:not(.hidden)').filter({ hasText: 'Live, site' });
      await hover.getByText('PRIM, server running').waitFor();
      await hover.getByText(/lan 127\.0\.0\.2, 0\.4 ms there and back/).waitFor();
      await workbench.screenshot(`live-hover-${tag}`, { withPointer: true });
      await workbench.page.keyboard.press('Escape');
    });
  }

  step('a file with errors cannot be applied', async () => {
    const mistake = ', "xyzzy": 1';
    await typeBehind('"priority"', mistake);
    await workbench.page.locator('.squiggly-error').first().waitFor();
    await actionsAre('Switch Over…', 'Stop…', 'Open Panel', 'Show Difference');
    for (const _character of mistake) await workbench.page.keyboard.press('Backspace');
    await expect.poll(() => workbench.page.locator('.squiggly-error').count()).toBe(0);
    await actionsAre('Switch Over…', 'Stop…', 'Open Panel', 'Show Difference', 'Apply…');
  });

  step('a text that was applied is what runs', async () => {
    await action('Apply…').click();
    await workbench.answer('Apply');
    await workbench.notification(/version 1 is applied on alpha, beta/).waitFor();
    await workbench.clearNotifications();
    await actionsAre('Switch Over…', 'Stop…', 'Open Panel');
  });

  step('the panel opens', async () => {
    await action('Open Panel').click();
    await workbench.panel.getByRole('heading', { name: 'web', exact: true }).waitFor();
    await workbench.run('View: Close Editor');
    await workbench.openFile('web.module.jsonc');
  });

  step('nothing is offered that the role of the token does not allow', async () => {
    await signInAs(story.createToken('reader', 'viewer'));
    await actionsAre('Open Panel');
    await state('web: PRIM on beta, SECOND on alpha, in sync').waitFor();
    await signInAs(story.createToken('operator', 'operator'));
    await actionsAre('Switch Over…', 'Stop…', 'Open Panel');
    await signInAs(story.token);
  });

  step('of a module that the cluster does not have, that it can be applied', async () => {
    await workbench.openFile('shop.module.jsonc');
    await state('shop: not in cluster site yet').waitFor();
    await actionsAre('Apply…');
    await action('Apply…').click();
    await workbench.dialog.getByText('Apply shop.module.jsonc to all hosts of cluster site?').waitFor();
    await workbench.dialog.getByText('shop.module.jsonc is added.').waitFor();
    await workbench.answer('Cancel');
  });

  step('nothing stands while the cluster is not connected, and all of it comes back', async () => {
    await workbench.openFile('web.module.jsonc');
    await state('web: PRIM on beta').waitFor();
    await story.stopAgent('alpha');
    await story.stopAgent('beta');
    await lenses().waitFor({ state: 'detached' });
    await text('"hosts"', 'beta').hover();
    await workbench.page.locator('.monaco-hover:not(.hidden)').filter({ hasText: 'host beta' }).waitFor();
    expect(await workbench.page.locator('.monaco-hover').filter({ hasText: 'Live, site' }).count()).toBe(0);
    await story.startAgent('alpha');
    await state('web: PRIM on beta, SECOND on alpha, in sync').waitFor();
  });
});

describe('above a cluster file', () => {
  step('stand the state of the cluster, and its difference to what runs', async () => {
    await story.startAgent('beta');
    story.traffic('web', 1);
    await workbench.openFile('site.cluster.jsonc');
    await state('site: 3 of 3 hosts').waitFor();
    await actionsAre();
    await typeBehind('"arbiter"', ' // why');
    await actionsAre('Show Difference', 'Apply…');
    await workbench.screenshot('code-lens-cluster');
  });

  step('broke no rule of its own page', () => {
    expect(workbench.violations).toEqual([]);
    return Promise.resolve();
  });
});
