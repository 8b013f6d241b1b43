import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { ReplicaRecord } from '../../agent/mirror/mirror.ts';
import { Applier } from '../../agent/mirror/replica/applier.ts';
import type { MainCaller } from '../../agent/mirror/replica/mainCall.ts';
import { ReplicaTree } from '../../agent/mirror/replica/tree.ts';
import { StateKeeper } from '../../agent/mirror/undo/stateKeeper.ts';
import { dropUndo } from '../../agent/mirror/undo/undoJournal.ts';

const base = fs.mkdtempSync(path.join(os.tmpdir(), 'us-keeper-'));
afterEach(() => fs.rmSync(base, { recursive: true, force: true }));

const record: ReplicaRecord = {
  formatVersion: 1,
  module: 'web',
  lineage: [{ epoch: 1, primary: 'alpha' }],
  syncId: null,
  consistent: true,
};

test('what is removed between the durable end of a resync and its news is no trouble', () => {
  const [directory, stateDirectory] = [path.join(base, 'data'), path.join(base, 'state')];
  fs.mkdirSync(directory);
  for (const name of ['one', 'two', 'three']) fs.writeFileSync(path.join(directory, name), name);
  const rootFd = fs.openSync(directory, 'r');
  const tree = new ReplicaTree(rootFd);
  const asked: unknown[] = [];
  const main = {
    call: (call) => asked.push(call),
    makeDurable: () => undefined,
  } as Pick<MainCaller, 'call' | 'makeDurable'> as MainCaller;
  const givenUp: string[] = [];
  let over = false;
  const keeper = new StateKeeper({
    ...{ stateDirectory, tree, main, record, limit: () => null },
    applier: new Applier(tree, () => false),
    onStep: () => undefined,
    isOver: () => over,
    onGivenUp: (reason) => givenUp.push(reason),
  });
  keeper.removal(['one']);
  expect(fs.readdirSync(path.join(stateDirectory, 'undo', 'files'))).toHaveLength(1);
  // The main thread has recorded the end and dropped what was kept; the follower's thread goes on applying.
  dropUndo(stateDirectory);
  const before = asked.length;
  over = true;
  keeper.removal(['two']);
  keeper.mutation({ kind: 'unlink', path: 'three', ino: fs.statSync(path.join(directory, 'three')).ino });
  expect(givenUp).toEqual([]);
  expect(asked.slice(before)).toEqual([]);
  keeper.close();
  tree.forgetDirectories();
  fs.closeSync(rootFd);
});
