import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, FrameLocator, Locator } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { clusterText, moduleText } from '../unit/form/samples.ts';
import { buildExtension } from './buildExtension.ts';
import { expectAccessible } from './axe.ts';
import { storySteps } from './storySteps.ts';
import { themes } from './themes.ts';
import { startVscode } from './vscodeHost.ts';
import type { RunningVscode } from './vscodeHost.ts';
import { openBrowser, Workbench } from './workbench.ts';

let vscode: RunningVscode;
let browser: Browser;
let workspace: string;
let workbench: Workbench;
const modulePath = (): string => join(workspace, 'modules/web.module.jsonc');
const clusterPath = (): string => join(workspace, 'site.cluster.jsonc');

beforeAll(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'understudy-workspace-'));
  await mkdir(join(workspace, 'modules'));
  await writeFile(clusterPath(), clusterText);
  await writeFile(modulePath(), moduleText);
  vscode = await startVscode({
    workspace,
    extensionVsix: await buildExtension(),
    // Defaults would stand among what the lines of the text say.
    settings: { 'editor.inlayHints.enabled': 'off' },
  });
  browser = await openBrowser();
  const context = await browser.newContext({ viewport: { width: 1700, height: 1000 } });
  workbench = new Workbench(await context.newPage());
  await workbench.open(vscode.url);
});

afterAll(async () => {
  await browser?.close();
  await vscode?.stop();
  await rm(workspace, { recursive: true, force: true });
});

const step = storySteps(() => workbench, { timeout: 120_000 });

/** What shows a field, by its path. */
const fieldOf = (path: string, panel = workbench.panel): Locator =>
  panel.locator(`[id="field:${encodeURIComponent(path)}"]`);
const box = (label: string): Locator => workbench.panel.locator(`input[aria-label="${label}"]`);
const input = (path: string, panel = workbench.panel): Locator =>
  panel.locator(`[id="control:${encodeURIComponent(path)}"] input`);
const disclosure = (label: string): Locator =>
  workbench.panel
    .locator('.disclosure')
    .filter({ has: workbench.page.getByText(label, { exact: true }) })
    .first();

/** Opens a section by keyboard, if it is not. */
async function open(label: string): Promise<void> {
  const button = disclosure(label);
  await button.waitFor();
  if ((await button.getAttribute('aria-expanded')) === 'false') await button.press('Enter');
}

/** Something that is wrong, at the field of a path or in it. */
const problemAt = (path: string, text: string | RegExp, panel = workbench.panel): Locator =>
  fieldOf(path, panel).locator('.problems li').filter({ hasText: text }).first();

/** A line of the text view beside the form. */
const line = (text: string): Locator =>
  workbench.page.locator('.editor-group-container .view-line').filter({ hasText: text }).first();

/** Two forms of one file. */
let forms: readonly FrameLocator[] = [];

function bothForms(): readonly [FrameLocator, FrameLocator] {
  const [one, other] = forms;
  if (one === undefined || other === undefined) throw new Error('there are no two forms');
  return [one, other];
}

/** The text and both forms come to say this. */
async function everywhere(detection: string): Promise<void> {
  await line(`"detection": "${detection}"`).waitFor();
  for (const form of forms) await expect.poll(() => input('failover.detection', form).inputValue()).toBe(detection);
}

async function save(): Promise<void> {
  await workbench.page.keyboard.press('Control+S');
  await workbench.page.locator('.tabs-container .tab.dirty').first().waitFor({ state: 'detached' });
}

