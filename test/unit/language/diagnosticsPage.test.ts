import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { diagnosticCodes } from '../../../schemas/diagnostic.ts';

const page = readFileSync(join(resolve(import.meta.dirname, '../../..'), 'docs/diagnostics.md'), 'utf8');
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')).trim(), section]),
);

it('has a section for every code, under its name, and for nothing else', () => {
  expect([...sections.keys()].sort()).toEqual([...diagnosticCodes].sort());
});

it.each(diagnosticCodes)('says of %s what it means, why it matters, how to mend it, and gives an example', (code) => {
  const section = sections.get(code) ?? '';
  for (const part of ['**Why it matters.**', '**How to mend it.**', '**Example.**']) expect(section).toContain(part);
  // The meaning comes first.
  expect(section.split('\n')[2]).toMatch(/^[A-Z`].{20,}/);
});
