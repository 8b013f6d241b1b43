import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { compareTrees } from '../lab/guest/compareTrees.ts';
import { run } from '../lab/harness/run.ts';
import { age, buildTree, content } from './buildTree.ts';
import { noMirror, useMirroredPair } from './mirroredPair.ts';

const everything = ['--xattrs', '--xattrs-include=*', '--acls', '--numeric-owner'];
/** Space that a file takes, bytes. */
const space = (file: string): number => fs.statSync(file).blocks * 512;

describe.skipIf(noMirror !== null)('archives', () => {
  const pair = useMirroredPair();
  const plain = (name: string) => path.join(pair().plain, name);

  beforeAll(async () => {
    fs.mkdirSync(plain('tree'));
    await buildTree(plain('tree'));
  });

  it('tar unpacks everything into the mirror as it was', async () => {
    const pack = [
      'tar',
      ...everything,
      '--sparse',
      '--format=posix',
      '-C',
      plain('tree'),
      '-cf',
      plain('tree.tar'),
      '.',
    ];
    await run(pack);
    fs.mkdirSync(pair().at('tar'));
    await pair().run(['tar', ...everything, '-C', 'tar', '-xpf', plain('tree.tar')]);
    expect(await compareTrees(plain('tree'), pair().at('tar'))).toEqual([]);
    expect(await pair().run(['tar', ...everything, '-C', 'tar', '--compare', '-f', plain('tree.tar')])).toBe('');
    expect(space(pair().at('tar', 'special', 'sparse'))).toBeLessThan(1 << 20);
  });

  it('tar packs from the mirror to the mirror, and what is unpacked outside is the same tree', async () => {
    const options = [...everything, '--sparse', '--format=posix', '-C', 'tar'];
    await pair().run(['tar', ...options, '-czf', 'tree.tar.gz', '.']);
    fs.mkdirSync(plain('back'));
    await run(['tar', ...everything, '-C', plain('back'), '-xpzf', pair().at('tree.tar.gz')]);
    expect(await compareTrees(plain('tree'), plain('back'))).toEqual([]);
  });

  it('cp keeps holes, links and attributes', async () => {
    await pair().run(['cp', '-a', '--sparse=auto', 'tar', 'copy']);
    expect(await compareTrees(plain('tree'), pair().at('copy'))).toEqual([]);
    expect(space(pair().at('copy', 'special', 'sparse'))).toBeLessThan(1 << 20);
    await pair().run(['mv', 'copy', 'moved']);
    await pair().run(['rm', '-r', 'moved']);
    expect(fs.existsSync(pair().at('moved'))).toBe(false);
  });

  it('rsync brings a tree over, then only what changed, and finds nothing left to do', async () => {
    const rsync = ['rsync', '-aHAXS', '--numeric-ids', '--delete'];
    const there = (from: string, to: string) => [`${from}/`, `${to}/`];
    await pair().run([...rsync, ...there(plain('tree'), 'rsync')]);
    expect(await compareTrees(plain('tree'), pair().at('rsync'))).toEqual([]);

    fs.rmSync(plain('tree/src/part3'), { recursive: true });
    fs.renameSync(plain('tree/src/part4'), plain('tree/src/part4b'));
    fs.writeFileSync(plain('tree/src/part5/file7.txt'), content(40_000, 77));
    fs.truncateSync(plain('tree/special/sparse'), 32 << 20);
    await age(plain('tree/src'), '2021-01-01 01:01:01.111111111');
    const changed = [...rsync, '--no-whole-file', '--inplace'];
    await pair().run([...changed, ...there(plain('tree'), 'rsync')]);
    expect(await compareTrees(plain('tree'), pair().at('rsync'))).toEqual([]);

    const look = [...rsync, '--checksum', '--dry-run', '--itemize-changes'];
    expect(await pair().run([...look, ...there(plain('tree'), 'rsync')])).toBe('');
    await run([...rsync, ...there(pair().at('rsync'), plain('returned'))]);
    expect(await compareTrees(plain('tree'), plain('returned'))).toEqual([]);
  });

  it('leaves both replicas equal, holes included', async () => {
    await pair().expectEqualReplicas();
    const { beta } = pair().pair;
    for (const tree of ['tar', 'rsync']) {
      expect(space(path.join(beta.directory, tree, 'special', 'sparse'))).toBeLessThan(1 << 20);
    }
  });
});
