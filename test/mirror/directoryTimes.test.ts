import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Pair, type TestHost } from './pairHarness.ts';

let pair: Pair;
afterEach(() => pair.remove());

const timeOf = ({ directory }: TestHost, name: string) =>
  fs.statSync(path.join(directory, name), { bigint: true }).mtimeNs;

test('a directory has the time of the primary on the secondary when a name in it was made that is not replicated', async () => {
  pair = await new Pair({ both: { exclude: ['*.swp'] } }).open();
  const { alpha, beta } = pair;
  fs.mkdirSync(path.join(alpha.directory, 'd'));
  await pair.serve(alpha);
  await pair.join(alpha, beta);
  const verify = async () => {
    const from = alpha.seen.length;
    await alpha.mirror.verify(null);
    return (await alpha.event('verified', from)).report;
  };
  const at = (name: string) => path.join(alpha.directory, 'd', name);
  for (const change of [
    () => fs.writeFileSync(at('a.swp'), 'a'),
    () => fs.renameSync(at('a.swp'), at('b.swp')),
    () => fs.rmSync(at('b.swp')),
  ]) {
    change();
    expect(await verify()).toMatchObject({ outcome: 'complete', total: 0, differences: [] });
    expect(timeOf(beta, 'd')).toBe(timeOf(alpha, 'd'));
  }
});

test('everything has the time of the primary on the secondary when the mirror as a whole was flushed', async () => {
  pair = await new Pair().open();
  const { alpha, beta } = pair;
  fs.mkdirSync(path.join(alpha.directory, 'd'));
  await pair.serve(alpha);
  await pair.join(alpha, beta);
  fs.writeFileSync(path.join(alpha.directory, 'd', 'file'), 'content');
  const root = fs.openSync(alpha.directory, 'r');
  fs.fsyncSync(root);
  fs.closeSync(root);
  await alpha.crash();
  for (const name of ['d', 'd/file']) expect(timeOf(beta, name), name).toBe(timeOf(alpha, name));
});
