import * as libc from '../../../agent/platform/libc.ts';
import * as calls from './calls.ts';
import type { Case, CaseList } from './case.ts';

const [me, other, mine, theirs] = [1000, 1001, 1000, 1001];
const second = 1_000_000_000n;

/** An ACL as the kernel takes it (acl(5)): tag, permissions, id. */
const acl = (...entries: [tag: number, permissions: number, id?: number][]): Buffer => {
  const bytes = Buffer.alloc(4 + entries.length * 8);
  bytes.writeUInt32LE(2, 0);
  entries.forEach(([tag, permissions, id = 0xffffffff], index) => {
    bytes.writeUInt16LE(tag, 4 + index * 8);
    bytes.writeUInt16LE(permissions, 6 + index * 8);
    bytes.writeUInt32LE(id, 8 + index * 8);
  });
  return bytes;
};
const ACCESS = 'system.posix_acl_access';
const DEFAULT = 'system.posix_acl_default';
const [USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER] = [1, 2, 4, 8, 16, 32];

const get = (t: Case, file: string, name: string): string | null =>
  libc.getxattrat(t.root, file, name)?.toString('hex') ?? null;

/** One file of everybody: root's, mine, another one's, with and without set-id bits. */
function population(t: Case): string[] {
  const names: string[] = [];
  for (const [uid, gid] of [
    [0, 0],
    [me, mine],
    [me, theirs],
    [other, theirs],
  ] as const) {
    for (const mode of [0o644, 0o666, 0o600, 0o6777, 0o2766, 0o4711, 0]) {
      const name = `${uid}-${gid}-${mode.toString(8)}`;
      t.put(name, 'x');
      libc.chownat(t.root, name, uid, gid);
      libc.chmodat(t.root, name, mode);
      names.push(name);
    }
  }
  return names;
}

