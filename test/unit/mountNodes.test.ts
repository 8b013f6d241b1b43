import { describe, expect, it } from 'vitest';
import { NodeTable } from '../../agent/mirror/mount/nodes.ts';
import type { FuseNode } from '../../agent/mirror/mount/nodes.ts';
import type { FileStat } from '../../agent/platform/libc.ts';
import { parseMountInfo } from '../../agent/platform/mounts.ts';

const stat = (ino: number, mode: number): FileStat => ({
  ...{ ino, mode, nlink: 1, uid: 0, gid: 0, size: 0, blocks: 0, blksize: 4096, rdev: 0, dev: 1 },
  ...{ atimeSec: 0, atimeNsec: 0, mtimeSec: 0, mtimeNsec: 0, ctimeSec: 0, ctimeNsec: 0 },
});
const directory = (table: NodeTable, parent: FuseNode, name: string, ino: number): FuseNode =>
  table.lookup(parent, name, stat(ino, 0o040755));
const file = (table: NodeTable, parent: FuseNode, name: string, ino: number): FuseNode =>
  table.lookup(parent, name, stat(ino, 0o100644));

describe('the node table', () => {
  it('follows renames of files and of the directories above them', () => {
    const table = new NodeTable(1);
    const a = directory(table, table.root, 'a', 2);
    const b = directory(table, a, 'b', 3);
    const f = file(table, b, 'f', 4);
    expect(table.ref(f)).toEqual({ ino: 4, path: 'a/b/f' });
    table.rename(table.root, 'a', table.root, 'x');
    expect(table.path(f)).toBe('x/b/f');
    table.rename(b, 'f', table.root, 'g');
    expect(table.path(f)).toBe('g');
    expect(table.child(table.root, 'g')).toBe(f);
  });

  it('keeps a file reachable through whichever of its names is left', () => {
    const table = new NodeTable(1);
    const a = directory(table, table.root, 'a', 2);
    const f = file(table, table.root, 'one', 4);
    expect(file(table, a, 'two', 4)).toBe(f);
    table.unlink(table.root, 'one');
    expect(table.path(f)).toBe('a/two');
    table.unlink(a, 'two');
    expect(table.path(f)).toBeNull();
  });

  it('knows what a rename replaces, what an exchange swaps and that two names of one file stay', () => {
    const table = new NodeTable(1);
    const f = file(table, table.root, 'f', 2);
    const g = file(table, table.root, 'g', 3);
    table.exchange(table.root, 'f', table.root, 'g');
    expect([table.path(f), table.path(g)]).toEqual(['g', 'f']);
    table.rename(table.root, 'g', table.root, 'f');
    expect([table.path(f), table.path(g)]).toEqual(['f', null]);
    file(table, table.root, 'h', 2);
    table.rename(table.root, 'f', table.root, 'h');
    expect(table.child(table.root, 'f')).toBe(f);
    expect(table.child(table.root, 'h')).toBe(f);
  });

  it('forgets what the kernel forgets, directories only with the last name in them', () => {
    const table = new NodeTable(1);
    const a = directory(table, table.root, 'a', 2);
    const f = file(table, a, 'f', 3);
    file(table, a, 'f', 3);
    table.forget(a.id, 1);
    expect(table.path(f)).toBe('a/f');
    table.forget(f.id, 1);
    expect(table.byId(f.id)).toBe(f);
    table.forget(f.id, 1);
    expect(table.byId(f.id)).toBeUndefined();
    expect(table.byId(a.id)).toBeUndefined();
    expect(table.size).toBe(1);
    expect(directory(table, table.root, 'a', 2).id).not.toBe(a.id);
  });
});

describe('mountinfo', () => {
  it('is read with escapes and optional fields', () => {
    const text = `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue
120 36 0:47 / /srv/a\\040b\\303\\244 ro,nosuid - fuse.understudy understudy:web rw,user_id=0
half a line
`;
    expect(parseMountInfo(text)).toEqual([
      {
        ...{ id: 36, device: '98:0', root: '/mnt1', mountPoint: '/mnt2', type: 'ext3', source: '/dev/root' },
        options: ['rw', 'noatime'],
      },
      {
        ...{ id: 120, device: '0:47', root: '/', mountPoint: '/srv/a bä', type: 'fuse.understudy' },
        ...{ source: 'understudy:web', options: ['ro', 'nosuid'] },
      },
    ]);
  });
});
