import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe as suite, expect, test, vi } from 'vitest';
import { excludedPaths } from '../../agent/mirror/replica/excluded.ts';
import * as libc from '../../agent/platform/libc.ts';
import { chooseOperation, outcome, Random, type Place } from './mountOperations.ts';
import { describe, differences, Pair, settle, type TestHost } from './pairHarness.ts';

let pair: Pair;
afterEach(async () => {
  await pair.remove();
});

/** Runs random operations on a host's mount. */
class Churn {
  readonly #place: Place;
  readonly #random: Random;

  constructor(host: TestHost, seed: number) {
    this.#place = { root: fs.openSync(host.directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY), open: [] };
    this.#random = new Random(seed);
  }

  run(count: number): void {
    for (let each = 0; each < count; each++) outcome(chooseOperation(this.#random), this.#place);
  }

  /** As `run`, letting other things happen in between. */
  async runBeside(count: number, until: () => boolean = () => false): Promise<void> {
    for (let each = 0; each < count && !until(); each += 20) {
      this.run(20);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  end(): void {
    for (const fd of this.#place.open) if (fd !== undefined) libc.close(fd);
    fs.closeSync(this.#place.root);
  }
}

/** What a replica holds but for what is excluded, which names of files and times of directories need not tell of. */
function replicated(directory: string, exclude: readonly string[]): Record<string, unknown> {
  const excluded = excludedPaths(exclude);
  const firstOf = new Map<string, string>();
  const found: Record<string, unknown> = {};
  for (const [at, { nlink: _, ...described }] of describe(directory)) {
    if (excluded(at)) continue;
    const links = described.links === '' ? at : described.links;
    if (!firstOf.has(links)) firstOf.set(links, at);
    const isDirectory = (described.mode & libc.S_IFMT) === libc.S_IFDIR;
    found[at] = { ...described, links: firstOf.get(links), ...(isDirectory ? { mtime: '' } : {}) };
  }
  return found;
}

/** Times are sent in batches. */
async function expectEqual(exclude: readonly string[]): Promise<void> {
  const [one, other] = [pair.alpha.directory, pair.beta.directory];
  if (exclude.length === 0) {
    expect(await settle(one, other)).toEqual([]);
    return;
  }
  const equal = () => expect(replicated(one, exclude)).toEqual(replicated(other, exclude));
  await vi.waitFor(equal, { timeout: 4000, interval: 200 });
}

suite('live replication', () => {
  test.each([1, 2, 3])('random operations leave both replicas equal (seed %i)', async (seed) => {
    pair = await new Pair().open();
    const { alpha, beta } = pair;
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    const churn = new Churn(alpha, seed);
    try {
      churn.run(1500);
      expect(await settle(alpha.directory, beta.directory)).toEqual([]);
    } finally {
      churn.end();
    }
    expect(alpha.seen.filter((event) => event.type === 'peerLost')).toEqual([]);
  });

  test.each([21, 22, 23])('random operations leave equal what is not excluded (seed %i)', async (seed) => {
    const exclude = ['c', '/a/b', 'd/e f'];
    pair = await new Pair({ both: { exclude } }).open();
    const { alpha, beta } = pair;
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    await alpha.mirror.onPeerLoss('continue');
    const churn = new Churn(alpha, seed);
    try {
      churn.run(1500);
      await expectEqual(exclude);
    } finally {
      churn.end();
    }
    expect(alpha.seen.filter((event) => event.type === 'peerLost')).toEqual([]);
  });

  test('the secondary is read-only, and after an orderly release both are plain, equal files', async () => {
    pair = await new Pair().open();
    const { alpha, beta } = pair;
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    fs.writeFileSync(path.join(alpha.directory, 'file'), 'content');
    expect(() => fs.writeFileSync(path.join(beta.directory, 'other'), '')).toThrow(/EROFS/);
    await alpha.mirror.release();
    expect(differences(alpha.directory, beta.directory)).toEqual([]);
    await beta.mirror.release();
    fs.writeFileSync(path.join(beta.directory, 'other'), 'writable again');
    expect(fs.readFileSync(path.join(beta.directory, 'file'), 'utf8')).toBe('content');
  });

  test('links and renames between more directories than are held open', async () => {
    pair = await new Pair().open();
    const { alpha, beta } = pair;
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    // A loss is looked for in the end: held calls would keep this process from ever getting there.
    await alpha.mirror.onPeerLoss('continue');
    const at = (...names: string[]) => path.join(alpha.directory, ...names);
    for (const round of ['one', 'two']) {
      // The second round finds the table of open directories one further.
      fs.mkdirSync(at(round));
      fs.writeFileSync(at(round, 'file'), '');
      for (let each = 0; each < 70; each++) {
        const [from, to] = [at(`${round}-from${each}`), at(`${round}-to${each}`)];
        fs.mkdirSync(from);
        fs.mkdirSync(to);
        fs.writeFileSync(path.join(from, 'file'), String(each));
        fs.linkSync(path.join(from, 'file'), path.join(to, 'link'));
      }
    }
    for (let each = 0; each < 70; each++) fs.renameSync(at(`one-from${each}`, 'file'), at(`two-to${each}`, 'renamed'));
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
    expect(alpha.seen.filter((event) => event.type === 'peerLost')).toEqual([]);
  });

  test('names that are excluded are not replicated, and appear when they are renamed', async () => {
    pair = await new Pair({ both: { exclude: ['*.swp'] } }).open();
    const { alpha, beta } = pair;
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    const at = (name: string) => path.join(alpha.directory, name);
    fs.mkdirSync(at('d.swp'));
    fs.writeFileSync(at('d.swp/inner'), 'inner');
    fs.writeFileSync(at('a.swp'), 'a');
    fs.writeFileSync(at('b'), 'b');
    expect(fs.readdirSync(beta.directory)).toEqual(['b']);
    fs.renameSync(at('d.swp'), at('d'));
    fs.renameSync(at('b'), at('b.swp'));
    expect(fs.readdirSync(beta.directory)).toEqual(['d']);
    expect(fs.readFileSync(path.join(beta.directory, 'd', 'inner'), 'utf8')).toBe('inner');
  });

  test('a file with an excluded name beside others is replicated, by whichever name it is changed', async () => {
    pair = await new Pair({ both: { exclude: ['*.swp'] } }).open();
    const { alpha, beta } = pair;
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    const at = (name: string) => path.join(alpha.directory, name);
    const there = (name: string) => path.join(beta.directory, name);
    fs.writeFileSync(at('a'), 'first');
    fs.linkSync(at('a'), at('a.swp'));
    fs.appendFileSync(at('a'), ' second');
    fs.appendFileSync(at('a.swp'), ' third');
    const fd = fs.openSync(at('a.swp'), 'a');
    fs.writeSync(fd, ' fourth');
    fs.fsyncSync(fd);
    fs.closeSync(fd);
    fs.chmodSync(at('a.swp'), 0o600);
    expect(fs.readdirSync(beta.directory)).toEqual(['a']);
    expect(fs.readFileSync(there('a'), 'utf8')).toBe('first second third fourth');
    // It comes to have a second name that is replicated, by a rename and by a link; each is a name of the one file.
    fs.mkdirSync(at('d.swp'));
    fs.linkSync(at('a'), at('d.swp/inner'));
    fs.renameSync(at('a.swp'), at('b'));
    fs.renameSync(at('d.swp'), at('d'));
    fs.writeFileSync(at('c.swp'), 'only here');
    fs.linkSync(at('c.swp'), at('c.2.swp'));
    fs.appendFileSync(at('c.swp'), ' so far');
    fs.linkSync(at('c.swp'), at('c'));
    fs.linkSync(at('c.2.swp'), at('c.2'));
    fs.appendFileSync(at('c.swp'), ' and there');
    fs.appendFileSync(at('b'), ' fifth');
    const inodes = (directory: string, names: string[]) =>
      names.map((name) => fs.statSync(path.join(directory, name)).ino);
    expect(new Set(inodes(beta.directory, ['a', 'b', 'd/inner'])).size).toBe(1);
    expect(new Set(inodes(beta.directory, ['c', 'c.2'])).size).toBe(1);
    expect(fs.readFileSync(there('d/inner'), 'utf8')).toBe('first second third fourth fifth');
    expect(fs.readFileSync(there('c.2'), 'utf8')).toBe('only here so far and there');
    const from = alpha.seen.length;
    await alpha.mirror.verify(null);
    const { report } = await alpha.event('verified', from, 20_000);
    expect(report).toMatchObject({ outcome: 'complete', total: 0, differences: [] });
    expect(alpha.seen.filter((event) => event.type === 'peerLost')).toEqual([]);
  });

  test('what an exchange brings from an excluded name is replicated, whichever of the names comes first', async () => {
    pair = await new Pair({ both: { exclude: ['*.swp'] } }).open();
    const { alpha, beta } = pair;
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    const at = (name: string) => path.join(alpha.directory, name);
    for (const name of ['a', 'b']) {
      fs.writeFileSync(at(name), 'shown');
      fs.writeFileSync(at(`${name}.swp`), `hidden ${name}`);
    }
    libc.renameat2(libc.AT_FDCWD, at('a'), libc.AT_FDCWD, at('a.swp'), libc.RENAME_EXCHANGE);
    libc.renameat2(libc.AT_FDCWD, at('b.swp'), libc.AT_FDCWD, at('b'), libc.RENAME_EXCHANGE);
    expect(fs.readdirSync(beta.directory)).toEqual(['a', 'b']);
    for (const name of ['a', 'b']) {
      expect(fs.readFileSync(path.join(beta.directory, name), 'utf8')).toBe(`hidden ${name}`);
    }
  });

  test('paths that are excluded are not replicated, and appear when a directory moves elsewhere', async () => {
    pair = await new Pair({ both: { exclude: ['/tmp', 'logs/*.old', 'logs/deep/skip'] } }).open();
    const { alpha, beta } = pair;
    const at = (...names: string[]) => path.join(alpha.directory, ...names);
    const there = (...names: string[]) => path.join(beta.directory, ...names);
    // Of both resync and live replication.
    fs.mkdirSync(at('tmp'));
    fs.mkdirSync(at('logs'));
    fs.writeFileSync(at('logs', 'before.old'), 'before');
    fs.writeFileSync(at('logs', 'kept'), 'kept');
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    fs.writeFileSync(at('tmp', 'file'), 'scratch');
    fs.mkdirSync(at('sub'));
    fs.mkdirSync(at('sub', 'tmp'));
    fs.writeFileSync(at('logs', 'a.old'), 'old');
    fs.mkdirSync(at('logs', 'deep'));
    fs.mkdirSync(at('logs', 'deep', 'skip'));
    fs.writeFileSync(at('logs', 'deep', 'skip', 'inner'), 'inner');
    expect(fs.readdirSync(beta.directory)).toEqual(['logs', 'sub']);
    expect(fs.readdirSync(there('sub'))).toEqual(['tmp']);
    expect(fs.readdirSync(there('logs'))).toEqual(['deep', 'kept']);
    expect(fs.readdirSync(there('logs', 'deep'))).toEqual([]);
    // A verify looks past the same paths, and at those of the same name elsewhere.
    const from = alpha.seen.length;
    await alpha.mirror.verify(null);
    const { report } = await alpha.event('verified', from, 20_000);
    expect(report).toMatchObject({ outcome: 'complete', total: 0, differences: [] });
    fs.renameSync(at('logs'), at('archive'));
    expect(fs.readdirSync(there('archive'))).toEqual(['a.old', 'before.old', 'deep', 'kept']);
    expect(fs.readFileSync(there('archive', 'deep', 'skip', 'inner'), 'utf8')).toBe('inner');
    fs.writeFileSync(at('archive', 'a.old'), 'written to after it came to be replicated');
    fs.renameSync(at('tmp'), at('shown'));
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
    expect(alpha.seen.filter((event) => event.type === 'peerLost')).toEqual([]);
  });

  test('what the secondary holds by excluded names of its own never comes to be replicated', async () => {
    pair = await new Pair({ both: { exclude: ['/a/b', '*.swp'] } }).open();
    const { alpha, beta } = pair;
    const at = (name: string) => path.join(alpha.directory, name);
    // Of its time as the primary, say.
    for (const name of ['a/b/of beta', 'e/old.swp']) {
      fs.mkdirSync(path.dirname(path.join(beta.directory, name)), { recursive: true });
      fs.writeFileSync(path.join(beta.directory, name), '');
    }
    for (const name of ['a', 'e']) fs.mkdirSync(at(name));
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    await alpha.mirror.onPeerLoss('continue');
    expect(fs.readdirSync(beta.directory, { recursive: true }).sort()).toEqual([
      'a',
      'a/b',
      'a/b/of beta',
      'e',
      'e/old.swp',
    ]);
    fs.renameSync(at('a'), at('x'));
    fs.mkdirSync(at('new'));
    fs.renameSync(at('new'), at('e'));
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
    // And of a move to where nothing is replicated.
    fs.mkdirSync(at('c'));
    fs.writeFileSync(at('c/b'), 'replicated here');
    fs.renameSync(at('c'), at('a'));
    fs.unlinkSync(at('a/b'));
    fs.renameSync(at('a'), at('d'));
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
    expect(alpha.seen.filter((event) => event.type === 'peerLost')).toEqual([]);
  });

  test('owners are numbers, which need no names on either host', async () => {
    pair = await new Pair().open();
    const { alpha, beta } = pair;
    // Of nobody who is known here: live, and by a resync.
    fs.writeFileSync(path.join(alpha.directory, 'before'), 'before');
    fs.chownSync(path.join(alpha.directory, 'before'), 54321, 54322);
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    fs.writeFileSync(path.join(alpha.directory, 'live'), 'live');
    fs.chownSync(path.join(alpha.directory, 'live'), 4_000_000_000, 54322);
    fs.symlinkSync('live', path.join(alpha.directory, 'link'));
    fs.lchownSync(path.join(alpha.directory, 'link'), 54321, 4_000_000_001);
    for (const { directory } of [alpha, beta]) {
      const owners = ['before', 'live', 'link'].map((name) => fs.lstatSync(path.join(directory, name)));
      expect(owners.map(({ uid, gid }) => [uid, gid])).toEqual([
        [54321, 54322],
        [4_000_000_000, 54322],
        [54321, 4_000_000_001],
      ]);
    }
  });
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
      await expectEqual(exclude);
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
