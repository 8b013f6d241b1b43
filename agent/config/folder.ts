import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { readIfExists, removeDurably, writeDurably } from '../platform/durable.ts';
import { pathOf } from './configuration.ts';
import { differingFiles, type Files } from './versions.ts';

/**
 * Brings the folder of a host to the files that it runs by now. A file that neither was as before nor is as it shall be was changed by hand: it is
 * put aside beside it, by another name. One that the version does not change stays as it is.
 * @param named what is brought there whether or not the version changes it
 * @returns the paths of what was put aside
 */
export function writeFolder(
  directory: string,
  before: Files,
  after: Files,
  named: readonly string[] = [],
): readonly string[] {
  const aside: string[] = [];
  for (const name of new Set([...named, ...differingFiles(before, after)])) {
    const path = pathOf(directory, name);
    const text = after[name];
    const found = readIfExists(path)?.toString('utf8');
    if (found === text) continue;
    if (found !== undefined && found !== before[name]) {
      aside.push(putAside(path, found));
    }
    if (text === undefined) removeDurably(path);
    else {
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      writeDurably(path, text, { mode: 0o644 });
    }
  }
  return aside;
}

/** What was put aside before stays. */
function putAside(path: string, text: string): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? `${path}.edited` : `${path}.edited.${String(number)}`;
    const there = readIfExists(name)?.toString('utf8');
    if (there !== undefined && there !== text) continue;
    if (there === undefined) writeDurably(name, text, { mode: 0o644 });
    return name;
  }
}
