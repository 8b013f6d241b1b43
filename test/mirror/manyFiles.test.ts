import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { differences, Pair, settle, type TestHost } from './pairHarness.ts';

const FILES = 1500;
let pair: Pair;
afterEach(async () => {
  await pair.remove();
});

/** From now on the host's mirror process may open a few more files than it has open, and not thousands. */
function allowFewFiles({ mirror }: TestHost): void {
  const pid = String(mirror.pid);
  const limit = fs.readdirSync(`/proc/${pid}/fd`).length + 800;
  execFileSync('prlimit', ['--pid', pid, `--nofile=${limit}:${limit}`]);
}

function write({ directory }: TestHost, content: string): void {
  for (let n = 0; n < FILES; n++) fs.writeFileSync(path.join(directory, `file${n}`), `${content} ${n}`);
}

test('more changed files than a process may have open are resynchronised', async () => {
  pair = await new Pair().open();
  const { alpha, beta } = pair;
  await pair.serve(alpha);
  write(alpha, 'first');
  for (const host of [alpha, beta]) allowFewFiles(host);
  expect((await pair.join(alpha, beta)).progress.kind).toBe('full');
  const from = alpha.seen.length;
  await beta.crash();
  await alpha.event('peerLost', from);
  await pair.goAlone(alpha);
  write(alpha, 'later');
  await beta.open();
  allowFewFiles(beta);
  expect((await pair.join(alpha, beta)).progress.kind).toBe('delta');
  await settle(alpha.directory, beta.directory);
  await alpha.mirror.release();
  expect(differences(alpha.directory, beta.directory)).toEqual([]);
});
