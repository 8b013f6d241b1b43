import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { bundleProgram } from '../support/bundles.ts';
import { cleanUp } from '../support/cleanUp.ts';
import { differences, Pair, settle } from './pairHarness.ts';

const run = promisify(execFile);
const cleanups: (() => unknown)[] = [];
afterEach(() => cleanUp(cleanups.splice(0).reverse()));

/** What the program saw, by what it did; the paths are of one length, so that the limits are met alike. */
async function seen(program: string, directory: string): Promise<Map<string, string>> {
  const { stdout } = await run(process.execPath, [program, directory], { maxBuffer: 64 << 20, timeout: 110_000 });
  const results = new Map<string, string>();
  for (const line of stdout.trim().split('\n')) {
    const [what, result] = JSON.parse(line) as [string, unknown];
    let key = what;
    for (let again = 2; results.has(key); again++) key = `${what} (${again})`;
    results.set(key, JSON.stringify(result));
  }
  return results;
}

test('a mirror answers every call as the local file system does, and both replicas become equal', async () => {
  const program = await bundleProgram('posix', 'test/mirror/posix/program.ts');
  const pair = new Pair({ both: { acknowledgeTimeoutMs: 10_000 } });
  // Paths at the limit are too long for Node to remove.
  cleanups.push(async () => {
    await pair.alpha.close();
    await run('rm', ['-rf', '--one-file-system', path.join(pair.alpha.base, 'pure')]);
    await pair.remove();
  });
  await pair.open();
  const { alpha, beta } = pair;
  // As long as the other path.
  const plain = path.join(alpha.base, 'pure');
  fs.mkdirSync(plain);
  for (const directory of [alpha.base, beta.base, plain, alpha.directory]) fs.chmodSync(directory, 0o755);
  fs.writeFileSync(path.join(alpha.directory, 'collapse'), Buffer.alloc(8192));
  // A time behind the end of 64 bits of nanoseconds, which a resync has to carry.
  fs.utimesSync(path.join(alpha.directory, 'collapse'), 2 ** 33 + 10, 2 ** 33 + 10 ** 9);
  await pair.serve(alpha);
  await pair.join(alpha, beta);

  const expected = await seen(program, plain);
  const actual = await seen(program, alpha.directory);
  const found: string[] = [];
  for (const what of new Set([...expected.keys(), ...actual.keys()])) {
    const [local, mirrored] = [expected.get(what), actual.get(what)];
    if (local !== mirrored) found.push(`${what}: ${local ?? 'not done'}, on the mirror ${mirrored ?? 'not done'}`);
  }
  expect(found).toEqual([]);
  expect(expected.size).toBeGreaterThan(3000);
  expect([...expected].filter(([what]) => what.endsWith('ended by'))).toEqual([]);

  const collapse = await run('fallocate', [
    '-c',
    '-o',
    '0',
    '-l',
    '4096',
    path.join(alpha.directory, 'collapse'),
  ]).catch((error: unknown) => (error as { stderr: string }).stderr);
  expect(collapse).toContain('Operation not supported');

  expect(alpha.seen.filter(({ type }) => type === 'peerLost' || type === 'failed')).toEqual([]);
  await settle(alpha.directory, beta.directory);
  await alpha.mirror.release();
  expect(differences(alpha.directory, beta.directory)).toEqual([]);
});