// One window, one story: each step begins where the one before has ended.
describe('a module file as a form', () => {
  step('is opened beside its text, with every section of the schema', async () => {
    await workbench.openFile('web.module.jsonc');
    await workbench.run('Understudy: Open as Form');
    await workbench.panel.getByRole('heading', { name: 'web.module.jsonc' }).waitFor();
    await workbench.run('View: Move Editor into Next Group');
    await workbench.panel.getByRole('heading', { name: 'web.module.jsonc' }).waitFor();
    await line('"detection": "3s"').waitFor();
    for (const section of ['Hosts', 'Mirror', 'Server', 'Virtual addresses', 'Hooks', 'Failover', 'Resync', 'Verify']) {
      await disclosure(section).waitFor();
    }
    expect(await input('failover.detection').inputValue()).toBe('3s');
    await workbench.panel.getByText('No problems.').waitFor();
  });

  step('changes the text, and what is wrong stands at the field and in the text', async () => {
    await input('failover.detection').fill('soon');
    await line('"detection": "soon"').waitFor();
    await problemAt('failover.detection', 'expected a duration').waitFor();
    await expect.poll(() => input('failover.detection').getAttribute('aria-invalid')).toBe('true');
    await workbench.panel
      .getByRole('combobox', { name: 'Detection', description: /^Error: expected a duration/ })
      .waitFor();
    await workbench.page.locator('.squiggly-error').first().waitFor();
    await workbench.screenshot('form-error');
    await input('failover.detection').fill('800ms');
    await line('"detection": "800ms"').waitFor();
    await workbench.panel.getByText('No problems.').waitFor();
    expect(await input('failover.detection').getAttribute('aria-invalid')).toBe('false');
  });

  step('tells what the cluster file says, too, and offers its hosts', async () => {
    await input('hosts[1]').fill('delta');
    await problemAt('hosts[1]', /"delta"/).waitFor();
    const offered = (): Promise<readonly string[]> =>
      input('hosts[1]').evaluate((input) => {
        const tree = input.getRootNode() as ShadowRoot;
        return [...tree.querySelectorAll('datalist option')].map((option) => option.getAttribute('value') ?? '');
      });
    await expect.poll(offered).toEqual(['beta', 'gamma']);
    await input('hosts[1]').fill('beta');
    await workbench.panel.getByText('No problems.').waitFor();
  });

  step('saves what is being typed, and keeps comments and layout', async () => {
    await input('failover.detection').fill('900ms');
    await save();
    await expect.poll(() => readFile(modulePath(), 'utf8')).toBe(moduleText.replace('"3s"', '"900ms"'));
  });

  step('undoes in the form what was done in it, and in the text, and does it again', async () => {
    await input('failover.detection').press('Control+Z');
    await line('"detection": "800ms"').waitFor();
    await expect.poll(() => input('failover.detection').inputValue()).not.toBe('900ms');
    await input('failover.detection').press('Control+Y');
    await line('"detection": "900ms"').waitFor();
    await expect.poll(() => input('failover.detection').inputValue()).toBe('900ms');
    await line('"detection"').click();
    await workbench.page.keyboard.press('Control+Z');
    await line('"detection": "800ms"').waitFor();
    await expect.poll(() => input('failover.detection').inputValue()).toBe('800ms');
    await workbench.page.keyboard.press('Control+Y');
    await expect.poll(() => input('failover.detection').inputValue()).toBe('900ms');
    await save();
  });

  step('takes back what is being typed before anything else', async () => {
    await input('name').fill('shop');
    await input('name').press('Control+Z');
    await expect.poll(() => input('name').inputValue()).toBe('web');
    await line('"name": "web"').waitFor();
    await line('"detection": "900ms"').waitFor();
  });

  step('keeps focus and caret in a field while the file changes elsewhere', async () => {
    await input('name').focus();
    await input('name').press('Home');
    await input('name').press('ArrowRight');
    const before = await readFile(modulePath(), 'utf8');
    await writeFile(modulePath(), before.replace('"900ms"', '"4s"'));
    await expect.poll(() => input('failover.detection').inputValue()).toBe('4s');
    const caret = await input('name').evaluate((input) => (input as HTMLInputElement).selectionStart);
    expect(caret).toBe(1);
    await workbench.page.keyboard.type('x');
    await line('"name": "wxeb"').waitFor();
    await input('name').fill('web');
    await line('"name": "web"').waitFor();
    await save();
  });

  step('adds, chooses, moves and takes out', async () => {
    await open('Checks');
    await workbench.panel.getByRole('button', { name: /^Add: adds an entry to Checks/ }).click();
    await problemAt('checks[1]', /a check is of one kind/).waitFor();
    await fieldOf('checks[1]').getByRole('combobox', { name: 'Kind of Checks 2' }).press('ArrowDown');
    await line('"tcp": {}').waitFor();
    await problemAt('checks[1].tcp.port', /the key "port" is missing/).waitFor();
    await input('checks[1].tcp.port').fill('443');
    await line('"tcp": { "port": 443 }').waitFor();
    await fieldOf('checks[1]')
      .getByRole('button', { name: /^Up: moves Checks 2 before/ })
      .press('Enter');
    await expect.poll(() => input('checks[0].tcp.port').inputValue()).toBe('443');
    await fieldOf('checks[0]')
      .getByRole('button', { name: /^Remove: takes Checks 1 out/ })
      .press('Enter');
    await expect.poll(() => input('checks[0].tcp.port').inputValue()).toBe('80');
    await expect.poll(() => fieldOf('checks[1]').count()).toBe(0);
  });

  step('sets a key back to its default by taking it out', async () => {
    await open('Mirror');
    const directIo = fieldOf('mirror.directIo');
    await directIo.getByRole('combobox').press('ArrowDown');
    await line('"directIo": "disk"').waitFor();
    await directIo
      .getByRole('button', { name: /^Remove: takes Direct io out of the file: the default, cache/ })
      .click();
    await line('"directIo"').waitFor({ state: 'detached' });
    const automatic = fieldOf('failover.automatic').getByRole('checkbox');
    expect(await automatic.getAttribute('aria-checked')).toBe('true');
    await automatic.press('Space');
    await line('"automatic": false').waitFor();
    await fieldOf('failover.automatic')
      .getByRole('button', { name: /^Remove/ })
      .click();
    await expect.poll(() => automatic.getAttribute('aria-checked')).toBe('true');
    await save();
    await expect.poll(() => readFile(modulePath(), 'utf8')).toBe(moduleText.replace('"3s"', '"4s"'));
  });

  step('shows a text that cannot be read, and never writes over it', async () => {
    await line('"name": "web"').click();
    await workbench.page.keyboard.press('End');
    await workbench.page.keyboard.type(' "oops');
    const lock = workbench.panel.getByRole('alert');
    await lock.getByText('The text cannot be read as it is.').waitFor();
    await workbench.panel
      .getByText(/line 3, column \d+: /)
      .first()
      .waitFor();
    expect(await input('failover.detection').isDisabled()).toBe(true);
    expect(
      await workbench.panel
        .getByRole('button', { name: /^Add: / })
        .first()
        .isDisabled(),
    ).toBe(true);
    await workbench.screenshot('form-unreadable');
    await lock.getByRole('button', { name: /^Mend in the Text/ }).click();
    // The text view has the focus, with the cursor where the text ends to make sense.
    await expect
      .poll(async () => {
        await workbench.page.keyboard.press('Control+Z');
        return line('"oops').count();
      })
      .toBe(0);
    await workbench.panel.getByText('No problems.').waitFor();
    expect(await input('failover.detection').isDisabled()).toBe(false);
    expect(await input('failover.detection').inputValue()).toBe('4s');
  });

  step('is searched, and shows only what is set', async () => {
    const search = workbench.panel.getByRole('textbox', { name: 'Search for a field' });
    await search.fill('acknowledge');
    await input('mirror.acknowledgeTimeout').waitFor();
    await disclosure('Server').waitFor({ state: 'hidden' });
    await search.fill('no such thing');
    await workbench.panel.getByText('No field matches.').waitFor();
    await search.fill('');
    const onlySet = workbench.panel.getByRole('checkbox', { name: 'Only what is set' });
    await onlySet.press('Space');
    await disclosure('Hooks').waitFor({ state: 'hidden' });
    await fieldOf('failover.detection').waitFor();
    await onlySet.press('Space');
    await disclosure('Hooks').waitFor();
    await workbench.panel.getByRole('checkbox', { name: 'Full help' }).press('Space');
    await fieldOf('failover.detection')
      .locator('.help')
      .filter({ hasText: /Examples: "3s", "800ms"\. Since 0\.1\.0\./ })
      .waitFor();
    await workbench.panel.getByRole('checkbox', { name: 'Full help' }).press('Space');
  });

  step('is used by keyboard alone', async () => {
    const { panel, page } = workbench;
    const focused = (): Promise<string> =>
      panel.locator('body').evaluate((body) => body.ownerDocument.activeElement?.id ?? '');
    await panel.getByRole('textbox', { name: 'Search for a field' }).focus();
    const passed: string[] = [];
    while (!passed.includes('control:hosts%5B0%5D') && passed.length < 40) {
      await page.keyboard.press('Tab');
      passed.push(await focused());
    }
    // In the order in which they are seen.
    const seen = ['only-set', 'full-help', 'control:name', 'head:hosts', 'control:hosts%5B0%5D'];
    expect(passed.filter((id) => seen.includes(id))).toEqual(seen);
    await panel.locator('[id="head:verify"]').focus();
    await page.keyboard.press('Enter');
    await input('verify.schedule').waitFor();
    while ((await focused()) !== 'control:verify.schedule') await page.keyboard.press('Tab');
    await page.keyboard.type('Sunday 03:00');
    await page.keyboard.press('Enter');
    await line('"verify": { "schedule": "Sunday 03:00" }').waitFor();
    await fieldOf('verify.schedule')
      .getByRole('button', { name: /^Remove/ })
      .waitFor();
    await page.keyboard.press('Shift+Tab');
    expect(await focused()).toBe('remove:verify.schedule');
    await page.keyboard.press('Enter');
    await line('"verify"').waitFor({ state: 'detached' });
    // What had the focus is gone: it is where one goes on.
    await expect.poll(focused).toBe('control:verify.schedule');
  });

  step('leads from one problem to the next', async () => {
    await input('name').fill('Web');
    await input('failover.detection').fill('soon');
    await workbench.panel.getByText('2 errors, 0 warnings.').waitFor();
    const next = workbench.panel.getByRole('button', { name: /^Next Problem/ });
    const focused = (): Promise<string> =>
      workbench.panel.locator('body').evaluate((body) => body.ownerDocument.activeElement?.id ?? '');
    await next.press('Enter');
    await expect.poll(focused).toBe('control:name');
    await next.press('Enter');
    await expect.poll(focused).toBe('control:failover.detection');
    await input('name').fill('web');
    await input('failover.detection').fill('4s');
    await workbench.panel.getByText('No problems.').waitFor();
  });

  step('keeps what is not known', async () => {
    await save();
    const before = await readFile(modulePath(), 'utf8');
    await writeFile(modulePath(), before.replace('"failover": {', '"failover": { "detektion": [1, 2],'));
    const unknown = fieldOf('failover.detektion');
    await unknown.locator('.raw').filter({ hasText: '[1, 2]' }).waitFor();
    await problemAt('failover.detektion', 'is unknown here').waitFor();
    await input('failover.detection').fill('5s');
    await line('"detektion": [1, 2], "detection": "5s"').waitFor();
    await unknown.getByRole('button', { name: /^Remove/ }).click();
    await line('"failover": { "detection": "5s" }').waitFor();
  });

  step('is as it was when it is shown again', async () => {
    await disclosure('Server').press('Enter');
    expect(await disclosure('Server').getAttribute('aria-expanded')).toBe('false');
    await workbench.run('Understudy: Open as Text');
    await workbench.run('Understudy: Open as Form');
    await input('failover.detection').waitFor();
    expect(await input('failover.detection').inputValue()).toBe('5s');
    expect(await disclosure('Server').getAttribute('aria-expanded')).toBe('false');
    await disclosure('Server').press('Enter');
  });

  step('stands twice beside the text, and all three stay in step', async () => {
    await workbench.run('View: Split Editor Down');
    const pages = workbench.page.locator('iframe.webview.ready');
    await expect.poll(() => pages.count()).toBe(2);
    forms = [0, 1].map((at) => pages.nth(at).contentFrame().locator('#active-frame').contentFrame());
    const [one, other] = bothForms();
    await input('failover.detection', one).waitFor();
    await input('failover.detection', other).waitFor();

    await input('failover.detection', other).fill('6s');
    await line('"detection": "6s"').waitFor();
    await everywhere('6s');
    await input('failover.detection', one).fill('7s');
    await everywhere('7s');
    // Whose change was the last one does not matter: it is one file.
    await input('failover.detection', other).press('Control+Z');
    await everywhere('6s');
    await line('"detection"').click();
    await workbench.page.keyboard.press('Control+Z');
    await everywhere('5s');

    await input('failover.detection', one).fill('soon');
    for (const form of forms) await problemAt('failover.detection', 'expected a duration', form).waitFor();
    await input('failover.detection', other).fill('6s');
    for (const form of forms) await form.getByText('No problems.').waitFor();
    await workbench.screenshot('form-twice');

    await other.getByRole('button', { name: /^Add: adds an entry to Checks/ }).click();
    await fieldOf('checks[1]', one).waitFor();
    await fieldOf('checks[1]', one)
      .getByRole('button', { name: /^Remove: takes Checks 2 out/ })
      .click();
    await expect.poll(() => fieldOf('checks[1]', other).count()).toBe(0);
  });

  step('takes what is done in two forms at nearly the same time', async () => {
    const [one, other] = bothForms();
    const automatic = (form: FrameLocator): Locator => fieldOf('failover.automatic', form).getByRole('checkbox');
    // What is typed in one goes into the file when it is left for the other.
    for (const [detection, isChecked] of [
      ['7s', 'false'],
      ['8s', 'true'],
    ] as const) {
      await input('failover.detection', one).fill(detection);
      await automatic(other).press('Space');
      await everywhere(detection);
      for (const form of forms) await expect.poll(() => automatic(form).getAttribute('aria-checked')).toBe(isChecked);
    }
    // The same, but there is no time between them at all.
    await input('failover.detection', one).fill('9s');
    await input('name', other).fill('shop');
    await save();
    await expect.poll(() => readFile(modulePath(), 'utf8')).toContain('"name": "shop"');
    expect(await readFile(modulePath(), 'utf8')).toContain('"detection": "9s"');
    await input('name', one).fill('web');
    await input('failover.detection', other).fill('5s');
    await everywhere('5s');
    await fieldOf('failover.automatic', other)
      .getByRole('button', { name: /^Remove/ })
      .click();
    await line('"failover": { "detection": "5s" }').waitFor();
    await line('"name": "web"').waitFor();
  });

  step('goes on when the other form is closed', async () => {
    const [one, other] = bothForms();
    await input('name', other).focus();
    await workbench.run('View: Close Editor');
    await expect.poll(() => workbench.page.locator('iframe.webview.ready').count()).toBe(1);
    await input('failover.detection', one).fill('6s');
    await line('"detection": "6s"').waitFor();
    await input('failover.detection', one).fill('5s');
    await line('"detection": "5s"').waitFor();
  });

  for (const { name, kind, tag } of themes) {
    step(`is for everybody, in ${tag}`, async () => {
      await workbench.chooseTheme(name);
      await workbench.panel.locator(`body.${kind}`).waitFor();
      await open('Server');
      await open('Failover');
      await input('failover.detection').fill('soon');
      await problemAt('failover.detection', 'expected a duration').waitFor();
      await fieldOf('failover.detection').evaluate((element) => element.scrollIntoView({ block: 'center' }));
      await workbench.screenshot(`form-${tag}`);
      await expectAccessible(workbench.panel, `the form in ${tag}`);
      await input('failover.detection').fill('5s');
      await workbench.panel.getByText('No problems.').waitFor();
    });
  }
});

