import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import * as libc from '../../agent/platform/libc.ts';
import { TestMount } from './mountHarness.ts';
import { Random, chooseOperation, outcome } from './mountOperations.ts';
import type { Place } from './mountOperations.ts';
import { replay, snapshot } from './mountReplay.ts';

let mount: TestMount | undefined;

afterEach(async () => {
  await mount?.close();
  mount = undefined;
});

const openPlace = (directory: string): Place => ({
  root: libc.openat(libc.AT_FDCWD, directory, libc.O_PATH | libc.O_DIRECTORY),
  open: [],
});

const closePlace = (place: Place): void => {
  for (const fd of place.open) if (fd !== undefined) libc.close(fd);
  libc.close(place.root);
};

/** Times that follow from when the test ran are made equal, through the mount like everything else. */
function fixTimes(place: Place): void {
  const visit = (directory: string): void => {
    for (const { name } of libc.listDirectory(place.root, directory)) {
      const child = directory === '' ? name : `${directory}/${name}`;
      if ((libc.statat(place.root, child).mode & libc.S_IFMT) === libc.S_IFDIR) visit(child);
      libc.utimensat(place.root, child, null, BigInt(child.length) * 1_000_000_007n);
    }
  };
  visit('');
  libc.utimensat(place.root, '.', null, 5n);
}

const seeds =
  process.env['MOUNT_SEED'] !== undefined
    ? [Number(process.env['MOUNT_SEED'])]
    : [1, 2, (Date.now() % 1_000_000_000) + 3];
const steps = Number(process.env['MOUNT_STEPS'] ?? 4000);

it.each(seeds)(
  'answers like a local directory, and what it replicates makes an equal tree (MOUNT_SEED=%i)',
  async (seed) => {
    mount = await TestMount.start();
    const plainDirectory = path.join(mount.base, 'plain');
    const replicaDirectory = path.join(mount.base, 'replica');
    fs.mkdirSync(plainDirectory);
    fs.mkdirSync(replicaDirectory);
    const random = new Random(seed);
    const mirrored = openPlace(mount.directory);
    const plain = openPlace(plainDirectory);
    const umask = libc.setUmask(0o027);
    const history: string[] = [];
    try {
      for (let step = 0; step < steps; step++) {
        const operation = chooseOperation(random);
        const expected = outcome(operation, plain);
        const actual = outcome(operation, mirrored);
        history.push(`${step} ${operation.name}: ${JSON.stringify(expected)?.slice(0, 100)}`);
        expect(actual, history.slice(-40).join('\n')).toEqual(expected);
      }
      fixTimes(plain);
      fixTimes(mirrored);
    } finally {
      libc.setUmask(umask);
      closePlace(mirrored);
      closePlace(plain);
    }
    await mount.unmount();
    const replica = libc.openat(libc.AT_FDCWD, replicaDirectory, libc.O_PATH | libc.O_DIRECTORY);
    const mutations = mount.mutations() as Parameters<typeof replay>[1][];
    for (const mutation of mutations) replay(replica, mutation);
    libc.close(replica);
    expect(snapshot(mount.directory)).toEqual(snapshot(plainDirectory));
    expect(snapshot(replicaDirectory)).toEqual(snapshot(mount.directory));
    expect(mutations.length).toBeGreaterThan(steps / 20);
    expect(mount.logged).toEqual([]);
  },
  60_000,
);
