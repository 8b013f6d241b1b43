import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { mountAt, unmount } from '../../agent/platform/mounts.ts';
import { cleanUp } from '../support/cleanUp.ts';
import { GuestProgram } from './guestProgram.ts';
import { TestHost } from './pairHarness.ts';
import { fileIn, SeveralDirectories } from './severalDirectories.ts';

const cleanups: (() => unknown)[] = [];
afterEach(() => cleanUp(cleanups.splice(0).reverse()));

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

  test('one within which something is mounted, files of the other perhaps', async () => {
    const found = await opened((host) => {
      const [within, other] = [path.join(host.directory, 'within'), path.join(host.base, 'other')];
      fs.mkdirSync(within);
      fs.mkdirSync(path.join(other, 'logs'), { recursive: true });
      execFileSync('mount', ['--bind', path.join(other, 'logs'), within]);
      cleanups.push(() => unmount(within));
      return other;
    });
    expect(found).toMatchObject({ code: 'mount-within' });
    expect(found.message).toMatch(/within is mounted within .*data.*: mount it elsewhere/);
  });

  test('two disks that were formatted in the same second, which could not be told apart when they are exchanged', async () => {
    const host = new TestHost('alpha');
    cleanups.push(() => host.remove());
    const disks = ['one', 'two'].map((name) => {
      const disk = path.join(host.base, name);
      fs.mkdirSync(disk);
      fs.writeFileSync(`${disk}.img`, '');
      fs.truncateSync(`${disk}.img`, 8 << 20);
      const env = { ...process.env, E2FSPROGS_FAKE_TIME: '1700000000' };
      execFileSync('mke2fs', ['-q', '-t', 'ext4', `${disk}.img`], { env });
      execFileSync('mount', ['-o', 'loop', `${disk}.img`, disk]);
      cleanups.push(() => unmount(disk));
      return disk;
    });
    Object.assign(host.options, { directory: disks[0], furtherDirectories: [disks[1]] });
    const found = await refusal(host.open());
    expect(found).toMatchObject({ code: 'alike' });
    expect(found.message).toContain('name a directory within each that is made later');
    const [directory = '', further = ''] = disks.map((disk) => path.join(disk, 'data'));
    const made = (place: string) => {
      fs.mkdirSync(place);
      return fs.statSync(place, { bigint: true }).birthtimeNs;
    };
    const first = made(directory);
    while (made(further) === first) fs.rmdirSync(further);
    Object.assign(host.options, { directory, furtherDirectories: [further] });
    await host.open();
    await host.close();
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
    const uncovered = new Set<string>();
    let refused: { code: string; message: string } | null = null;
    void refusal(alpha.mirror.release()).then((error) => (refused = error));
    while (refused === null) {
      for (const each of alpha.directories) if (mountAt(each)?.source !== 'understudy:web') uncovered.add(each);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(refused).toMatchObject({ code: 'busy', message: expect.stringContaining(second) as unknown });
    expect([...uncovered]).toEqual([]);
    for (const directory of alpha.directories) expect(mountAt(directory)?.source).toBe('understudy:web');
    fs.writeFileSync(path.join(second, 'go'), '');
    await user.end();
    await alpha.mirror.release();
    for (const directory of alpha.directories) expect(mountAt(directory)?.source).not.toBe('understudy:web');
  });

  test('is served on when it cannot be told whether its directories are covered', async () => {
    const { pair } = await open();
    const { alpha } = pair;
    await pair.serve(alpha);
    const above = path.dirname(alpha.directories[0] ?? '');
    const from = alpha.seen.length;
    fs.renameSync(above, `${above}-elsewhere`);
    // It looks when it tells of what was written.
    for (let told = 0; told < 3; told++) {
      fs.writeFileSync(path.join(`${above}-elsewhere`, 'vm', 'file'), `${told}`);
      const seen = alpha.seen.length;
      await alpha.event('stats', seen, 10_000);
    }
    fs.renameSync(`${above}-elsewhere`, above);
    expect(alpha.seen.slice(from).filter(({ type }) => type === 'failed')).toEqual([]);
    await alpha.mirror.release();
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