describe('a cluster file as a form', () => {
  step('has hosts and networks by their names', async () => {
    await save();
    await workbench.run('View: Close All Editors');
    await workbench.openFile('site.cluster.jsonc');
    await workbench.run('Understudy: Open as Form');
    await workbench.panel.getByRole('heading', { name: 'site.cluster.jsonc' }).waitFor();
    const add = box('Name of a new entry in Hosts');
    await add.fill('delta');
    await add.press('Enter');
    await problemAt('hosts.delta', /at least 1 entry/).waitFor();
    await box('Name of a new entry in delta').fill('lan');
    await workbench.panel.getByRole('button', { name: /^Add: adds an entry to delta/ }).click();
    await input('hosts.delta.lan').fill('10.77.0.4');
    await save();
    await expect.poll(() => readFile(clusterPath(), 'utf8')).toContain('"delta": { "lan": "10.77.0.4" }');
    expect(await readFile(clusterPath(), 'utf8')).toContain('// votes only');
  });

  step('renames a host in all files', async () => {
    await open('alpha');
    const name = box('Name of alpha');
    await name.fill('adam');
    await name.press('Enter');
    await disclosure('adam').waitFor();
    await expect.poll(() => readFile(modulePath(), 'utf8')).toContain('["adam", "beta"]');
    await save();
    await expect.poll(() => readFile(clusterPath(), 'utf8')).toContain('"adam": {');
  });

  step('has an arbiter of one kind or none', async () => {
    const kind = workbench.panel.getByRole('combobox', { name: 'Kind of Arbiter', exact: true });
    await kind.press('End');
    await save();
    await expect.poll(() => readFile(clusterPath(), 'utf8')).toContain('"arbiter": "none"');
    await workbench.screenshot('form-cluster');
    await expectAccessible(workbench.panel, 'the form of a cluster file');
  });

  step('breaks no rule of its page', () => {
    expect(workbench.violations).toEqual([]);
    return Promise.resolve();
  });
});
