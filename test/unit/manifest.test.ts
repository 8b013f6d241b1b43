import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

interface Manifest {
  readonly publisher: string;
  readonly name: string;
  readonly contributes: {
    readonly commands: readonly { readonly command: string }[];
    readonly menus: Readonly<Record<string, readonly { readonly command: string; readonly when?: string }[]>>;
    readonly snippets: readonly { readonly language: string; readonly path: string }[];
    readonly languages: readonly { readonly id: string }[];
    readonly viewsWelcome: readonly { readonly contents: string }[];
    readonly walkthroughs: readonly {
      readonly id: string;
      readonly steps: readonly {
        readonly id: string;
        readonly description: string;
        readonly media: { readonly markdown: string };
        readonly completionEvents: readonly string[];
      }[];
    }[];
  };
}

const manifest = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')) as Manifest;
const { commands, menus, snippets, languages, viewsWelcome, walkthroughs } = manifest.contributes;
const known = commands.map(({ command }) => command);
const ofOurs = (text: string): readonly string[] =>
  [...text.matchAll(/command:(understudy\.[A-Za-z]+)/g)].map(([, command]) => command ?? '');

describe('the manifest of the extension', () => {
  it('names only commands that there are', () => {
    const named = [
      ...Object.values(menus).flatMap((entries) => entries.map(({ command }) => command)),
      ...viewsWelcome.flatMap(({ contents }) => ofOurs(contents)),
      ...walkthroughs.flatMap(({ steps }) => steps.flatMap(({ description }) => ofOurs(description))),
    ];
    expect([...new Set(named)].filter((command) => !known.includes(command))).toEqual([]);
    expect(new Set(known).size).toBe(known.length);
  });

  it('has each of its commands registered', () => {
    const source = readFileSync(resolve(root, 'extension/commands/registerCommands.ts'), 'utf8');
    for (const command of known) expect(source).toMatch(new RegExp(`^  ${command.replace('understudy.', '')}: `, 'm'));
  });

  it('has a walkthrough of at most six steps whose pages are there, and which welcome texts find', () => {
    for (const { id, steps } of walkthroughs) {
      expect(steps.length).toBeLessThanOrEqual(6);
      for (const { media, completionEvents } of steps) {
        expect(existsSync(resolve(root, media.markdown)), media.markdown).toBe(true);
        expect(completionEvents.length).toBeGreaterThan(0);
      }
      const address = `%22${manifest.publisher}.${manifest.name}%23${id}%22`;
      expect(viewsWelcome.some(({ contents }) => contents.includes(address))).toBe(true);
    }
  });

  it('has each step of its walkthrough done by something that is told', () => {
    const source = readFileSync(resolve(root, 'extension/walkthrough.ts'), 'utf8');
    for (const { id, steps } of walkthroughs) {
      expect(source).toContain(`'${manifest.publisher}.${manifest.name}#${id}'`);
      for (const step of steps) {
        const [, key = ''] = /^onContext:understudy\.(\w+)$/.exec(step.completionEvents.join()) ?? [];
        expect(source).toContain(`  ${key}: '${step.id}',`);
      }
    }
  });

  it('has snippets for each of its languages', () => {
    expect(snippets.map(({ language }) => language).sort()).toEqual(languages.map(({ id }) => id).sort());
    for (const { path } of snippets) expect(existsSync(resolve(root, path)), path).toBe(true);
  });

  it('ships what it names', () => {
    const packaging = readFileSync(resolve(root, 'package.mjs'), 'utf8');
    const shipped = readFileSync(resolve(root, '.vscodeignore'), 'utf8');
    for (const folder of ['media/icons', 'media/language', 'media/walkthrough']) {
      expect(packaging).toContain(`'${folder}'`);
      expect(shipped).toContain(`!${folder}/*`);
    }
    // Where the codes of diagnostics lead to.
    expect(packaging).toContain("'docs/diagnostics.md'");
    expect(shipped).toContain('!docs/diagnostics.md');
  });

  it('offers in windows on remote machines what it offers in others', () => {
    for (const { when = '' } of Object.values(menus).flat()) expect(when).not.toMatch(/resourceScheme == file/);
  });
});
