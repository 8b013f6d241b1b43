import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import * as libc from '../../agent/platform/libc.ts';
import { Pair, type TestHost } from './pairHarness.ts';

const TEBIBYTE = 1024 ** 4;
const PIECE = 64 * 1024;
const PUNCH_HOLE = 1 | 2;
let pair: Pair;
afterEach(async () => {
  await pair.remove();
});

/** Where a host's file has data and with what byte each piece begins. */
function layout({ directory }: TestHost): string[] {
  const fd = fs.openSync(path.join(directory, 'image'), 'r');
  try {
    const found: string[] = [];
    for (let at = 0; ;) {
      const data = libc.tryLseek(fd, at, libc.SEEK_DATA);
      if (data < 0) return found;
      at = libc.lseek(fd, data, libc.SEEK_HOLE);
      const first = Buffer.alloc(1);
      fs.readSync(fd, first, 0, 1, data);
      found.push(`${data}-${at} ${first[0]}`);
    }
  } finally {
    fs.closeSync(fd);
  }
}

async function verified() {
  const from = pair.alpha.seen.length;
  await pair.alpha.mirror.verify(null);
  return (await pair.alpha.event('verified', from)).report;
}

test('a file of a tebibyte is written, punched, cut, compared and resynchronised by what it holds', async () => {
  pair = await new Pair().open();
  const { alpha, beta } = pair;
  await pair.serve(alpha);
  await pair.join(alpha, beta);
  const image = path.join(alpha.directory, 'image');
  const fd = fs.openSync(image, 'w+');
  fs.ftruncateSync(fd, TEBIBYTE);
  [0, TEBIBYTE / 2, TEBIBYTE - PIECE].forEach((at, index) => {
    fs.writeSync(fd, Buffer.alloc(PIECE, index + 1), 0, PIECE, at);
  });
  fs.fsyncSync(fd);
  const end = TEBIBYTE - PIECE;
  const whole = [`0-${PIECE} 1`, `${TEBIBYTE / 2}-${TEBIBYTE / 2 + PIECE} 2`, `${end}-${TEBIBYTE} 3`];
  for (const host of [alpha, beta]) expect(layout(host)).toEqual(whole);
  expect(await verified()).toMatchObject({ outcome: 'complete', total: 0, checked: TEBIBYTE });

  // As a guest's discard: of the middle, and of nearly everything.
  libc.fallocate(fd, PUNCH_HOLE, TEBIBYTE / 2, PIECE / 2);
  libc.fallocate(fd, PUNCH_HOLE, TEBIBYTE / 2 + PIECE, TEBIBYTE / 2 - 2 * PIECE);
  fs.fsyncSync(fd);
  const punched = [whole[0], `${TEBIBYTE / 2 + PIECE / 2}-${TEBIBYTE / 2 + PIECE} 2`, whole[2]];
  for (const host of [alpha, beta]) expect(layout(host)).toEqual(punched);

  // To a secondary that holds nothing.
  const from = alpha.seen.length;
  await beta.crash();
  await alpha.event('peerLost', from);
  await pair.goAlone(alpha);
  for (const each of [beta.directory, beta.options.stateDirectory]) fs.rmSync(each, { recursive: true, force: true });
  fs.mkdirSync(beta.directory);
  await beta.open();
  const { progress } = await pair.join(alpha, beta);
  expect(progress.kind).toBe('full');
  expect(progress.sent).toBeLessThan(3 * PIECE);
  expect(layout(beta)).toEqual(punched);

  fs.ftruncateSync(fd, 1000);
  fs.fsyncSync(fd);
  fs.closeSync(fd);
  for (const host of [alpha, beta]) expect(fs.statSync(path.join(host.directory, 'image')).size).toBe(1000);
  expect(await verified()).toMatchObject({ outcome: 'complete', total: 0 });
});
