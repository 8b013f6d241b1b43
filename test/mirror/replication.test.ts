import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe as suite, expect, test } from 'vitest';
import { describe, Pair } from './pairHarness.ts';

let pair: Pair;
afterEach(async () => {
  await pair.remove();
});

suite('a pair in step', () => {
  test('holds equal replicas after writes, after a promotion and after a delta resync', async () => {
    pair = await new Pair().open();
    const { alpha, beta } = pair;
    fs.writeFileSync(path.join(alpha.directory, 'before'), 'was there');
    await pair.serve(alpha);
    const first = await pair.join(alpha, beta);
    expect(first.progress.kind).toBe('full');
    fs.writeFileSync(path.join(alpha.directory, 'image'), Buffer.alloc(4 << 20, 7));
    fs.mkdirSync(path.join(alpha.directory, 'd'));
    fs.writeFileSync(path.join(alpha.directory, 'd', 'x'), 'hello');
    await alpha.close();
    expect(describe(beta.directory)).toEqual(describe(alpha.directory));
  }, 30_000);
});
