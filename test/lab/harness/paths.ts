import { existsSync } from 'node:fs';
import path from 'node:path';

function findRoot(): string {
  // Bundled or not, this file lies somewhere below the folder that holds package.json and the sources of the lab.
  for (let folder = import.meta.dirname; ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, 'package.json')) && existsSync(path.join(folder, 'test/lab'))) return folder;
    if (folder === path.dirname(folder)) throw new Error(`No repository above ${import.meta.dirname}.`);
  }
}

/** The folder of the sources. */
export const repositoryRoot = findRoot();

/** The built command line program, as an operator would run it. */
export const understudyProgram = path.join(repositoryRoot, 'dist/agent/understudy.mjs');
