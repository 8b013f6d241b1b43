import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of the sources, from this file as it is or bundled into `dist/`. */
export function repositoryRoot(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json')) && existsSync(join(folder, 'test/ui/vscodeVersions.ts'))) {
      return folder;
    }
    if (folder === dirname(folder)) throw new Error(`No repository above ${import.meta.dirname}.`);
  }
}
