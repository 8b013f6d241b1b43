import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { StoryCluster } from '../support/storyCluster.ts';
import { buildExtension } from './buildExtension.ts';
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
  await writeFile(join(workspace, 'web.module.jsonc'), '{ "nam": "web" }\n');
  story = await StoryCluster.start();
  vscode = await startVscode({
    workspace,
    extensionVsix: await buildExtension(),
    env: { UNDERSTUDY_CLUSTER_FILE: await story.writeClusterFile() },
    workspaceTrust: true,
    settings: { 'security.workspace.trust.startupPrompt': 'never', 'security.workspace.trust.banner': 'never' },
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

it('connects to no cluster in Restricted Mode, and says so', async () => {
  await workbench.show('Understudy');
  await workbench.sideBar.getByText('Clusters are connected once you trust this workspace.').waitFor();
  expect(story.clients).toBe(0);
});

it('checks files in Restricted Mode', async () => {
  await workbench.openFile('web.module.jsonc');
  await workbench.page.locator('.squiggly-error').first().waitFor();
  await workbench.screenshot('restricted-mode');
});

it('shows files as forms in Restricted Mode', async () => {
  await workbench.run('Understudy: Open as Form');
  await workbench.panel
    .getByText(/the key "hosts" is missing/)
    .first()
    .waitFor();
  await workbench.run('Understudy: Open as Text');
});

it('connects once the workspace is trusted', async () => {
  await workbench.run('Workspaces: Manage Workspace Trust');
  await workbench.page.getByRole('button', { name: 'Trust', exact: true }).first().click();
  await workbench.show('Understudy');
  await workbench.line(/^site, 3 of 3 hosts/).waitFor();
});
