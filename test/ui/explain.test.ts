import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { clusterText, moduleText } from '../support/explained.ts';
import { expectAccessible } from './axe.ts';
import { buildExtension } from './buildExtension.ts';
import { storySteps } from './storySteps.ts';
import { themes } from './themes.ts';
import { startVscode } from './vscodeHost.ts';
import type { RunningVscode } from './vscodeHost.ts';
import { openBrowser, Workbench } from './workbench.ts';

const pretty = (text: string): string => `${JSON.stringify(JSON.parse(text), null, 2)}\n`;
let vscode: RunningVscode;
let browser: Browser;
let workspace: string;
let workbench: Workbench;
const modulePath = (): string => join(workspace, 'modules/web.module.jsonc');

beforeAll(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'understudy-workspace-'));
  await mkdir(join(workspace, 'modules'));
  await writeFile(join(workspace, 'site.cluster.jsonc'), pretty(clusterText()));
  await writeFile(modulePath(), pretty(moduleText()));
  vscode = await startVscode({ workspace, extensionVsix: await buildExtension() });
  browser = await openBrowser();
  const context = await browser.newContext({ viewport: { width: 1600, height: 1000 } });
  workbench = new Workbench(await context.newPage());
  await workbench.open(vscode.url);
});

afterAll(async () => {
  await browser?.close();
  await vscode?.stop();
  await rm(workspace, { recursive: true, force: true });
});

const step = storySteps(() => workbench);

// One window, one story: each step begins where the one before has ended.
describe('what a module does, beside its file', () => {
  step('is told in sentences, with what the files say of arbiter and times', async () => {
    await workbench.openFile('web.module.jsonc');
    await workbench.run('Understudy: Explain Module');
    const { panel } = workbench;
    await panel.getByRole('heading', { name: 'What web does in a failure' }).waitFor();
    await panel
      .getByText(/^If alpha loses power, web starts on beta .* later\.$/)
      .first()
      .waitFor();
    await panel
      .getByText(/^If the arbiter \(gamma\) does not answer, web goes on running on alpha/)
      .first()
      .waitFor();
    expect(await panel.getByRole('article').count()).toBeGreaterThan(15);
  });

  for (const { name, kind, tag } of themes) {
    step(`plays a fault over time, by keyboard, in ${tag}`, async () => {
      await workbench.chooseTheme(name);
      const { panel } = workbench;
      await panel.locator(`body.${kind}`).waitFor();
      await panel.getByLabel('Fault', { exact: true }).selectOption({ label: 'A host is cut off from everything' });
      await panel.getByLabel('Host', { exact: true }).selectOption('alpha');
      const moment = panel.getByRole('slider', { name: 'Moment' });
      await moment.press('Home');
      const standing = panel.locator('.standing > div');
      await standing.filter({ hasText: 'alpha' }).getByText('PRIM', { exact: true }).waitFor();
      for (let change = 0; change < 4; change++) await moment.press('PageUp');
      expect(await moment.getAttribute('aria-valuetext')).toMatch(/ s after the fault: alpha is cut off/);
      await workbench.screenshot(`explain-${tag}`);
      await panel.getByText('All steps as a table').click();
      await expectAccessible(panel, `what a module does in a failure, ${tag}`);
      await panel.getByText('All steps as a table').click();
      await moment.press('End');
      await standing.filter({ hasText: 'beta' }).getByText('PRIM', { exact: true }).waitFor();
    });
  }

  step('shows one of the failures over time from its own card', async () => {
    const { panel } = workbench;
    const card = panel.getByRole('article').filter({ hasText: 'beta (secondary) loses power' }).first();
    await card.getByRole('button', { name: /^Show over time/ }).click();
    await panel
      .locator('.simulator .sentences')
      .getByText(/^If beta loses power, web goes on running on alpha/)
      .waitFor();
  });

  step('follows the text, and shows what is wrong with it instead', async () => {
    const { panel } = workbench;
    await writeFile(modulePath(), pretty(moduleText({ automatic: false })));
    await panel
      .getByText(/^If alpha loses power, web is down, and nothing starts it by itself/)
      .first()
      .waitFor();
    await writeFile(modulePath(), pretty(moduleText({ detection: '<b>soon</b>' })));
    await panel.getByRole('heading', { name: 'Errors' }).waitFor();
    await panel.getByText(/web\.module\.jsonc, line \d+, column \d+, failover\.detection: .*<b>soon<\/b>/).waitFor();
    await panel.getByRole('heading', { name: 'What if' }).waitFor({ state: 'hidden' });
    await workbench.screenshot('explain-errors');
    await expectAccessible(panel, 'what is wrong with a module');
    await writeFile(modulePath(), '{ "name": "we');
    await panel
      .getByText(/web\.module\.jsonc, line 1, column/)
      .first()
      .waitFor();
    await writeFile(modulePath(), pretty(moduleText()));
    await panel
      .getByText(/^If alpha loses power, web starts on beta .* later\.$/)
      .first()
      .waitFor();
    await writeFile(join(workspace, 'site.cluster.jsonc'), pretty(clusterText({ arbiter: 'none' })));
    await panel
      .getByText(/^If alpha loses power, web is down, and nothing starts it by itself/)
      .first()
      .waitFor();
  });

  step('breaks no rule of its page', () => {
    expect(workbench.violations).toEqual([]);
    return Promise.resolve();
  });
});
