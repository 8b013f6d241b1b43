import { describe, expect, it } from 'vitest';
import { keystrokesIn, spotsOf } from '../../bench/language/typing.ts';
import type { Keystroke } from '../../bench/language/typing.ts';
import { yamlText } from '../../bench/language/yamlText.ts';
import { manyModulesModule } from '../../support/manyModules.ts';

const json = JSON.stringify(manyModulesModule(7), null, 2);
const yaml = yamlText(manyModulesModule(7));

describe('the files of the language server’s benchmark', () => {
  it('hold the same in YAML as in JSON', () => {
    expect(yaml).toBe(`name: m7
hosts:
  - host7
  - host9
mirror:
  directories:
    - /srv/vm/m7
  exclude:
    - "*.swp"
server:
  qemu:
    cpus: 2
    memory: "2GiB"
    disks:
      - file: disk.qcow2
        format: qcow2
failover:
  detection: "3s"
  restarts: 3
needs:
  cpu: 1
  memory: "3GiB"
dependsOn:
  - m6
checks:
  - tcp:
      host: "10.0.2.1"
      port: 80
    every: "10s"
`);
    expect(yamlText({ none: [], yes: true, text: 'true' })).toBe('none: []\nyes: true\ntext: "true"\n');
  });

  it('have the same places to type at', () => {
    const names = spotsOf(json).map(({ name }) => name);
    expect(names).toEqual(spotsOf(yaml).map(({ name }) => name));
    expect(names).toContain('detection');
    for (const text of [json, yaml]) {
      const lines = text.split('\n');
      for (const { line, name, key, colon, value } of spotsOf(text)) {
        expect(lines[line]?.slice(key - 1)).toMatch(new RegExp(`^${name}"?: `));
        expect(lines[line]?.[colon]).toBe(':');
        expect(lines[line]?.slice(colon + 1, value)).toMatch(/^ "?\w$/);
      }
    }
  });

  it('are typed in at many places, and in the end are as they were', () => {
    const texts = [json, json.replace('m7', 'm8')];
    const typed = [...texts];
    const keystrokes = keystrokesIn(texts, 60);
    expect(keystrokes.length).toBe(60);
    expect(new Set(keystrokes.map(({ line, character }) => `${line}:${character}`)).size).toBeGreaterThan(20);
    let broken = 0;
    for (const [index, keystroke] of keystrokes.entries()) {
      const { text } = keystroke;
      typed[text] = after(typed[text] ?? '', keystroke);
      if (index % 2 === 1) expect(typed[text]).toBe(texts[text]);
      else if (!isJson(typed[text])) broken += 1;
    }
    expect(broken).toBe(10);
  });
});

function after(text: string, { line, character, removed, inserted }: Keystroke): string {
  const lines = text.split('\n');
  const old = lines[line] ?? '';
  lines[line] = old.slice(0, character) + inserted + old.slice(character + removed);
  return lines.join('\n');
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
