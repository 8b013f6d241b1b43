import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Browser, FrameLocator, Locator, Page } from 'playwright-core';
import { repositoryRoot } from './repositoryRoot.ts';

/** Where screenshots are kept. */
export const artifacts = join(repositoryRoot(), 'test/artifacts/ui');

/** Starts the browser of the system, without a window. */
export async function openBrowser(): Promise<Browser> {
  const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  return chromium.launch({
    executablePath: process.env['UNDERSTUDY_CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage', ...quiet],
  });
}

/** The VS Code window in a page, as a person sees it. */
export class Workbench {
  /** What the browser's console told of our pages: violations of their policy, and errors. */
  readonly violations: string[] = [];

  constructor(readonly page: Page) {
    page.setDefaultTimeout(20_000);
    page.on('console', (message) => {
      const text = message.text();
      // VS Code's own pages break their own policies; ours is told by its "default-src 'none'" and by its scripts.
      if (/Content Security Policy/i.test(text) && /nonce-|modulePanel|explainPanel|formPanel/.test(text)) {
        this.violations.push(text);
      }
    });
  }

  /** Opens the address and waits until the window is there. */
  async open(url: string): Promise<void> {
    await this.page.goto(url);
    await this.ready();
  }

  /** Resolves once the window is there. */
  async ready(): Promise<void> {
    await this.page.locator('.monaco-workbench .part.statusbar').waitFor({ timeout: 90_000 });
    await this.page.locator('.monaco-workbench .activitybar a.action-label').first().waitFor({ timeout: 60_000 });
  }

  /** Shows the view container of that name. */
  async show(container: string): Promise<void> {
    const bar = this.page.locator('.part.activitybar');
    const shown = bar.getByRole('tab', { name: container, selected: true });
    // A second click would hide it again: first it may come by itself, as after a reload.
    for (let attempt = 0; attempt < 5; attempt++) {
      if (await shown.waitFor({ timeout: attempt === 0 ? 500 : 4000 }).then(isTrue, isFalse)) return;
      await bar.getByRole('tab', { name: container }).click();
    }
    await shown.waitFor();
  }

  get sideBar(): Locator {
    return this.page.locator('.part.sidebar');
  }

  /** A line of the tree by what a screen reader says of it. */
  line(name: string | RegExp): Locator {
    return this.sideBar.getByRole('treeitem', { name });
  }

  /** Presses an icon of a line of the tree. */
  async inline(line: Locator, action: string | RegExp): Promise<void> {
    await line.hover();
    await line.getByRole('button', { name: action }).click();
  }

  /** Chooses an entry of the context menu of a line. A menu closes when something else takes the focus: then it is opened again. */
  async contextMenu(line: Locator, entry: string | RegExp): Promise<void> {
    const item = this.page.getByRole('menuitem', { name: entry });
    await this.tryAgain(async (timeout) => {
      await line.click({ button: 'right' });
      await item.waitFor({ timeout });
      // A menu takes no click in the first moment after it has opened.
      for (let attempt = 0; attempt < 20; attempt++) {
        await item.click({ timeout });
        if (await item.waitFor({ state: 'hidden', timeout: 500 }).then(isTrue, isFalse)) return;
        // Taken late: not a second time.
        if (!(await item.isVisible())) return;
      }
      throw new Error(`The menu does not take “${String(entry)}”.`);
    });
  }

  get dialog(): Locator {
    return this.page.locator('.monaco-dialog-box');
  }

  /** Presses a button of the dialog that is there or comes. */
  async answer(label: string): Promise<void> {
    await this.dialog.getByRole('button', { name: label, exact: true }).click();
    await this.dialog.waitFor({ state: 'detached' });
  }

  get quickInput(): Locator {
    return this.page.locator('.quick-input-widget .quick-input-box input').first();
  }

  /** Types into the input box that is there or comes, and confirms. */
  async enter(title: string | RegExp, text: string): Promise<void> {
    await this.page.locator('.quick-input-widget').filter({ hasText: title }).waitFor();
    await this.quickInput.fill(text);
    await this.page.keyboard.press('Enter');
  }

  /** Runs a command of the palette. */
  async run(command: string): Promise<void> {
    await this.quickPick('F1', `>${command}`, command);
  }

  /** Opens a file of the workspace. */
  async openFile(name: string): Promise<void> {
    await this.quickPick('Control+P', name, name);
    await this.page.locator(`.tabs-container .tab[data-resource-name="${name}"]`).waitFor();
    // The tab is there first; what was shown before is hidden with the text.
    await this.page.locator(`.monaco-editor[data-uri$="/${name}"] .view-line`).first().waitFor();
  }

  /** Presses the key that opens the quick input, types the text and chooses the first line that holds `line`. */
  private async quickPick(key: string, text: string, line: string): Promise<void> {
    await this.tryAgain(async (timeout) => {
      await this.page.keyboard.press(key);
      await this.choose(text, line, timeout);
    });
  }

  /** Types into the quick input that is there and chooses the first line that holds `line`. */
  private async choose(text: string, line: string, timeout: number): Promise<void> {
    await this.quickInput.fill(text, { timeout });
    await this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: line }).first().click({ timeout });
  }

  /**
   * Begins what needs the quick input again, as a person would: it shows what could run when it was opened, so in a window that is
   * just there some commands come later; and it closes when something else takes the focus.
   */
  private async tryAgain(attempt: (timeout: number) => Promise<void>): Promise<void> {
    for (let left = 4; left > 0; left--) {
      if (await attempt(4000).then(isTrue, isFalse)) return;
      await this.page.keyboard.press('Escape');
    }
    await attempt(4000);
  }

  /** Changes to a theme by its name. */
  async chooseTheme(name: string): Promise<void> {
    await this.tryAgain(async (timeout) => {
      await this.run('Preferences: Color Theme');
      await this.choose(name, name, timeout);
      await this.page.locator('.quick-input-widget').waitFor({ state: 'hidden', timeout });
    });
  }

  notification(text: string | RegExp): Locator {
    return this.page.locator('.notifications-toasts .notification-toast').filter({ hasText: text });
  }

  async clearNotifications(): Promise<void> {
    await this.run('Notifications: Clear All Notifications');
  }

  /** The page of the active panel. */
  get panel(): FrameLocator {
    return this.page.locator('iframe.webview.ready').last().contentFrame().locator('#active-frame').contentFrame();
  }

  /** Keeps a picture of the window, for people to look at. @param withPointer where it is, as for what is shown below it */
  async screenshot(name: string, { withPointer = false } = {}): Promise<void> {
    await mkdir(artifacts, { recursive: true });
    if (!withPointer) await this.page.mouse.move(250, 8);
    await this.page.screenshot({ path: join(artifacts, `${name}.png`), animations: 'disabled' });
  }
}

const isTrue = (): boolean => true;
const isFalse = (): boolean => false;
