import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { settleTrees } from './bigTree.ts';
import { GuestProgram } from './guestProgram.ts';
import { Pair } from './pairHarness.ts';

const ENTRIES = 200_000;
const CHANGED_AT_ONCE = 50;
let pair: Pair;
let guest: GuestProgram | null = null;

afterEach(async () => {
  guest?.kill();
  await pair.remove();
});

/** Moves names to and fro until it is told to end. */
const CHANGE = `
const fs = require('node:fs');
const [top, from] = process.argv.slice(1);
for (let n = Number(from); !fs.existsSync(top + '/../end'); n += 2) {
  fs.renameSync(top + '/name-' + n, top + '/renamed-' + n);
  fs.writeFileSync(top + '/new-' + n, 'new');
  fs.rmSync(top + '/new-' + (n - 20), { force: true });
}
`;

it(`a directory of ${ENTRIES} entries is listed completely, and resynchronised, while names in it change`, async () => {
  pair = new Pair({ both: { acknowledgeTimeoutMs: 10_000 } });
  const { alpha, beta } = pair;
  const wide = path.join(alpha.directory, 'wide');
  fs.mkdirSync(wide);
  for (let n = 0; n < ENTRIES; n++) fs.closeSync(fs.openSync(path.join(wide, `name-${n}`), 'w'));
  await pair.open();
  await pair.serve(alpha);

  // Odd names stay, even ones change between the steps of the listing.
  const seen = new Map<string, number>();
  const directory = fs.opendirSync(wide);
  let changed = 0;
  for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
    seen.set(entry.name, (seen.get(entry.name) ?? 0) + 1);
    if (seen.size % 1000 !== 0) continue;
    for (const until = changed + CHANGED_AT_ONCE; changed < until; changed++) {
      const name = path.join(wide, `name-${changed * 2}`);
      if (changed % 2 === 0) fs.rmSync(name);
      else fs.renameSync(name, path.join(wide, `moved-${changed * 2}`));
      fs.writeFileSync(path.join(wide, `made-${changed}`), '');
    }
  }
  directory.closeSync();
  const odd = Array.from({ length: ENTRIES / 2 }, (_, at) => `name-${at * 2 + 1}`);
  expect(odd.filter((name) => seen.get(name) !== 1)).toEqual([]);
  expect([...seen].filter(([, times]) => times > 1)).toEqual([]);
  expect(changed).toBeGreaterThan(ENTRIES / 40);

  guest = new GuestProgram('exec "$1" -e "$2" "$3" "$4"', process.execPath, CHANGE, wide, String(changed * 2));
  const since = performance.now();
  const { progress } = await pair.join(alpha, beta, 600_000);
  expect(progress.kind).toBe('full');
  console.log(`in step after ${((performance.now() - since) / 1000).toFixed(1)} s, ${progress.sent} bytes sent`);
  fs.writeFileSync(path.join(alpha.directory, 'end'), '');
  expect(await guest.end()).toBe('');
  await alpha.mirror.release();
  const { entries, found } = await settleTrees(alpha.directory, beta.directory, 20_000);
  expect(found).toEqual([]);
  expect(entries).toBeGreaterThan(ENTRIES);
}, 900_000);
