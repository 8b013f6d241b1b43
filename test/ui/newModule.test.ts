import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { crossChecks } from '../../schemas/crossChecks.ts';
import { formatDiagnostic } from '../../schemas/diagnostic.ts';
import { parseDocument } from '../../schemas/document.ts';
import { buildExtension } from './buildExtension.ts';
import { storySteps } from './storySteps.ts';
import { themes } from './themes.ts';
import { startVscode } from './vscodeHost.ts';
import type { RunningVscode } from './vscodeHost.ts';
import { openWalkthrough, tickedSteps } from './walkthrough.ts';
import { openBrowser, Workbench } from './workbench.ts';

let vscode: RunningVscode;
let browser: Browser;
let workspace: string;
let servers: string;
let workbench: Workbench;

beforeAll(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'understudy-workspace-'));
  servers = await mkdtemp(join(tmpdir(), 'understudy-servers-'));
  for (const name of ['mail', 'erp']) {
    await mkdir(join(servers, name));
    await writeFile(join(servers, name, 'disk.qcow2'), '');
  }
  vscode = await startVscode({ workspace, extensionVsix: await buildExtension() });
  browser = await openBrowser();
  workbench = new Workbench(await browser.newPage({ viewport: { width: 1440, height: 1000 } }));
  await workbench.open(vscode.url);
});

afterAll(async () => {
  await browser?.close();
  await vscode?.stop();
  for (const folder of [workspace, servers]) await rm(folder, { recursive: true, force: true });
});

const step = storySteps(() => workbench, { timeout: 120_000 });

/** The question whose title holds the words, when it is there. */
function question(title: string): Locator {
  return workbench.page.locator('.quick-input-widget').filter({ hasText: title });
}

/** Begins a guided input, again when the window was not ready for it. */
async function begin(command: string, first: string): Promise<void> {
  for (let left = 5; left > 0; left -= 1) {
    await workbench.run(command);
    const isThere = await question(first)
      .waitFor({ timeout: 6000 })
      .then(
        () => true,
        () => false,
      );
    if (isThere) return;
  }
  throw new Error(`${command} did not ask for “${first}”.`);
}

/** Types an answer in place of the proposal; null: takes the proposal. Waits until the next question, or the end of them, has come. */
async function answer(title: string, text: string | null): Promise<void> {
  await question(title).waitFor();
  if (text !== null) await workbench.quickInput.fill(text);
  await workbench.page.keyboard.press('Enter');
  await question(title).waitFor({ state: 'hidden' });
}

/** Types something wrong and reads what is said of it. */
async function refused(title: string, text: string, words: string | RegExp): Promise<void> {
  await question(title).waitFor();
  await workbench.quickInput.fill(text);
  await workbench.page.locator('.quick-input-message').filter({ hasText: words }).waitFor();
}

/** Chooses a folder in the editor's own dialog; again when the dialog has put its first folder into the box after that was filled. */
async function pickFolder(title: string, folder: string, button: string): Promise<void> {
  for (let left = 5; left > 0; left--) {
    await question(title).waitFor();
    await workbench.quickInput.fill(`${folder}/`);
    await question(title).getByRole('button', { name: button }).click();
    const isChosen = await question(title)
      .waitFor({ state: 'hidden', timeout: 4000 })
      .then(
        () => true,
        () => false,
      );
    if (isChosen) return;
  }
  throw new Error(`“${title}” did not take ${folder}.`);
}

function row(label: string): Locator {
  return workbench.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: label }).first();
}

async function choose(title: string, label: string): Promise<void> {
  await question(title).waitFor();
  await pick(label);
}

/** A list takes no click in the first moment after it has opened. */
async function pick(label: string): Promise<void> {
  const line = row(label);
  for (let attempt = 0; attempt < 20; attempt++) {
    await line.click();
    const isTaken = await line.waitFor({ state: 'hidden', timeout: 500 }).then(
      () => true,
      () => false,
    );
    if (isTaken) return;
  }
  throw new Error(`“${label}” was not taken.`);
}

const textOf = (path: string): Promise<string> => readFile(join(workspace, path), 'utf8');
const tab = (name: string): Locator => workbench.page.locator(`.tabs-container .tab[data-resource-name="${name}"]`);

