import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../lab/harness/paths.ts';

export interface ScenarioFile {
  readonly path: string;
  readonly title: string;
  /** What is done. */
  readonly script: string;
  /** What the core then must say and show, a line each. */
  readonly expected: readonly string[];
}

/** The scenarios of `test/scenarios`: what is done, then `---`, then what comes of it. */
export function scenarioFiles(): ScenarioFile[] {
  const folder = path.join(repositoryRoot, 'test', 'scenarios');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .sort()
    .map((name) => {
      const file = path.join(folder, name);
      const [script = '', expected = ''] = readFileSync(file, 'utf8').split(/^---\n/m);
      const title = name.replace('.txt', '').replaceAll('-', ' ');
      return { path: file, title, script, expected: expected.trimEnd().split('\n') };
    });
}
