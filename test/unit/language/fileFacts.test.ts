import { chmod, mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskGate } from '../../../extension/language/server/model/diskGate.ts';
import { FileFacts } from '../../../extension/language/server/model/fileFacts.ts';
import type { Fact } from '../../../extension/language/server/model/fileFacts.ts';

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'understudy-facts-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('what is on a disk', () => {
  it('is executable when anybody may execute it: hosts run it as root, whoever edits it', async () => {
    const paths: Record<string, Fact> = {};
    for (const [mode, fact] of [
      [0o700, 'executable'],
      [0o100, 'executable'],
      [0o755, 'executable'],
      [0o644, 'file'],
    ] as const) {
      const path = join(folder, mode.toString(8));
      await writeFile(path, '');
      await chmod(path, mode);
      paths[path] = fact;
    }
    await mkdir(join(folder, 'empty'));
    Object.assign(paths, {
      [folder]: 'folder',
      [join(folder, 'empty')]: 'emptyFolder',
      [join(folder, 'no')]: 'missing',
    });
    const facts = new FileFacts();
    expect(await facts.look(Object.keys(paths))).toBe(true);
    for (const [path, fact] of Object.entries(paths)) expect(facts.known(path), path).toBe(fact);
    expect(await facts.look(Object.keys(paths))).toBe(false);
  });
});

describe('a disk that stands still', () => {
  /** Looks that end when they are told to, by their paths. */
  function frozen(): { facts: FileFacts; thaw: (path: string) => void; begun: string[] } {
    const begun: string[] = [];
    const ends = new Map<string, () => void>();
    const facts = new FileFacts(new DiskGate(), (path) => {
      begun.push(path);
      if (!path.startsWith('/frozen')) return Promise.resolve('file');
      return new Promise<Fact>((resolve) => ends.set(path, () => resolve('file')));
    });
    return { facts, begun, thaw: (path) => ends.get(path)?.() };
  }

  it('holds up no answer for longer than a second, and what it says is told when it says it', async () => {
    const { facts, thaw } = frozen();
    const later = new Promise<void>((resolve) => {
      void facts.look(['/other', '/frozen/a'], resolve).then((hasChanged) => {
        expect(hasChanged).toBe(true);
        expect([facts.known('/other'), facts.known('/frozen/a')]).toEqual(['file', undefined]);
        thaw('/frozen/a');
      });
    });
    await later;
    expect(facts.known('/frozen/a')).toBe('file');
  });

  it('is looked at by few, and once for each path, however often it is asked for', async () => {
    const { facts, begun, thaw } = frozen();
    const all = [1, 2, 3, 4].map((at) => `/frozen/${String(at)}`);
    await Promise.all([facts.look(all), facts.look(all), facts.look(all)]);
    expect(begun).toEqual(all.slice(0, 2));
    const last = facts.look(all);
    for (const path of all) {
      await expect.poll(() => begun).toContain(path);
      thaw(path);
    }
    expect(await last).toBe(true);
    expect(begun).toEqual(all);
    expect(all.map((path) => facts.known(path))).toEqual(['file', 'file', 'file', 'file']);
  });
});