// One window, one story: each step begins where the one before has ended.
describe('starting out in VS Code', () => {
  step('the empty view leads to new files and to the walkthrough', async () => {
    await workbench.show('Understudy');
    for (const label of ['Add Cluster', 'New Cluster…', 'New Module…']) {
      await workbench.sideBar.getByRole('button', { name: label, exact: true }).first().waitFor();
    }
    await workbench.sideBar.getByText('Show how it goes, step by step').click();
    await workbench.page.getByText('Your First Failover').first().waitFor();
    for (const title of ['Connect to a cluster', 'Write a module', 'See a failover']) {
      await workbench.page.getByText(title, { exact: true }).first().waitFor();
    }
    // The page beside the steps.
    await workbench.panel.getByText('The demonstration.').waitFor();
    const classes = { light: 'vs', dark: 'vs-dark', 'high-contrast': 'hc-black' } as const;
    for (const { name, tag } of themes) {
      await workbench.chooseTheme(name);
      await workbench.page.locator(`.monaco-workbench.${classes[tag]}`).waitFor();
      await workbench.screenshot(`walkthrough-${tag}`);
    }
  });

  step('a module without a cluster file offers to write that first', async () => {
    await workbench.run('Understudy: New Module…');
    await workbench.notification('this workspace has no cluster file').waitFor();
    await workbench.clearNotifications();
    // That it was begun is no step done.
    expect(await tickedSteps(workbench)).toEqual([]);
  });

  step('writes a cluster file from guided inputs, each checked while it is typed', async () => {
    await begin('Understudy: New Cluster…', 'New Cluster: name');
    await refused('New Cluster: name', 'Site', /lower-case letter/);
    await workbench.screenshot('new-cluster-name');
    await answer('New Cluster: name', 'site');
    await answer('New Cluster: networks', 'lan, link');
    await choose('New Cluster: replication', 'link');
    await answer('New Cluster: host 1', 'alpha 10.77.0.1 10.78.0.1');
    await refused('New Cluster: host 2', 'beta 10.77.0.1', /already the address of alpha/);
    await answer('New Cluster: host 2', 'beta 10.77.0.2 10.78.0.2');
    await answer('New Cluster: host 3', 'gamma 10.77.0.3');
    await answer('New Cluster: host 4', '');
    await choose('New Cluster: arbiter', 'Witness: gamma');
    await workbench.dialog.getByText('Write the file of cluster site?').waitFor();
    await workbench.screenshot('new-cluster-question');
    await workbench.answer('Write File');
    await tab('site.cluster.jsonc').waitFor();
    const document = parseDocument('cluster', await textOf('site.cluster.jsonc'), 'site.cluster.jsonc');
    expect([...document.diagnostics, ...crossChecks([document])].map(formatDiagnostic)).toEqual([]);
    expect(document.value?.arbiter).toEqual({ witness: 'gamma' });
  });

  step('writes a module and its scripts, after going back once', async () => {
    await begin('Understudy: New Module…', 'New Module');
    await workbench.screenshot('new-module-kinds');
    await choose('New Module', 'Virtual server (libvirt)');
    await refused('New Module: name', 'Web', /lower-case letter/);
    await answer('New Module: name', 'web');
    await question('New Module: hosts').waitFor();
    await workbench.page.locator('.quick-input-widget').getByRole('button', { name: 'Back' }).click();
    await answer('New Module: name', 'shop');
    await workbench.screenshot('new-module-hosts');
    await choose('New Module: hosts', 'alpha, or else beta');
    await answer('New Module: directory', null);
    await answer('New Module: domain', null);
    await workbench.dialog.getByText('Write the files of module shop?').waitFor();
    await workbench.dialog.getByText('scripts/shop/start').waitFor();
    await workbench.screenshot('new-module-question');
    await workbench.answer('Write Files');
    await tab('shop.module.jsonc').waitFor();
    expect(await textOf('modules/shop.module.jsonc')).toContain('"directories": ["/srv/vm/shop"]');
    for (const script of ['start', 'stop', 'check']) {
      expect((await stat(join(workspace, 'scripts/shop', script))).mode & 0o777).toBe(0o755);
    }
    // What was written is well: nothing is underlined in it.
    expect(await workbench.page.locator('.squiggly-error').count()).toBe(0);
    await openWalkthrough(workbench);
    await expect.poll(() => tickedSteps(workbench)).toEqual(['module']);
    await workbench.run('View: Close Editor');
  });

  step('proposes the other host for the next one, and refuses what is taken', async () => {
    await begin('Understudy: New Module…', 'New Module');
    await choose('New Module', 'PostgreSQL');
    await refused('New Module: name', 'shop', /also used by modules\/shop\.module\.jsonc/);
    await answer('New Module: name', 'db');
    await question('New Module: hosts').waitFor();
    const first = workbench.page.locator('.quick-input-list .monaco-list-row').first();
    await expect.poll(() => first.innerText()).toContain('beta, or else alpha');
    await workbench.page.keyboard.press('Enter');
    await refused('New Module: directory', '/srv/vm/shop/db', /directory of the module shop/);
    await answer('New Module: directory', '/srv/db');
    await answer('New Module: port', null);
    await answer('New Module: address', '10.77.0.100/24');
    await workbench.answer('Cancel');
    await expect(textOf('modules/db.module.jsonc')).rejects.toThrow('ENOENT');
  });

  step('writes a module for each virtual server below a folder, spread over the hosts', async () => {
    await begin('Understudy: Protect All on This Host…', 'Protect All on This Host');
    await choose('Protect All on This Host', 'Folders, one for each virtual server');
    await pickFolder('the folder above those of the virtual servers', servers, 'Look Here');
    await choose('Protect All on This Host', 'Spread over alpha, beta');
    await row('erp').waitFor();
    await workbench.screenshot('protect-all');
    await workbench.page.locator('.quick-input-widget').getByRole('button', { name: 'OK' }).click();
    await workbench.dialog.getByText('Write the files of 2 modules?').waitFor();
    await workbench.answer('Write Files');
    await tab('erp.module.jsonc').waitFor();
    const files = ['modules/shop.module.jsonc', 'modules/erp.module.jsonc', 'modules/mail.module.jsonc'];
    const modules = await Promise.all(files.map(async (file) => parseDocument('module', await textOf(file), file)));
    expect(crossChecks(modules).map(formatDiagnostic)).toEqual([]);
    expect(modules.map(({ value }) => value?.hosts[0])).toEqual(['alpha', 'beta', 'alpha']);
  });

  step('takes the cluster whose file it is called on, and asks where there are several', async () => {
    await mkdir(join(workspace, 'branch'));
    const branch = (await textOf('site.cluster.jsonc')).replace('"site"', '"branch"').replaceAll('alpha', 'omega');
    await writeFile(join(workspace, 'branch/branch.cluster.jsonc'), branch);
    await workbench.show('Explorer');
    await workbench.contextMenu(workbench.line(/^site\.cluster\.jsonc/), 'New Module…');
    await choose('New Module', 'Any program');
    await answer('New Module: name', 'notes');
    await row('alpha, or else beta').waitFor();
    await workbench.page.keyboard.press('Escape');
    await workbench.run('Understudy: New Module…');
    await pick('branch.cluster.jsonc');
    await choose('New Module', 'Any program');
    await answer('New Module: name', 'notes');
    await row('omega, or else beta').waitFor();
    await workbench.page.keyboard.press('Escape');
  });

  step('writes no second cluster file into a folder', async () => {
    await begin('Understudy: New Cluster…', 'New Cluster: a folder for its file');
    await pickFolder('New Cluster: a folder for its file', workspace, 'Use This Folder');
    await workbench.notification(/site\.cluster\.jsonc is in .* already/).waitFor();
    await workbench.clearNotifications();
  });

  step('offers snippets where a file is written by hand', async () => {
    await writeFile(join(workspace, 'modules/empty.module.jsonc'), '\n');
    await workbench.openFile('empty.module.jsonc');
    await workbench.page.locator('.monaco-editor .view-line').first().click();
    await workbench.page.keyboard.type('module-s');
    await workbench.page.keyboard.press('Control+Space');
    await workbench.page.locator('.suggest-widget.visible .monaco-list-row', { hasText: 'module-scripts' }).waitFor();
    await workbench.screenshot('snippet');
  });

  step('moves a directory of a module into a module of its own, from the menu of refactorings', async () => {
    const wiki = `{
  "name": "wiki",
  "hosts": ["alpha", "beta"],
  // Pages, and the index of the search.
  "mirror": { "directories": ["/srv/wiki", "/srv/search"] },
  "server": { "scripts": { "start": ["/opt/wiki/start"], "stop": ["/opt/wiki/stop"] } }
}
`;
    await writeFile(join(workspace, 'modules/wiki.module.jsonc'), wiki);
    await workbench.page.keyboard.press('Escape');
    await workbench.openFile('wiki.module.jsonc');
    const editor = workbench.page.locator('.monaco-editor[data-uri$="/wiki.module.jsonc"]');
    await editor.locator('.view-line', { hasText: '"mirror"' }).getByText('/srv/search').last().click();
    const move = workbench.page
      .locator('.action-widget .monaco-list-row')
      .filter({ hasText: 'Move "/srv/search" to a module of its own' });
    // The first request may come before the server has read the file.
    for (let left = 5; left > 0 && !(await move.isVisible()); left -= 1) {
      await workbench.run('Refactor...');
      await move.waitFor({ timeout: 4000 }).catch(() => workbench.page.keyboard.press('Escape'));
    }
    await workbench.screenshot('move-directory');
    await move.click();
    await editor.locator('.view-line', { hasText: '"dependsOn": ["search"]' }).waitFor();
    await expect
      .poll(() => textOf('modules/search.module.jsonc').catch(() => ''))
      .toContain('"directories": ["/srv/search"]');
    expect(await textOf('modules/search.module.jsonc')).toContain('// Pages, and the index of the search.');
  });
});
