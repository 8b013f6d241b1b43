import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { zipFile } from '../support/zipFile.ts';
import { buildExtension } from './buildExtension.ts';
import { startVscode } from './vscodeHost.ts';
import type { RunningVscode } from './vscodeHost.ts';
import { openBrowser, Workbench } from './workbench.ts';

const configuration = `<!DOCTYPE safe>
<safe>
  <service mode="mirror" failover="off" novelty="1">
    <heart timeout="10s"><heartbeat name="lan"/></heart>
    <rfs><replicated dir="/srv/web"/></rfs>
    <user/>
  </service>
</safe>
`;

let vscode: RunningVscode;
let browser: Browser;
let workspace: string;
let workbench: Workbench;

beforeAll(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'understudy-workspace-'));
  await mkdir(join(workspace, 'target'));
  const bin = ['start_prim', 'stop_prim'].map((name) => ({ name: `bin/${name}`, content: '#!/bin/sh\n' }));
  await writeFile(
    join(workspace, 'web.safe'),
    zipFile([{ name: 'conf/userconfig.xml', content: configuration }, ...bin]),
  );
  await writeFile(join(workspace, 'evil.safe'), zipFile([{ name: '../../evil', content: 'x' }]));
  vscode = await startVscode({ workspace, extensionVsix: await buildExtension() });
  browser = await openBrowser();
  workbench = new Workbench(await browser.newPage({ viewport: { width: 1440, height: 1000 } }));
  await workbench.open(vscode.url);
  // A window that is just there neither knows the extension's menus nor trusts its workspace: this button needs both.
  await workbench.show('Understudy');
  await workbench.sideBar.getByRole('button', { name: 'Add Cluster', exact: true }).waitFor();
});

afterAll(async () => {
  await browser?.close();
  await vscode?.stop();
  await rm(workspace, { recursive: true, force: true });
});

async function importFrom(file: string): Promise<void> {
  onTestFailed(() => workbench.screenshot('failed-import'));
  await workbench.show('Explorer');
  await workbench.contextMenu(workbench.line(file), 'Import SafeKit Module…');
}

/** Chooses the folder in the dialog that is there or comes, and the files that are to be written there. */
async function writeTo(folder: string): Promise<void> {
  await workbench.notification('The module web and its scripts').getByRole('button', { name: 'Write Files…' }).click();
  const widget = workbench.page.locator('.quick-input-widget').filter({ hasText: 'Where to write the module?' });
  await widget.waitFor();
  // It puts in the folder that it begins at, a moment after it has come.
  await expect.poll(() => workbench.quickInput.inputValue()).toBe(`${workspace}/`);
  await workbench.quickInput.fill(`${folder}/`);
  await widget.getByRole('button', { name: 'Choose Folder' }).click();
  await workbench.dialog.getByText(`Write the module web to ${folder}?`).waitFor();
}

it('shows the report before anything is written', { timeout: 90_000 }, async () => {
  await importFrom('web.safe');
  await workbench.panel.getByRole('heading', { name: 'What is left to you' }).waitFor();
  await workbench.panel.getByText('meaning not known', { exact: true }).waitFor();
  await workbench.screenshot('import-report');
  await expect(stat(join(workspace, 'target/web.module.jsonc'))).rejects.toThrow();
});

it('writes the module where the person says, after a question that names the folder', { timeout: 90_000 }, async () => {
  const folder = join(workspace, 'target');
  await writeTo(folder);
  await workbench.screenshot('import-write');
  await workbench.answer('Write');
  await workbench.page.locator('.tabs-container .tab[data-resource-name="web.module.jsonc"]').waitFor();
  const text = await readFile(join(folder, 'web.module.jsonc'), 'utf8');
  expect(text).toContain('"detection": "10s"');
  expect((await stat(join(folder, 'scripts/web/start'))).mode & 0o111).toBe(0o111);
});

it('replaces nothing without another question', { timeout: 90_000 }, async () => {
  const folder = join(workspace, 'target');
  await writeFile(join(folder, 'web.module.jsonc'), '{ "mine": true }');
  await importFrom('web.safe');
  await writeTo(folder);
  await workbench.answer('Write');
  await workbench.dialog.getByText(/Replace \d+ files in/).waitFor();
  await workbench.answer('Cancel');
  expect(await readFile(join(folder, 'web.module.jsonc'), 'utf8')).toBe('{ "mine": true }');
});

it('says why a hostile file is refused', { timeout: 90_000 }, async () => {
  await importFrom('evil.safe');
  await workbench.notification('evil.safe was not imported. The file "../../evil" has ".." in its name').waitFor();
});
