import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse, type ParseError } from 'jsonc-parser';
import { describe, expect, it } from 'vitest';
import { crossChecks } from '../../schemas/crossChecks.ts';
import { formatDiagnostic, hasErrors } from '../../schemas/diagnostic.ts';
import { parseDocument, type AnyDocument } from '../../schemas/document.ts';

interface Snippet {
  readonly prefix: string;
  readonly description: string;
  readonly body: readonly string[];
}

function snippetsOf(kind: 'module' | 'cluster'): readonly (readonly [string, Snippet])[] {
  const file = resolve(import.meta.dirname, `../../media/language/${kind}.code-snippets`);
  const errors: ParseError[] = [];
  const snippets = parse(readFileSync(file, 'utf8'), errors, { allowTrailingComma: true }) as Record<string, Snippet>;
  expect(errors).toEqual([]);
  return Object.entries(snippets);
}

/** What stands there when nothing is typed in place of what is proposed, and of choices the one at `choice`, or the last. */
function expand(body: readonly string[], choice: number): string {
  return body
    .join('\n')
    .replaceAll(/\$\{\d+\|([^|]*)\|\}/g, (_, list: string) => {
      const choices = list.split(',');
      return choices[Math.min(choice, choices.length - 1)] ?? '';
    })
    .replaceAll(/\$\{\d+:([^}]*)\}/g, '$1')
    .replaceAll(/\$\d+/g, '');
}

const site = `{
  "name": "site",
  "networks": { "lan": {} },
  "hosts": { "alpha": { "lan": "10.0.0.1" }, "beta": { "lan": "10.0.0.2" }, "gamma": { "lan": "10.0.0.3" } },
  "arbiter": { "witness": "gamma" },
`;
const web = (server: string): string => `{
  "name": "web",
  "hosts": ["alpha", "beta"],
  "mirror": { "directories": ["/srv/vm/web"] },
  "server": ${server},
`;
const qemu = '{ "qemu": { "memory": "1GiB", "disks": [{ "file": "disk.raw" }] } }';

/** A snippet that is no file by itself stands in one. */
function asFile(kind: 'module' | 'cluster', text: string): string {
  if (text.startsWith('{')) return text;
  return `${kind === 'cluster' ? site : web(qemu)}${text}\n}`;
}

describe.each(['module', 'cluster'] as const)('the snippets of %s files', (kind) => {
  const snippets = snippetsOf(kind);

  it.each(snippets)('%s is valid, whatever is chosen', (_, { body }) => {
    for (let choice = 0; choice < 8; choice += 1) {
      const text = asFile(kind, expand(body, choice));
      expect(text).not.toMatch(/\$\{|\$\d/);
      const own = kind === 'module' ? parseDocument(kind, text, 'f') : parseDocument(kind, text, 'f');
      const documents: AnyDocument[] = kind === 'module' ? [parseDocument('cluster', `${site}}`, 'site'), own] : [own];
      const told = [...own.diagnostics, ...crossChecks(documents)];
      expect({ text, errors: hasErrors(told) ? told.map(formatDiagnostic) : [] }).toEqual({ text, errors: [] });
    }
  });

  it('have prefixes and words of their own', () => {
    const prefixes = snippets.map(([, { prefix }]) => prefix);
    expect(new Set(prefixes).size).toBe(prefixes.length);
    for (const [, { prefix, description }] of snippets) {
      expect(prefix).toMatch(/^[a-z][a-z-]*$/);
      expect(description.length).toBeGreaterThan(10);
    }
  });

  it('offer choices and places that an editor understands', () => {
    for (const [name, { body }] of snippets) {
      const text = body.join('\n');
      // Each place is named, and the last one is where the cursor ends.
      expect(text, name).toContain('$0');
      expect(text.replaceAll(/\$\{\d+(:[^}$]+|\|[^|}]+\|)\}|\$0/g, ''), name).not.toContain('$');
    }
  });
});
