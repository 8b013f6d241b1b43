import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AxeResults, Result, RunOptions } from 'axe-core';
import type { FrameLocator } from 'playwright-core';
import { expect } from 'vitest';

/** What keeps people from using a page; the rest is advice. */
const grave: ReadonlySet<unknown> = new Set(['serious', 'critical']);

interface WithAxe {
  readonly axe?: { run(context: Document, options: RunOptions): Promise<AxeResults> };
}

/**
 * Looks with axe-core at a page as it is shown now, and fails with each rule of serious or critical impact that it breaks, and where.
 * @param frame the page of a panel
 * @param name what is shown there, for whoever reads the failure
 */
export async function expectAccessible(frame: FrameLocator, name: string): Promise<void> {
  const page = frame.locator('html');
  if (!(await page.evaluate(() => (window as unknown as WithAxe).axe !== undefined))) {
    // By way of the debugger: the page's own policy lets no other script in.
    await page.evaluate(await axeSource());
  }
  const violations = await page.evaluate(async ({ ownerDocument }) => {
    const { axe } = window as unknown as WithAxe;
    if (axe === undefined) throw new Error('axe-core is not there');
    // Reading the style sheets anew would break the page's policy.
    return (await axe.run(ownerDocument, { preload: false, resultTypes: ['violations'] })).violations;
  });
  const found = violations.filter(({ impact }) => grave.has(impact)).map(described);
  expect(found, `what axe-core finds in ${name}`).toEqual([]);
}

function described({ id, impact, help, helpUrl, nodes }: Result): string {
  const places = nodes.map(({ target, html, failureSummary }) =>
    [`  ${target.flat().join(' ')}  ${html}`, ...(failureSummary ?? '').split('\n').slice(1)].join('\n    '),
  );
  return [`${id} (${String(impact)}): ${help}, ${helpUrl}`, ...places].join('\n');
}

let source: Promise<string> | null = null;

function axeSource(): Promise<string> {
  source ??= readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  return source;
}
