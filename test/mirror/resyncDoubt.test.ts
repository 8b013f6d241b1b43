import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Pair, settle, type TestHost } from './pairHarness.ts';

let pair: Pair;
afterEach(() => pair.remove());

const at = ({ directory }: TestHost, ...names: string[]) => path.join(directory, ...names);

/** The secondary ends, in order or not, and the primary goes on alone. */
async function secondaryLeaves(end: () => Promise<void>): Promise<void> {
  const { alpha } = pair;
  const from = alpha.seen.length;
  await end();
  await alpha.event('peerLost', from);
  await pair.goAlone(alpha);
}

test('a file that a resync had made when it was lost is copied as a whole by the next one', async () => {
  pair = await new Pair({ both: { resyncBandwidth: 256 << 10 } }).open();
  const { alpha, beta } = pair;
  fs.writeFileSync(at(alpha, 'file'), randomBytes(2 << 20));
  fs.cpSync(at(alpha, 'file'), at(beta, 'file'), { preserveTimestamps: true });
  await pair.serve(alpha);
  await pair.join(alpha, beta);
  await secondaryLeaves(() => beta.mirror.release());
  await beta.close();
  // A secondary that had made other changes that never left it has them taken back by a resync.
  fs.rmSync(at(beta, 'file'));
  fs.appendFileSync(at(alpha, 'file'), 'more');
  await beta.open();
  const from = await pair.attach(alpha, beta);
  await alpha.event('resync', from, 10_000, ({ progress }) => progress.content > 0);
  await secondaryLeaves(() => beta.crash());
  await beta.open();
  const { progress } = await pair.join(alpha, beta);
  expect(progress.kind).toBe('delta');
  expect(await settle(alpha.directory, beta.directory)).toEqual([]);
}, 60_000);

/** What is one file of two names on the secondary is two on the primary, and a resync has looked at the first name only. */
async function halfOfOneFile(): Promise<number> {
  pair = await new Pair({ both: { resyncBandwidth: 128 << 10 } }).open();
  const { alpha, beta } = pair;
  fs.mkdirSync(at(alpha, 'first'));
  for (let each = 0; each < 3000; each++) fs.mkdirSync(at(alpha, `middle${each}`));
  fs.mkdirSync(at(alpha, 'zlast'));
  fs.writeFileSync(at(alpha, 'first', 'one'), 'one file');
  fs.linkSync(at(alpha, 'first', 'one'), at(alpha, 'zlast', 'other'));
  fs.cpSync(alpha.directory, beta.directory, { recursive: true, preserveTimestamps: true });
  fs.rmSync(at(beta, 'zlast', 'other'));
  fs.linkSync(at(beta, 'first', 'one'), at(beta, 'zlast', 'other'));
  await pair.serve(alpha);
  await pair.join(alpha, beta);
  await secondaryLeaves(() => beta.mirror.release());
  fs.rmSync(at(alpha, 'zlast', 'other'));
  fs.writeFileSync(at(alpha, 'zlast', 'other'), 'two files');
  const from = await pair.attach(alpha, beta);
  // The first directory has been looked at, the last one has not.
  await alpha.event('resync', from, 10_000, ({ progress }) => progress.names > 3002);
  return from;
}

test('a write by a name that is still one of another file on the secondary leaves that one as it is', async () => {
  const from = await halfOfOneFile();
  const { alpha, beta } = pair;
  fs.writeFileSync(at(alpha, 'zlast', 'other'), 'written');
  const { progress } = await alpha.event('inStep', from);
  expect(progress.kind).toBe('delta');
  expect(fs.readFileSync(at(beta, 'first', 'one'), 'utf8')).toBe('one file');
  expect(await settle(alpha.directory, beta.directory)).toEqual([]);
}, 90_000);

test('a file that is moved over one that is the same file on the secondary leaves its old name there, too', async () => {
  const from = await halfOfOneFile();
  const { alpha, beta } = pair;
  fs.renameSync(at(alpha, 'first', 'one'), at(alpha, 'zlast', 'other'));
  const { progress } = await alpha.event('inStep', from);
  expect(progress.kind).toBe('delta');
  expect(fs.existsSync(at(beta, 'first', 'one'))).toBe(false);
  expect(await settle(alpha.directory, beta.directory)).toEqual([]);
}, 90_000);
