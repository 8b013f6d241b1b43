import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { differences, Pair, type TestHost } from './pairHarness.ts';

let pair: Pair;
beforeEach(async () => {
  pair = await new Pair().open();
});
afterEach(() => pair.remove());

const MEBIBYTE = 1024 * 1024;
const file = ({ directory }: TestHost) => path.join(directory, 'file');

async function secondaryLeaves(): Promise<void> {
  const { alpha, beta } = pair;
  const from = alpha.seen.length;
  await beta.mirror.release();
  await alpha.event('peerLost', from);
  await pair.goAlone(alpha);
}

test('a sparse file that took the place of another one before a crash is copied with its holes', async () => {
  const { alpha, beta } = pair;
  await pair.serve(alpha);
  fs.writeFileSync(file(alpha), Buffer.alloc(3 * MEBIBYTE, 'older'));
  await pair.join(alpha, beta);
  await secondaryLeaves();
  fs.rmSync(file(alpha));
  fs.closeSync(fs.openSync(file(alpha), 'w'));
  await alpha.crash();
  await alpha.open();
  await pair.serve(alpha);
  const fd = fs.openSync(file(alpha), 'r+');
  fs.writeSync(fd, Buffer.alloc(4096, 'new '), 0, 4096, 3 * MEBIBYTE - 4096);
  fs.closeSync(fd);
  const { progress } = await pair.join(alpha, beta);
  expect(progress.kind).toBe('delta');
  await alpha.mirror.release();
  expect(differences(alpha.directory, beta.directory)).toEqual([]);
});
