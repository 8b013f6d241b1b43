import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { differences, Pair, type TestHost } from './pairHarness.ts';

let pair: Pair;
beforeEach(async () => {
  pair = await new Pair().open();
});
afterEach(() => pair.remove());

const time = new Date('2024-05-06T07:08:09Z');

/** Two directories whose files nothing but their content tells apart. */
function fill({ directory }: TestHost): void {
  for (const name of ['one', 'two']) {
    const inner = path.join(directory, name, 'inner');
    fs.mkdirSync(inner, { recursive: true });
    fs.writeFileSync(path.join(inner, 'file'), name.repeat(5000));
    fs.utimesSync(path.join(inner, 'file'), time, time);
    fs.utimesSync(inner, time, time);
    fs.utimesSync(path.join(directory, name), time, time);
  }
}

function move({ directory }: TestHost): void {
  fs.renameSync(path.join(directory, 'one'), path.join(directory, 'kept'));
  fs.renameSync(path.join(directory, 'two'), path.join(directory, 'one'));
}

test('a directory that takes the place of another one while the secondary is away is compared by content', async () => {
  const { alpha, beta } = pair;
  fill(alpha);
  await pair.serve(alpha);
  await pair.join(alpha, beta);
  await beta.mirror.release();
  await alpha.event('peerLost');
  await pair.goAlone(alpha);
  move(alpha);
  const { progress } = await pair.join(alpha, beta);
  expect(progress.kind).toBe('delta');
  await alpha.mirror.release();
  expect(differences(alpha.directory, beta.directory)).toEqual([]);
});

test('a directory that only the secondary moved, when it was the primary, is compared by content', async () => {
  const { alpha, beta } = pair;
  fill(alpha);
  await pair.serve(alpha);
  await pair.join(alpha, beta);
  await beta.mirror.release();
  await alpha.event('peerLost');
  await alpha.mirror.abort();
  await pair.serve(beta);
  move(beta);
  await beta.mirror.abort();
  await pair.serve(alpha);
  const { progress } = await pair.join(alpha, beta);
  expect(progress.kind).toBe('delta');
  await alpha.mirror.release();
  expect(differences(alpha.directory, beta.directory)).toEqual([]);
});
