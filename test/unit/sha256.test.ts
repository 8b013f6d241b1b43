import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { sha256 } from '../../agent/platform/sha256.ts';

test.each([true, false])('the hash is SHA-256, whoever computes it (directly: %s)', (direct) => {
  for (const text of ['', 'abc', 'x'.repeat(70_000)]) {
    const out = Buffer.alloc(40, 9);
    sha256(Buffer.from(text), out, direct);
    expect(out.toString('hex')).toBe(createHash('sha256').update(text).digest('hex') + '09'.repeat(8));
  }
});
