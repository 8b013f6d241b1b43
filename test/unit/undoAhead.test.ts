import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ReplicaRecord } from '../../agent/mirror/mirror.ts';
import { MirrorError } from '../../agent/mirror/mirrorError.ts';
import { Applier } from '../../agent/mirror/replica/applier.ts';
import type { MainCaller } from '../../agent/mirror/replica/mainCall.ts';
import { ReplicaTree } from '../../agent/mirror/replica/tree.ts';
import { putHash } from '../../agent/mirror/resync/content.ts';
import { compareHashes, storeContent } from '../../agent/mirror/resync/followerContent.ts';
import { DirectStore } from '../../agent/mirror/resync/directStore.ts';
import { rollBack } from '../../agent/mirror/undo/rollBack.ts';
import { StateKeeper } from '../../agent/mirror/undo/stateKeeper.ts';

const BLOCK = 4096;
const record: ReplicaRecord = {
  formatVersion: 1,
  module: 'web',
  lineage: [{ epoch: 1, primary: 'alpha' }],
  syncId: null,
  consistent: true,
};

let base = '';
let end = () => {};
beforeEach(() => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'us-ahead-'));
});
afterEach(() => {
  end();
  fs.rmSync(base, { recursive: true, force: true });
});

/** A replica with one file, and a disk that tells what it is asked for and fails when it shall. */
function replica(content: Buffer) {
  const [directory, stateDirectory] = [path.join(base, 'data'), path.join(base, 'state')];
  fs.mkdirSync(directory);
  const file = path.join(directory, 'file');
  fs.writeFileSync(file, content);
  const rootFd = fs.openSync(directory, 'r');
  const tree = new ReplicaTree(rootFd);
  const applier = new Applier(tree, () => false);
  const direct = new DirectStore();
  const log: string[] = [];
  const disk = { fails: false };
  const main = {
    call: (call) => log.push(JSON.stringify(call.op === 'updateRecord' ? call.change : call.op)),
    makeDurable: () => undefined,
    beginDurable: () => {
      log.push('begin');
      let over = false;
      return {
        over: () => over,
        wait: () => {
          if (over) log.push('waited for twice');
          over = true;
          log.push(fs.readFileSync(file).equals(content) ? 'durable before any change' : 'durable too late');
          if (disk.fails) throw new MirrorError('disk-error', 'the disk has failed');
        },
      };
    },
  } as Pick<MainCaller, 'call' | 'makeDurable' | 'beginDurable'> as MainCaller;
  const givenUp: string[] = [];
  const keeper = new StateKeeper({
    ...{ stateDirectory, tree, applier, main, record, limit: () => null },
    onStep: () => undefined,
    isOver: () => false,
    onGivenUp: (reason) => givenUp.push(reason),
  });
  end = () => {
    direct.close();
    keeper.close();
    applier.forgetAll();
    fs.closeSync(rootFd);
  };
  const reference = { ino: 77, path: 'file' };
  const compare = (wanted: Buffer, blocks: readonly number[]) => {
    const offsets = blocks.map((block) => block * BLOCK);
    const hashes = Buffer.alloc(blocks.length * 16);
    offsets.forEach((at, index) => putHash(wanted.subarray(at, at + BLOCK), hashes, index * 16));
    const message = { file: reference, offsets, hashes, holes: [] };
    return compareHashes(applier, direct, message, { zones: false, before: keeper, fromDisk: false }).differing;
  };
  const store = (wanted: Buffer, blocks: readonly number[]) => {
    const pieces = blocks.map((block) => {
      const data = wanted.subarray(block * BLOCK, (block + 1) * BLOCK);
      return { offset: block * BLOCK, length: data.length, data };
    });
    storeContent(applier, direct, { file: reference, pieces }, keeper);
  };
  return { file, stateDirectory, rootFd, log, disk, givenUp, keeper, compare, store };
}

test('blocks that differ are on their way to the disk before their content comes, and durable before it is stored', async () => {
  const before = randomBytes(8 * BLOCK + 100);
  const wanted = Buffer.from(before);
  for (const block of [1, 2, 6, 8]) wanted[block * BLOCK] = (wanted[block * BLOCK] ?? 0) + 1;
  const { file, stateDirectory, rootFd, log, keeper, compare, store } = replica(before);

  expect([...compare(wanted, [0, 1, 2, 6, 8])]).toEqual([0, 1, 1, 1, 1]);
  expect(log).toEqual([JSON.stringify({ consistent: false, restorable: true }), 'begin']);
  store(wanted, [1, 2]);
  store(wanted, [6, 8]);
  // One flush was enough for both.
  expect(log.slice(1)).toEqual(['begin', 'durable before any change']);
  expect(fs.readFileSync(file).equals(wanted)).toBe(true);

  keeper.close();
  await rollBack(new ReplicaTree(rootFd), stateDirectory);
  expect(fs.readFileSync(file).equals(before)).toBe(true);
});

test('what is compared while a flush goes on is covered by the next one, which is waited for when it is overwritten', () => {
  const before = randomBytes(4 * BLOCK);
  const wanted = randomBytes(4 * BLOCK);
  const { log, compare, store } = replica(before);
  compare(wanted, [0]);
  compare(wanted, [1]);
  expect(log.slice(1)).toEqual(['begin']);
  // A block that was kept nowhere yet.
  store(wanted, [3]);
  expect(log.slice(1)).toEqual(['begin', 'durable before any change', 'begin', 'durable before any change']);
});

test('a replica that turns out equal is not described at all', () => {
  const before = randomBytes(2 * BLOCK);
  const { log, compare } = replica(before);
  expect([...compare(before, [0, 1])]).toEqual([0, 0]);
  expect(log).toEqual([]);
});

test('when what was kept ahead does not reach the disk, it is given up before anything is overwritten', () => {
  const before = randomBytes(2 * BLOCK);
  const wanted = randomBytes(2 * BLOCK);
  const { file, log, disk, givenUp, compare, store } = replica(before);
  compare(wanted, [0]);
  disk.fails = true;
  store(wanted, [0]);
  expect(log.at(-1)).toBe(JSON.stringify({ restorable: false }));
  expect(log).not.toContain('waited for twice');
  expect(givenUp).toEqual(['the disk has failed']);
  expect(fs.readFileSync(file).subarray(0, BLOCK).equals(wanted.subarray(0, BLOCK))).toBe(true);
});

test('zeros that were allocated, and holes, come back as what they read as', async () => {
  const before = randomBytes(BLOCK);
  const { file, stateDirectory, rootFd, keeper, compare, store } = replica(before);
  keeper.close();
  fs.truncateSync(file, 4 * BLOCK);
  const then = fs.readFileSync(file);
  const wanted = randomBytes(4 * BLOCK);
  expect([...compare(wanted, [0, 1, 2, 3])]).toEqual([1, 1, 1, 1]);
  store(wanted, [0, 1, 2, 3]);
  expect(fs.readFileSync(file).equals(wanted)).toBe(true);
  keeper.close();
  await rollBack(new ReplicaTree(rootFd), stateDirectory);
  expect(fs.readFileSync(file).equals(then)).toBe(true);
});
