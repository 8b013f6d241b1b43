import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { mountAt, unmount } from '../../agent/platform/mounts.ts';
import { GuestProgram } from './guestProgram.ts';
import { TestHost } from './pairHarness.ts';
import { fileIn, SeveralDirectories } from './severalDirectories.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function open(): Promise<SeveralDirectories> {
  const several = new SeveralDirectories();
  cleanups.push(() => several.remove());
  await several.pair.open();
  return several;
}

const refusal = (action: Promise<unknown>) =>
  action.then(
    () => ({ code: 'none', message: '' }),
    (error: unknown) => error as { code: string; message: string },
  );

describe('hosts that do not mirror the same directories in the same order', () => {
  const layouts = [
    ['another order', ['/srv/data', '/srv/vm/web', '/srv/logs']],
    ['another number', ['/srv/vm/web', '/srv/data']],
  ] as const;
  test.each(layouts)('%s: are told what differs', async (_, layout) => {
    const { pair } = await open();
    const { alpha, beta } = pair;
    await beta.close();
    const furtherDirectories = beta.options.furtherDirectories?.slice(0, layout.length - 1);
    Object.assign(beta.options, { layout, furtherDirectories });
    await beta.open();
    await pair.serve(alpha);
    const { code, message } = await refusal(pair.attach(alpha, beta));
    expect(code).toBe('refused');
    expect(message).toContain(`web with ${layout.join(', ')}`);
    expect(message).toContain('web with /srv/vm/web, /srv/data, /srv/logs');
  });

  test('one directory and several', async () => {
    const { pair } = await open();
    const { alpha } = pair;
    const one = new TestHost('beta');
    cleanups.push(() => one.remove());
    await one.open();
    await pair.serve(alpha);
    expect((await refusal(pair.attach(alpha, one))).message).toMatch(/this replica is of module web, the primary's of/);
    expect(fs.readdirSync(one.directory)).toEqual([]);
  });
});

describe('directories of one module that share files', () => {
  async function opened(further: (host: TestHost) => string) {
    const host = new TestHost('alpha');
    cleanups.push(() => host.remove());
    Object.assign(host.options, { furtherDirectories: [further(host)] });
    return refusal(host.open());
  }

  test('the same one twice', async () => {
    const found = await opened((host) => `${host.directory}/`);
    expect(found).toMatchObject({ code: 'nested' });
    expect(found.message).toContain('is the same directory as');
  });

  test('one in the other', async () => {
    const found = await opened((host) => {
      fs.mkdirSync(path.join(host.directory, 'inner'));
      return path.join(host.directory, 'inner');
    });
    expect(found).toMatchObject({ code: 'nested' });
    expect(found.message).toMatch(/inner lies in .*data: name directories that do not share files/);
  });

  test('one that is the other by a symbolic link, or is in it by one', async () => {
    const byLink = (target: (host: TestHost) => string) =>
      opened((host) => {
        fs.mkdirSync(path.join(host.directory, 'inner', 'deep'), { recursive: true });
        fs.symlinkSync(target(host), path.join(host.base, 'link'));
        return path.join(host.base, 'link');
      });
    expect(await byLink((host) => path.join(host.directory, 'inner'))).toMatchObject({ code: 'nested' });
    const through = await opened((host) => {
      fs.mkdirSync(path.join(host.directory, 'inner', 'deep'), { recursive: true });
      fs.symlinkSync(path.join(host.directory, 'inner'), path.join(host.base, 'link'));
      return path.join(host.base, 'link', 'deep');
    });
    expect(through).toMatchObject({ code: 'nested' });
    expect(through.message).toContain('lies in');
  });

  test('one that shows a part of the other by a mount', async () => {
    const found = await opened((host) => {
      const [inner, shown] = [path.join(host.directory, 'inner'), path.join(host.base, 'shown')];
      fs.mkdirSync(inner);
      fs.mkdirSync(shown);
      execFileSync('mount', ['--bind', inner, shown]);
      cleanups.push(() => unmount(shown));
      return shown;
    });
    expect(found).toMatchObject({ code: 'nested' });
    expect(found.message).toContain('lies in');
  });

  test('a file that has names in two of them: the secondary says so, and is not taken for a good one', async () => {
    const { pair } = await open();
    const { alpha, beta } = pair;
    fs.writeFileSync(fileIn(alpha, 0, 'file'), 'one file');
    fs.linkSync(fileIn(alpha, 0, 'file'), fileIn(alpha, 2, 'file'));
    await pair.serve(alpha);
    const from = await pair.attach(alpha, beta);
    const { reason } = await alpha.event('peerLost', from);
    expect(reason).toContain('"0/file" and "2/file" are one file with names in two of the mirrored directories');
    expect(alpha.seen.filter(({ type }) => type === 'inStep')).toEqual([]);
    expect(fs.readFileSync(fileIn(alpha, 0, 'file'), 'utf8')).toBe('one file');
    expect(() => fs.readFileSync(fileIn(alpha, 2, 'file'))).toThrow(/EXDEV/);
  });
});

describe('a mirror of several directories', () => {
  test('is served everywhere or nowhere: when one cannot be covered, the others are plain files again', async () => {
    const several = await open();
    const { pair } = several;
    const { alpha } = pair;
    const inner = new TestHost('alpha', { directory: fileIn(alpha, 2, 'inner'), module: 'inner' });
    cleanups.push(() => inner.remove());
    await inner.open();
    await inner.mirror.serve(1);
    expect(await refusal(pair.serve(alpha))).toMatchObject({
      message: expect.stringContaining('which is the mirror understudy:inner') as unknown,
    });
    await inner.mirror.release();
    expect(several.mounts).toEqual([]);
    await alpha.mirror.serve(pair.epoch);
    fs.writeFileSync(fileIn(alpha, 1, 'file'), '');
  });

  test('stays as a whole while one directory is in use', async () => {
    const { pair } = await open();
    const { alpha } = pair;
    await pair.serve(alpha);
    const [, second = ''] = alpha.directories;
    const user = new GuestProgram('cd "$1"; echo ready; while [ ! -e go ]; do sleep 0.05; done', second);
    cleanups.push(() => user.kill());
    while (!user.output.includes('ready')) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await refusal(alpha.mirror.release())).toMatchObject({
      code: 'busy',
      message: expect.stringContaining(second) as unknown,
    });
    for (const directory of alpha.directories) expect(mountAt(directory)?.source).toBe('understudy:web');
    fs.writeFileSync(path.join(second, 'go'), '');
    await user.end();
    await alpha.mirror.release();
    for (const directory of alpha.directories) expect(mountAt(directory)?.source).not.toBe('understudy:web');
  });

  test('ends when somebody unmounts one of them, since nothing written there would be replicated', async () => {
    const { pair } = await open();
    const { alpha } = pair;
    await pair.serve(alpha);
    const from = alpha.seen.length;
    unmount(alpha.directories[1] ?? '');
    const { reason } = await alpha.event('failed', from);
    expect(reason).toContain(`${alpha.directories[1] ?? ''} was unmounted by somebody else`);
    await expect.poll(() => alpha.directories.filter((each) => mountAt(each)?.source === 'understudy:web')).toEqual([]);
  });
});
