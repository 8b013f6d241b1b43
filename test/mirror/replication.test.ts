import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe as suite, expect, test } from 'vitest';
import * as libc from '../../agent/platform/libc.ts';
import { Churn, expectEqual } from './churn.ts';
import { differences, Pair, settle } from './pairHarness.ts';

let pair: Pair;
afterEach(async () => {
  await pair.remove();
});

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
      await expectEqual(pair, exclude);
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
