/**
 * Does the same list of operations in any directory and prints what each of them answered, as JSON lines: `node program.mjs DIRECTORY`.
 * Run on a plain directory and on a mirror the two outputs have to be equal.
 */
import fs from 'node:fs';
import path from 'node:path';
import * as libc from '../../../agent/platform/libc.ts';
import { lockType, outcomeOf, rangeLock } from './calls.ts';
import { Case, type CaseList } from './case.ts';
import { contentCases } from './contentCases.ts';
import { nameCases } from './nameCases.ts';
import { ownerCases } from './ownerCases.ts';
import { sharingCases } from './sharingCases.ts';

const [directory = '', only] = process.argv.slice(2);

if (directory === 'lock') {
  // The other process of the lock cases.
  const fd = libc.openat(libc.AT_FDCWD, only ?? '', libc.O_RDWR);
  const answers = [lockType.read, lockType.write].map((type) => [
    outcomeOf(() => rangeLock(fd, 'process', 'get', type, 10, 10)),
    outcomeOf(() => rangeLock(fd, 'process', 'set', type, 10, 10)),
    outcomeOf(() => rangeLock(fd, 'process', 'set', type, 50, 10)),
  ]);
  process.stdout.write(JSON.stringify(answers));
} else {
  libc.setUmask(0o022);
  const lists: CaseList[] = [contentCases, nameCases, ownerCases, sharingCases];
  for (const [name, run] of lists.flatMap((list) => Object.entries(list))) {
    if (only !== undefined && only !== name) continue;
    const top = path.join(directory, name.replaceAll(' ', '-'));
    fs.mkdirSync(top);
    fs.chmodSync(top, 0o777);
    const each = new Case(name, top);
    try {
      run(each);
    } catch (error) {
      each.check('ended by', () => String(error));
    } finally {
      each.end();
    }
  }
}