export const ownerCases: CaseList = {
  'permissions of a user': (t) => {
    const names = population(t);
    for (const groups of [[], [theirs]]) {
      t.as(
        me,
        mine,
        () => {
          for (const name of names) {
            const say = (what: string, action: () => unknown): void =>
              t.check(`${name} ${groups.join()} ${what}`, action);
            say('access', () => [4, 2, 1].map((mode) => calls.outcomeOf(() => calls.access(t.root, name, mode))));
            say('read', () => libc.close(libc.openat(t.root, name, libc.O_RDONLY)));
            say('write', () => {
              const fd = libc.openat(t.root, name, libc.O_RDWR);
              libc.pwrite(fd, Buffer.from('y'), 0);
              libc.close(fd);
            });
            say('after the write', () => t.stat(name));
            say('truncate', () => libc.close(libc.openat(t.root, name, libc.O_WRONLY | libc.O_TRUNC)));
            say('chmod', () => libc.chmodat(t.root, name, 0o6755));
            say('after the chmod', () => t.stat(name));
            say('give away', () => libc.chownat(t.root, name, other, null));
            say('to my group', () => libc.chownat(t.root, name, null, mine));
            say('to their group', () => libc.chownat(t.root, name, null, theirs));
            say('after the chown', () => t.stat(name));
            say('times', () => libc.utimensat(t.root, name, second, second));
            say('times to now', () => libc.utimensat(t.root, name, 'now', 'now'));
            say('one time to now', () => libc.utimensat(t.root, name, 'now', null));
            say('no time', () => libc.utimensat(t.root, name, null, null));
            say('xattr', () => libc.setxattrat(t.root, name, 'user.a', Buffer.from('1')));
            say('trusted xattr', () => libc.setxattrat(t.root, name, 'trusted.a', Buffer.from('1')));
            say('trusted xattr read', () => get(t, name, 'trusted.a'));
            say('security xattr', () => libc.setxattrat(t.root, name, 'security.a', Buffer.from('1')));
            say('acl', () => libc.setxattrat(t.root, name, ACCESS, acl([USER_OBJ, 6], [GROUP_OBJ, 4], [OTHER, 0])));
            say('no access time', () => libc.close(libc.openat(t.root, name, libc.O_RDONLY | libc.O_NOATIME)));
            say('link', () => libc.linkat(t.root, name, t.root, `l${name}${groups.join()}`));
          }
        },
        groups,
      );
    }
  },

  'set-id bits by root': (t) => {
    for (const name of population(t)) {
      t.check(`${name} chown`, () => libc.chownat(t.root, name, me, null));
      t.check(`${name} after`, () => t.stat(name));
      libc.chmodat(t.root, name, 0o6755);
      t.check(`${name} chgrp`, () => libc.chownat(t.root, name, null, theirs));
      t.check(`${name} after chgrp`, () => t.stat(name));
    }
    libc.mkdirat(t.root, 'd', 0o755);
    libc.chmodat(t.root, 'd', 0o6755);
    t.check('chown of a directory', () => libc.chownat(t.root, 'd', me, theirs));
    t.check('its bits', () => t.stat('d'));
  },

  'directories that are sticky or of others': (t) => {
    for (const [directory, mode, uid] of [
      ['sticky', 0o1777, 0],
      ['mySticky', 0o1777, me],
      ['open', 0o777, 0],
      ['closed', 0o700, other],
      ['unlisted', 0o711, other],
      ['unsearched', 0o744, other],
      ['shared', 0o2777, other],
    ] as const) {
      libc.mkdirat(t.root, directory, 0o755);
      for (const [name, owner] of [
        ['mine', me],
        ['theirs', other],
      ] as const) {
        for (const which of ['a', 'b', 'c']) {
          t.put(`${directory}/${name}-${which}`, 'x');
          libc.chownat(t.root, `${directory}/${name}-${which}`, owner, owner);
          libc.mkdirat(t.root, `${directory}/${name}-${which}-d`, 0o755);
          libc.chownat(t.root, `${directory}/${name}-${which}-d`, owner, owner);
        }
      }
      libc.chownat(t.root, directory, uid, theirs);
      libc.chmodat(t.root, directory, mode);
      t.as(me, mine, () => {
        const at = (name: string): string => `${directory}/${name}`;
        const say = (what: string, action: () => unknown): void => t.check(`${directory} ${what}`, action);
        say('list', () => t.names(directory));
        say('stat', () => t.stat(at('mine-a')));
        say('create', () =>
          libc.close(libc.openat(t.root, at('new'), libc.O_CREAT | libc.O_EXCL | libc.O_RDWR, 0o2775)),
        );
        say('new', () => t.stat(at('new')));
        say('mkdir', () => libc.mkdirat(t.root, at('newd'), 0o2775));
        say('newd', () => t.stat(at('newd')));
        say('fifo', () => libc.mknodat(t.root, at('fifo'), libc.S_IFIFO | 0o666, 0));
        say('socket', () => libc.mknodat(t.root, at('socket'), libc.S_IFSOCK | 0o666, 0));
        say('device', () => libc.mknodat(t.root, at('device'), libc.S_IFCHR | 0o666, libc.makeDev(1, 3)));
        say('plain', () => libc.mknodat(t.root, at('plain'), libc.S_IFREG | 0o4666, 0));
        say('plain is', () => t.stat(at('plain')));
        for (const name of ['mine', 'theirs']) {
          say(`rename ${name}`, () => libc.renameat2(t.root, at(`${name}-a`), t.root, at(`${name}-moved`)));
          say(`rename over ${name}`, () => libc.renameat2(t.root, at('new'), t.root, at(`${name}-b`)));
          say(`exchange ${name}`, () => libc.renameat2(t.root, at('plain'), t.root, at(`${name}-c`), 2));
          say(`whiteout ${name}`, () => libc.renameat2(t.root, at(`${name}-c`), t.root, at(`${name}-w`), 4));
          say(`unlink ${name}`, () => libc.unlinkat(t.root, at(`${name}-c`)));
          say(`rmdir ${name}`, () => libc.unlinkat(t.root, at(`${name}-a-d`), libc.AT_REMOVEDIR));
          say(`move ${name} directory`, () => libc.renameat2(t.root, at(`${name}-b-d`), t.root, `${name}${directory}`));
        }
      });
      t.check(`${directory} left`, () => t.names(directory));
    }
    t.as(me, mine, () => {
      t.check('chmod of theirs', () => libc.chmodat(t.root, 'open', 0o755));
      t.check('sticky on a file', () => {
        t.put('open/s', 'x');
        libc.chmodat(t.root, 'open/s', 0o1644);
      });
      t.check('its mode', () => t.stat('open/s'));
      t.check('set-gid without the group', () => {
        libc.chmodat(t.root, 'shared/newd', 0o2755);
      });
      t.check('its mode', () => t.stat('shared/newd'));
    });
  },

  'extended attributes': (t) => {
    t.put('f', 'x');
    libc.mkdirat(t.root, 'd', 0o755);
    libc.mknodat(t.root, 'p', libc.S_IFIFO | 0o600, 0);
    for (const file of ['f', 'd', 'p']) {
      for (const name of ['user.a', 'trusted.a', 'security.a', 'system.a', 'other.a', 'user.', 'a', '']) {
        for (const flags of [0, 1, 2, 4]) {
          t.check(`set ${file} ${name} ${flags}`, () => libc.setxattrat(t.root, file, name, Buffer.from('v'), flags));
        }
        t.check(`get ${file} ${name}`, () => get(t, file, name));
      }
      t.check(`list ${file}`, () => libc.listxattrat(t.root, file).sort());
      t.check(`remove ${file}`, () => libc.removexattrat(t.root, file, 'user.a'));
      t.check(`remove again ${file}`, () => libc.removexattrat(t.root, file, 'user.a'));
    }
    for (const size of [0, 1, 100, 1000, 3000, 4000, 4096, 10_000, 65_535, 65_536, 65_537]) {
      t.put('big', 'x');
      t.check(`size ${size}`, () => libc.setxattrat(t.root, 'big', 'user.big', Buffer.alloc(size, 1)));
      t.check(`size ${size} got`, () => libc.getxattrat(t.root, 'big', 'user.big')?.length);
      libc.unlinkat(t.root, 'big');
    }
    for (const length of [249, 250, 251]) {
      t.check(`name ${length}`, () => libc.setxattrat(t.root, 'f', `user.${'n'.repeat(length)}`, Buffer.from('v')));
    }
    t.put('many', 'x');
    const results: unknown[] = [];
    for (let at = 0; at < 60; at++) {
      results.push(calls.outcomeOf(() => libc.setxattrat(t.root, 'many', `user.n${at}`, Buffer.alloc(100, at))));
    }
    t.check('many', () => results);
    t.check('many listed', () => libc.listxattrat(t.root, 'many').length);
    t.check('too small', () => libc.tryGetxattrat(t.root, 'many', 'user.n1', Buffer.alloc(10)));
    t.check('asked for the size', () => libc.tryGetxattrat(t.root, 'many', 'user.n1', Buffer.alloc(0)));
    t.check('list too small', () => libc.tryListxattrat(t.root, 'many', Buffer.alloc(10)));
    t.check('list size', () => libc.tryListxattrat(t.root, 'many', Buffer.alloc(0)));
    t.as(me, mine, () => t.check('listed by a user', () => libc.listxattrat(t.root, 'f').sort()));
  },

  'access control lists': (t) => {
    t.put('f', 'x', 0o640);
    libc.mkdirat(t.root, 'd', 0o755);
    const named = acl([USER_OBJ, 6], [USER, 7, me], [GROUP_OBJ, 4], [GROUP, 2, theirs], [MASK, 6], [OTHER, 0]);
    const set = (file: string, name: string, value: Buffer): void =>
      t.check(`set ${file} ${name} ${value.toString('hex')}`, () => libc.setxattrat(t.root, file, name, value));
    set('f', ACCESS, named);
    t.check('mode', () => t.stat('f'));
    t.as(me, mine, () => t.check('user may write', () => libc.close(libc.openat(t.root, 'f', libc.O_RDWR))));
    t.as(other, theirs, () => t.check('group may write', () => libc.close(libc.openat(t.root, 'f', libc.O_WRONLY))));
    t.as(other, theirs, () => t.check('group may not read', () => libc.close(libc.openat(t.root, 'f', libc.O_RDONLY))));
    t.check('chmod changes the mask', () => libc.chmodat(t.root, 'f', 0o604));
    t.check('the list', () => get(t, 'f', ACCESS));
    t.as(me, mine, () => t.check('masked', () => libc.close(libc.openat(t.root, 'f', libc.O_RDWR))));
    set('f', DEFAULT, named);
    set('d', DEFAULT, named);
    set('d', ACCESS, named);
    for (const umask of [0, 0o077]) {
      libc.setUmask(umask);
      t.put(`d/file${umask}`, 'x', 0o666);
      t.check('made', () => libc.close(libc.openat(t.root, `d/f${umask}`, libc.O_CREAT | libc.O_RDWR, 0o664)));
      t.check('made a directory', () => libc.mkdirat(t.root, `d/d${umask}`, 0o775));
      t.check('made a fifo', () => libc.mknodat(t.root, `d/p${umask}`, libc.S_IFIFO | 0o664, 0));
      t.check('made a symlink', () => libc.symlinkat('x', t.root, `d/s${umask}`));
      for (const name of [`d/f${umask}`, `d/d${umask}`, `d/p${umask}`]) {
        t.check(`${name} is`, () => [t.stat(name), get(t, name, ACCESS), get(t, name, DEFAULT)]);
      }
    }
    libc.setUmask(0o022);
    set('f', ACCESS, acl([USER_OBJ, 6], [GROUP_OBJ, 4]));
    set('f', ACCESS, acl([USER_OBJ, 6], [USER, 7, me], [GROUP_OBJ, 4], [OTHER, 0]));
    set('f', ACCESS, Buffer.from('02000000', 'hex'));
    set('f', ACCESS, Buffer.from('0300000000', 'hex'));
    t.check('removed', () => libc.removexattrat(t.root, 'd', DEFAULT));
    t.check('removed again', () => libc.removexattrat(t.root, 'd', DEFAULT));
    t.check('access removed', () => libc.removexattrat(t.root, 'd', ACCESS));
    t.check('after it', () => [t.stat('d'), libc.listxattrat(t.root, 'd').sort()]);
    t.put('g', 'x', 0o2770);
    libc.chownat(t.root, 'g', me, theirs);
    libc.chmodat(t.root, 'g', 0o2770);
    t.as(me, mine, () => set('g', ACCESS, acl([USER_OBJ, 7], [USER, 7, other], [GROUP_OBJ, 7], [MASK, 7], [OTHER, 0])));
    t.check('set-gid after an ACL by one outside the group', () => t.stat('g'));
  },

  'special files': (t) => {
    for (const [name, mode, rdev] of [
      ['fifo', libc.S_IFIFO, 0],
      ['socket', libc.S_IFSOCK, 0],
      ['null', libc.S_IFCHR, libc.makeDev(1, 3)],
      ['absent', libc.S_IFCHR, libc.makeDev(500, 70_000)],
      ['block', libc.S_IFBLK, libc.makeDev(259, 1_000_000)],
      ['directory', libc.S_IFDIR, 0],
      ['symlink', libc.S_IFLNK, 0],
      ['odd', 0o030000, 0],
    ] as const) {
      t.check(`make ${name}`, () => libc.mknodat(t.root, name, mode | 0o644, rdev));
      t.check(`again ${name}`, () => libc.mknodat(t.root, name, mode | 0o644, rdev));
      t.check(`${name} is`, () => t.stat(name));
      t.check(`open ${name}`, () => libc.close(libc.openat(t.root, name, libc.O_WRONLY | libc.O_NONBLOCK)));
      t.check(`chown ${name}`, () => libc.chownat(t.root, name, me, theirs));
      t.check(`times ${name}`, () => libc.utimensat(t.root, name, second, second));
    }
    const r = t.open('fifo', libc.O_RDONLY | libc.O_NONBLOCK);
    const w = t.open('fifo', libc.O_WRONLY | libc.O_NONBLOCK);
    t.check('through a fifo', () => libc.write(w, Buffer.from('hello')));
    t.check('out of it', () => libc.read(r, Buffer.alloc(10)));
    const fd = t.open('null', libc.O_RDWR);
    t.check('into a device', () => libc.write(fd, Buffer.from('hello')));
    t.check('out of it', () => libc.read(fd, Buffer.alloc(10)));
  },

  times: (t) => {
    t.put('f', 'x');
    libc.mkdirat(t.root, 'd', 0o755);
    for (const time of [
      0n,
      1n,
      -1n,
      -second,
      -second * 86400n * 365n * 60n,
      second * 2n ** 31n - 1n,
      second * 2n ** 31n,
      second * 2n ** 32n + 123_456_789n,
      second * 2n ** 33n,
      second * 15_032_385_535n,
      second * 15_032_385_536n,
      second * 2n ** 40n,
      -second * 2n ** 31n,
      -second * 2n ** 31n - 1n,
    ]) {
      for (const name of ['f', 'd']) {
        t.check(`${name} ${time}`, () => libc.utimensat(t.root, name, time, time + 1n));
        t.check(`${name} ${time} is`, () => t.times(name));
      }
    }
    libc.utimensat(t.root, 'f', 5n, 6n);
    t.check('only one', () => libc.utimensat(t.root, 'f', null, 9n));
    t.check('is', () => t.times('f'));
    const recent = (name: string): boolean => {
      const stat = libc.statat(t.root, name);
      return Math.abs(stat.mtimeSec - Date.now() / 1000) < 100;
    };
    const fd = t.open('f', libc.O_RDWR);
    const changes: Record<string, () => void> = {
      write: () => libc.pwrite(fd, Buffer.from('y'), 0),
      truncate: () => libc.ftruncate(fd, 0),
      'truncate to the same': () => libc.ftruncate(fd, 0),
      allocate: () => libc.fallocate(fd, 0, 0, 5000),
      punch: () => libc.fallocate(fd, 3, 0, 100),
      chmod: () => libc.fchmod(fd, 0o600),
      open: () => libc.close(libc.openat(t.root, 'f', libc.O_RDWR | libc.O_TRUNC)),
      now: () => libc.futimens(fd, null, 'now'),
    };
    for (const [name, change] of Object.entries(changes)) {
      libc.futimens(fd, 5n, 6n);
      change();
      t.check(`${name} changes it`, () => recent('f'));
    }
    const inside: Record<string, () => void> = {
      create: () => t.put('d/a'),
      link: () => libc.linkat(t.root, 'd/a', t.root, 'd/b'),
      rename: () => libc.renameat2(t.root, 'd/b', t.root, 'd/c'),
      unlink: () => libc.unlinkat(t.root, 'd/c'),
      mkdir: () => libc.mkdirat(t.root, 'd/d', 0o755),
      rmdir: () => libc.unlinkat(t.root, 'd/d', libc.AT_REMOVEDIR),
      'write within': () => t.put('d/a', 'more'),
    };
    for (const [name, change] of Object.entries(inside)) {
      libc.utimensat(t.root, 'd', 5n, 6n);
      change();
      t.check(`${name} changes the directory`, () => recent('d'));
    }
  },
};
