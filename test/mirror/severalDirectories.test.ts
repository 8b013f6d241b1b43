import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountAt } from '../../agent/platform/mounts.ts';
import { TestHost } from './pairHarness.ts';
import { fileIn, SeveralDirectories } from './severalDirectories.ts';

let several: SeveralDirectories;
beforeEach(async () => {
  several = new SeveralDirectories();
  await several.pair.open();
});
afterEach(() => several.remove());

const codeOf = (action: () => void): string | undefined => {
  try {
    action();
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
};

describe('a module of several directories', () => {
  it('mirrors what is written in each of them, and leaves plain files and no mount when it is released', async () => {
    const { pair } = several;
    const { alpha, beta } = pair;
    fs.writeFileSync(fileIn(alpha, 1, 'was here'), 'before the mirror');
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    for (const index of alpha.directories.keys()) {
      fs.mkdirSync(fileIn(alpha, index, 'd'));
      fs.writeFileSync(fileIn(alpha, index, 'd/file'), `of ${index}`);
    }
    expect(await several.differences()).toEqual([]);
    expect(fs.readFileSync(fileIn(beta, 1, 'was here'), 'utf8')).toBe('before the mirror');
    expect(fs.readFileSync(fileIn(beta, 2, 'd/file'), 'utf8')).toBe('of 2');
    expect(fs.readdirSync(beta.directories[0] ?? '')).toEqual(['d']);
    expect(codeOf(() => fs.writeFileSync(fileIn(beta, 1, 'mine'), ''))).toBe('EROFS');
    await alpha.mirror.release();
    await beta.mirror.release();
    expect(several.mounts).toEqual([]);
    expect(fs.readFileSync(fileIn(alpha, 2, 'd/file'), 'utf8')).toBe('of 2');
    fs.writeFileSync(fileIn(beta, 1, 'mine'), '');
  });

  it('lets no name lead from one directory into another', async () => {
    const { pair } = several;
    const { alpha } = pair;
    await pair.serve(alpha);
    fs.writeFileSync(fileIn(alpha, 0, 'a'), 'a');
    for (const other of [1, 2]) {
      expect(codeOf(() => fs.renameSync(fileIn(alpha, 0, 'a'), fileIn(alpha, other, 'a')))).toBe('EXDEV');
      expect(codeOf(() => fs.linkSync(fileIn(alpha, 0, 'a'), fileIn(alpha, other, 'a')))).toBe('EXDEV');
    }
    expect(fs.readdirSync(alpha.directories[1] ?? '')).toEqual([]);
  });

  it('passes direct writes on to the disk of each directory', async () => {
    await several.remove();
    several = new SeveralDirectories({ directIo: 'disk' });
    const { alpha, beta } = await several.pair.open();
    await several.pair.serve(alpha);
    await several.pair.join(alpha, beta);
    const image = randomBytes(64 * 4096);
    fs.writeFileSync(path.join(alpha.base, 'image'), image);
    for (const index of [0, 1, 2]) {
      const to = fileIn(alpha, index, 'image');
      const [from, block] = [`if=${path.join(alpha.base, 'image')}`, 'bs=4096'];
      execFileSync('dd', [from, `of=${to}`, block, 'oflag=direct', 'status=none']);
      execFileSync('dd', [from, `of=${to}`, block, 'oflag=direct', 'conv=notrunc,fsync', 'seek=32', 'status=none']);
    }
    expect(await several.differences()).toEqual([]);
    const written = fs.readFileSync(fileIn(beta, 1, 'image'));
    expect(written.equals(Buffer.concat([image.subarray(0, 32 * 4096), image]))).toBe(true);
  });

  it('is given up when the secondary is lost during a release that programs hold up', async () => {
    const { pair } = several;
    const { alpha, beta } = pair;
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    const open = fs.openSync(fileIn(alpha, 1, 'file'), 'w');
    const released = alpha.mirror.release();
    const given = expect(released).rejects.toThrow(/could not be released \(the other host was lost meanwhile/);
    await beta.crash();
    await given;
    await alpha.mirror.abort();
    expect(several.mounts).toEqual([]);
    fs.closeSync(open);
  });

  it('may have 31 of them', async () => {
    const { pair } = several;
    for (const host of [pair.alpha, pair.beta]) {
      await host.close();
      const more = Array.from({ length: 31 }, (_, index) => path.join(host.base, `d${index}`));
      for (const each of more) fs.mkdirSync(each);
      const layout = more.map((each) => path.basename(each));
      Object.assign(host.options, { directory: more[0], furtherDirectories: more.slice(1), layout });
      fs.rmSync(host.options.stateDirectory, { recursive: true });
      await host.open();
    }
    await pair.serve(pair.alpha);
    await pair.join(pair.alpha, pair.beta);
    for (const index of pair.alpha.directories.keys()) fs.writeFileSync(fileIn(pair.alpha, index, 'file'), `${index}`);
    await pair.alpha.mirror.release();
    const found = pair.beta.directories.map((directory) => fs.readFileSync(path.join(directory, 'file'), 'utf8'));
    expect(found).toEqual(pair.beta.directories.map((_, index) => `${index}`));
  });

  it('leaves a disk that is mounted at a directory itself where it is', async () => {
    const host = new TestHost('alpha', { module: 'disks' });
    const disk = path.join(host.base, 'disk');
    fs.mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', 'none', disk]);
    try {
      Object.assign(host.options, { furtherDirectories: [disk] });
      fs.writeFileSync(path.join(disk, 'file'), 'content');
      await host.open();
      await host.mirror.serve(1);
      expect(fs.readFileSync(path.join(disk, 'file'), 'utf8')).toBe('content');
      await host.mirror.abort();
      await host.mirror.follow('127.0.0.1', 1);
      expect(codeOf(() => fs.writeFileSync(path.join(disk, 'file'), ''))).toBe('EROFS');
      await host.mirror.serve(1);
      await host.mirror.release();
      await host.close();
      expect(mountAt(disk)?.type).toBe('tmpfs');
      fs.writeFileSync(path.join(disk, 'file'), 'plain');
    } finally {
      execFileSync('umount', [disk]);
      await host.remove();
    }
  });

  it('tells the room of the file system that each directory lies on', async () => {
    const { pair } = several;
    const sizeOf = (index: number) => fs.statfsSync(pair.alpha.directories[index] ?? '').blocks;
    const before = [0, 1, 2].map(sizeOf);
    await pair.serve(pair.alpha);
    expect([0, 1, 2].map(sizeOf)).toEqual(before);
    expect(before[1]).not.toBe(before[0]);
    // Of a file that has no name any more, too.
    const fd = fs.openSync(fileIn(pair.alpha, 1, 'removed'), 'w');
    fs.rmSync(fileIn(pair.alpha, 1, 'removed'));
    expect(fs.statfsSync(`/proc/self/fd/${fd}`).blocks).toBe(before[1]);
    fs.closeSync(fd);
  });
});
