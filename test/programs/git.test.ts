import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { tryRun } from '../lab/harness/run.ts';
import { content } from './buildTree.ts';
import { noMirror, useMirroredPair } from './mirroredPair.ts';

const identity = { name: 'Tester', email: 'tester@example.invalid' };
const env: NodeJS.ProcessEnv = {
  ...process.env,
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: identity.name,
  GIT_AUTHOR_EMAIL: identity.email,
  GIT_COMMITTER_NAME: identity.name,
  GIT_COMMITTER_EMAIL: identity.email,
  // The replica that is looked at in the end belongs to the same user, wherever it lies.
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'core.fsync',
  GIT_CONFIG_VALUE_0: 'all',
};

describe.skipIf(noMirror !== null)('git', () => {
  const pair = useMirroredPair();
  const git = (repository: string, ...args: string[]) =>
    pair().run(['git', '-C', pair().at(repository), ...args], { env });

  it('commits, branches, merges, rebases', async () => {
    await pair().run(['git', 'init', '-q', '-b', 'main', 'origin'], { env });
    const write = (name: string, seed: number) => {
      fs.mkdirSync(path.dirname(pair().at('origin', name)), { recursive: true });
      fs.writeFileSync(pair().at('origin', name), content(500 + (seed % 4000), seed).toString('base64'));
    };
    for (let each = 0; each < 400; each++) write(`src/folder${each % 20}/file${each}.txt`, each);
    fs.symlinkSync('src', pair().at('origin', 'link'));
    await git('origin', 'add', '.');
    await git('origin', 'commit', '-q', '-m', 'first');
    for (let round = 0; round < 10; round++) {
      if (round === 5) await git('origin', 'checkout', '-q', '-b', 'side', 'HEAD~2');
      for (let each = 0; each < 10; each++) {
        write(`src/folder${each}/${round < 5 ? 'file' : 'side'}${each * 20 + round}.txt`, 1000 + round * 10 + each);
      }
      await git('origin', 'add', '-A');
      await git('origin', 'commit', '-q', '-m', `round ${round}`);
    }
    await git('origin', 'checkout', '-q', '-b', 'rebased', 'side');
    await git('origin', 'rebase', '-q', 'main');
    await git('origin', 'checkout', '-q', 'main');
    await git('origin', 'merge', '-q', '--no-ff', '-m', 'merge', 'side');
    expect(await git('origin', 'rev-list', '--count', '--all')).toBe('17\n');
    expect(await git('origin', 'status', '--porcelain')).toBe('');
  });

  it('clones with hard links and over its protocol, pushes, and makes worktrees', async () => {
    await pair().run(['git', 'clone', '-q', 'origin', 'local'], { env });
    await pair().run(['git', 'clone', '-q', '--bare', `file://${pair().at('origin')}`, 'bare.git'], { env });
    fs.appendFileSync(pair().at('local', 'src', 'folder0', 'file0.txt'), 'more');
    await git('local', 'commit', '-q', '-a', '-m', 'from the clone');
    await git('local', 'push', '-q', pair().at('bare.git'), 'main');
    await git('origin', 'pull', '-q', pair().at('bare.git'), 'main');
    await git('origin', 'worktree', 'add', '-q', '../tree', 'rebased');
    expect(await git('origin', 'rev-parse', 'main')).toBe(await git('local', 'rev-parse', 'main'));
    expect(await git('tree', 'status', '--porcelain')).toBe('');
  });

  it('packs everything and finds nothing wrong', async () => {
    for (const repository of ['origin', 'local', 'bare.git']) {
      await git(repository, 'gc', '-q', '--aggressive', '--prune=now');
      await git(repository, 'fsck', '--strict', '--full', '--no-dangling');
    }
    expect(await git('origin', 'status', '--porcelain')).toBe('');
    // The times of the files are what the index remembers: nothing has to be read again.
    expect(await git('origin', 'diff-files', '--name-only')).toBe('');
  });

  it('leaves both replicas equal, and each is a sound repository', async () => {
    await pair().expectEqualReplicas();
    const { beta } = pair().pair;
    for (const repository of ['origin', 'local', 'bare.git']) {
      const where = path.join(beta.directory, repository);
      expect(await tryRun(['git', '-C', where, 'fsck', '--strict', '--full', '--no-dangling'], { env })).toMatchObject({
        code: 0,
      });
    }
  });
});
