import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe as suite, expect, test } from 'vitest';
import { Random } from './mountOperations.ts';
import { Churn, expectEqual } from './churn.ts';
import { Pair, settle, type TestHost } from './pairHarness.ts';

let pair: Pair;
afterEach(async () => {
  await pair.remove();
});

suite('resync', () => {
  test.each([
    [11, []],
    [12, []],
    [13, ['c', '/a/b', 'd/e f']],
    [14, ['c', '/a/b', 'd/e f']],
  ])('beside random operations it leaves both replicas equal (seed %i, excluded %j)', async (seed, exclude) => {
    pair = await new Pair({ both: { exclude } }).open();
    const { alpha, beta } = pair;
    // Two unrelated trees: everything has to be brought in line.
    for (const [host, each] of [
      [alpha, seed],
      [beta, seed + 100],
    ] as const) {
      const before = new Churn(host, each);
      before.run(1500);
      before.end();
    }
    await pair.serve(alpha);
    const from = await pair.attach(alpha, beta);
    const churn = new Churn(alpha, seed + 200);
    try {
      await churn.runBeside(20_000, () =>
        alpha.seen.slice(from).some((event) => event.type === 'inStep' || event.type === 'peerLost'),
      );
      expect(alpha.seen.filter((event) => event.type === 'peerLost')).toEqual([]);
      await alpha.event('inStep', from);
      churn.run(200);
      await expectEqual(pair, exclude);
    } finally {
      churn.end();
    }
  });

  test('what the guest writes over while it waits is not compared', async () => {
    pair = await new Pair({ both: { resyncBandwidth: 2 << 20 } }).open();
    const { alpha, beta } = pair;
    // More than is asked ahead: of the second half nothing is under way when it pauses.
    const half = 16 << 20;
    for (const [host, seed] of [
      [alpha, 0.25],
      [beta, 0.75],
    ] as const) {
      const image = Buffer.alloc(2 * half);
      for (let at = 0; at < image.length; at += 512) image.writeDoubleLE(at + seed, at);
      fs.writeFileSync(path.join(host.directory, 'image'), image);
    }
    await pair.serve(alpha);
    const from = await pair.attach(alpha, beta);
    await alpha.event('resync', from, 10_000, ({ progress }) => progress.sent > 1 << 18);
    // It waits meanwhile: how far it would get depends on the machine.
    await alpha.mirror.paceResync({ paused: true, bandwidth: null });
    const fd = fs.openSync(path.join(alpha.directory, 'image'), 'r+');
    // In pieces smaller than a zone, so that they cover their zones only together.
    for (let at = half; at < 2 * half; at += 12 << 10) {
      fs.writeSync(fd, Buffer.alloc(Math.min(12 << 10, 2 * half - at), 7), 0, undefined, at);
    }
    fs.closeSync(fd);
    await alpha.mirror.paceResync({ paused: false, bandwidth: null });
    const { progress } = await alpha.event('inStep', from);
    expect(progress.sent).toBeLessThan(half * 1.1);
    expect(progress.checked).toBe(progress.toCheck);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  test('after failover and return costs what changed, in both directions', async () => {
    pair = await new Pair().open();
    const { alpha, beta } = pair;
    const megabytes = 64;
    const image = Buffer.alloc(megabytes << 20);
    for (let at = 0; at < image.length; at += 4096) image.writeUInt32LE((at * 2654435761) % 4294967296, at);
    fs.writeFileSync(path.join(alpha.directory, 'image'), image);
    await pair.serve(alpha);
    await pair.join(alpha, beta);

    const random = new Random(5);
    const change = (host: TestHost, blocks: number): Set<number> => {
      const fd = fs.openSync(path.join(host.directory, 'image'), 'r+');
      const changed = new Set<number>();
      for (let each = 0; each < blocks; each++) {
        const block = random.below((megabytes << 20) / 4096);
        fs.writeSync(fd, random.bytes(4096), 0, 4096, block * 4096);
        changed.add(block);
      }
      fs.fsyncSync(fd);
      fs.closeSync(fd);
      return changed;
    };
    change(alpha, 300);
    await alpha.crash();
    await pair.serve(beta);
    const changed = change(beta, 500);
    await alpha.open();
    const inStep = await pair.join(beta, alpha);
    expect(inStep.progress.kind).toBe('delta');
    const bytes = changed.size * 4096;
    console.log(`delta: sent ${inStep.progress.sent} for ${bytes} changed, checked ${inStep.progress.checked}`);
    expect(inStep.progress.sent).toBeLessThanOrEqual(1.2 * bytes + (1 << 20));
    expect(await settle(beta.directory, alpha.directory)).toEqual([]);
  });

  test('after a switchover looks at next to nothing', async () => {
    pair = await new Pair().open();
    const { alpha, beta } = pair;
    fs.writeFileSync(path.join(alpha.directory, 'image'), Buffer.alloc(8 << 20, 3));
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    fs.writeFileSync(path.join(alpha.directory, 'last'), 'words');
    await alpha.mirror.release();
    await beta.event('followerLink', 0, 5000, (event) => !event.connected && /released/.test(event.reason ?? ''));
    await pair.serve(beta);
    fs.writeFileSync(path.join(beta.directory, 'first'), 'words');
    const { progress } = await pair.join(beta, alpha);
    expect(progress).toMatchObject({ kind: 'delta' });
    expect(progress.checked).toBeLessThan(1000);
    expect(progress.sent).toBeLessThan(4000);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  test('a file whose known name went is still written on the secondary under the other', async () => {
    pair = await new Pair().open();
    const { alpha, beta } = pair;
    fs.writeFileSync(path.join(alpha.directory, 'one'), '');
    fs.linkSync(path.join(alpha.directory, 'one'), path.join(alpha.directory, 'other'));
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    const fd = fs.openSync(path.join(alpha.directory, 'one'), 'w');
    fs.unlinkSync(path.join(alpha.directory, 'one'));
    fs.writeSync(fd, 'first ');
    fs.renameSync(path.join(alpha.directory, 'other'), path.join(alpha.directory, 'third'));
    fs.writeFileSync(path.join(alpha.directory, 'other'), 'another file');
    fs.writeSync(fd, 'second');
    fs.closeSync(fd);
    expect(fs.readFileSync(path.join(beta.directory, 'third'), 'utf8')).toBe('first second');
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  test('of a sparse image sends data only', async () => {
    pair = await new Pair().open();
    const { alpha, beta } = pair;
    const file = path.join(alpha.directory, 'sparse');
    fs.writeFileSync(file, '');
    fs.truncateSync(file, 4 * 1024 ** 3);
    const fd = fs.openSync(file, 'r+');
    fs.writeSync(fd, Buffer.alloc(100_000, 9), 0, 100_000, 3 * 1024 ** 3 + 5000);
    fs.closeSync(fd);
    await pair.serve(alpha);
    const inStep = await pair.join(alpha, beta);
    expect(inStep.progress.sent).toBeLessThan(150_000);
    expect(fs.statSync(path.join(beta.directory, 'sparse')).size).toBe(4 * 1024 ** 3);
    expect(fs.statSync(path.join(beta.directory, 'sparse')).blocks * 512).toBeLessThan(1 << 20);
    const part = Buffer.alloc(100_000);
    const copy = fs.openSync(path.join(beta.directory, 'sparse'), 'r');
    fs.readSync(copy, part, 0, part.length, 3 * 1024 ** 3 + 5000);
    fs.closeSync(copy);
    expect(part.every((byte) => byte === 9)).toBe(true);
  });

  test('of a sparse file of a tebibyte looks at what it holds', async () => {
    pair = await new Pair().open();
    const { alpha, beta } = pair;
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    const tebibyte = 1024 ** 4;
    const at = [0, 5 * 1024 ** 3 + 100, tebibyte / 2, tebibyte - 8192];
    const write = (fill: number, offsets: readonly number[]) => {
      const fd = fs.openSync(path.join(alpha.directory, 'huge'), fs.constants.O_RDWR | fs.constants.O_CREAT);
      fs.ftruncateSync(fd, tebibyte);
      for (const offset of offsets) fs.writeSync(fd, Buffer.alloc(4096, fill), 0, 4096, offset);
      fs.closeSync(fd);
    };
    write(1, at);
    // Alone it changes in a few places, and is cut short and made long again.
    const from = alpha.seen.length;
    await beta.crash();
    await alpha.event('peerLost', from);
    await pair.goAlone(alpha);
    fs.truncateSync(path.join(alpha.directory, 'huge'), tebibyte / 4);
    write(2, at.slice(1));
    await beta.open();
    const inStep = await pair.join(alpha, beta);
    expect(inStep.progress.kind).toBe('delta');
    expect(inStep.progress.sent).toBeLessThan(200_000);
    const copy = path.join(beta.directory, 'huge');
    expect(fs.statSync(copy).size).toBe(tebibyte);
    expect(fs.statSync(copy).blocks * 512).toBeLessThan(1 << 20);
    const fd = fs.openSync(copy, 'r');
    for (const [index, offset] of at.entries()) {
      const piece = Buffer.alloc(4096);
      fs.readSync(fd, piece, 0, 4096, offset);
      expect(piece.equals(Buffer.alloc(4096, index === 0 ? 1 : 2)), `at ${offset}`).toBe(true);
    }
    fs.closeSync(fd);
  });

  test('of a directory with thousands of names is complete', async () => {
    pair = await new Pair().open();
    const { alpha, beta } = pair;
    for (let each = 0; each < 1300; each++) fs.writeFileSync(path.join(alpha.directory, `f${each}`), String(each));
    for (let each = 0; each < 100; each++) fs.writeFileSync(path.join(beta.directory, `old${each}`), 'old');
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });
});
