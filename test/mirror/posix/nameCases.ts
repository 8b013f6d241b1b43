import * as libc from '../../../agent/platform/libc.ts';
import * as calls from './calls.ts';
import type { CaseList } from './case.ts';

const flagsOfRename = [0, 1, 2, 3, 4, 5, 6, 8];

export const nameCases: CaseList = {
  'rename of anything to anything': (t) => {
    const kinds: Record<string, (name: string) => void> = {
      file: (name) => t.put(name, name),
      link: (name) => libc.symlinkat('nowhere', t.root, name),
      empty: (name) => libc.mkdirat(t.root, name, 0o755),
      full: (name) => {
        libc.mkdirat(t.root, name, 0o755);
        t.put(`${name}/inside`, 'x');
      },
      fifo: (name) => libc.mknodat(t.root, name, libc.S_IFIFO | 0o600, 0),
      nothing: () => undefined,
    };
    for (const flags of flagsOfRename) {
      for (const [from, makeFrom] of Object.entries(kinds)) {
        for (const [to, makeTo] of Object.entries(kinds)) {
          const [a, b] = [`a${flags}${from}${to}`, `b${flags}${from}${to}`];
          makeFrom(a);
          makeTo(b);
          t.check(`${from} to ${to} ${flags}`, () => libc.renameat2(t.root, a, t.root, b, flags));
          t.check(`${from} to ${to} ${flags} from`, () => t.stat(a));
          t.check(`${from} to ${to} ${flags} to`, () => t.stat(b));
        }
      }
    }
  },

  'rename where it cannot be': (t) => {
    libc.mkdirat(t.root, 'd', 0o755);
    libc.mkdirat(t.root, 'd/e', 0o755);
    t.put('f', 'x');
    libc.linkat(t.root, 'f', t.root, 'g');
    const rename = (from: string, to: string, flags = 0): void =>
      t.check(`${from} ${to} ${flags}`, () => libc.renameat2(t.root, from, t.root, to, flags));
    rename('d', 'd/e/f');
    rename('d', 'd/e');
    rename('d/e', 'd');
    rename('d', 'd');
    rename('f', 'g');
    rename('f', 'g', 2);
    rename('f', 'f', 1);
    rename('f', 'none/x');
    rename('none', 'x');
    rename('f', 'f/x');
    rename('f', 'd/');
    rename('f', 'x/');
    rename('d', 'x/');
    rename('.', 'x');
    rename('d/.', 'x');
    rename('d/..', 'x');
    rename('', 'x');
    rename('f', '');
    rename('x', 'd/e/x', 2);
    t.check('from another file system', () => libc.renameat2(libc.AT_FDCWD, '/proc/self/status', t.root, 'p'));
    t.check('into another file system', () => libc.renameat2(t.root, 'g', libc.AT_FDCWD, '/proc/x'));
    t.check('links', () => [t.names(), t.stat('g')]);
    const fd = t.open('g', libc.O_RDWR);
    rename('g', 'h');
    t.check('an open file', () => libc.pwrite(fd, Buffer.from('y'), 0));
    t.check('its content', () => t.content('h'));
  },

  links: (t) => {
    t.put('f', 'x');
    libc.mkdirat(t.root, 'd', 0o755);
    libc.symlinkat('f', t.root, 's');
    libc.symlinkat('loop', t.root, 'loop');
    libc.symlinkat('nowhere', t.root, 'dangling');
    const link = (from: string, to: string, flags = 0): void =>
      t.check(`link ${from} ${to} ${flags}`, () => libc.linkat(t.root, from, t.root, to, flags));
    link('f', 'g');
    link('f', 'g');
    link('f', 'f');
    link('d', 'e');
    link('s', 't');
    link('s', 'u', libc.AT_SYMLINK_FOLLOW);
    link('dangling', 'v', libc.AT_SYMLINK_FOLLOW);
    link('loop', 'w', libc.AT_SYMLINK_FOLLOW);
    link('f', 'none/x');
    link('f', 'f/x');
    link('f', 'd/');
    link('', 'x');
    t.check('across', () => libc.linkat(libc.AT_FDCWD, '/proc/self/status', t.root, 'x'));
    t.check('count', () => t.stat('f'));
    t.check('symlink over', () => libc.symlinkat('x', t.root, 'f'));
    t.check('symlink of nothing', () => libc.symlinkat('', t.root, 'y'));
    t.check('the longest symlink', () => libc.symlinkat('t'.repeat(4095), t.root, 'long'));
    t.check('its length', () => libc.readlinkat(t.root, 'long').length);
    t.check('one longer', () => libc.symlinkat('t'.repeat(4096), t.root, 'longer'));
    t.check('a middling one', () => libc.symlinkat('t'.repeat(100), t.root, 'middling'));
    t.check('readlink of a file', () => libc.readlinkat(t.root, 'f'));
    t.check('open a loop', () => libc.openat(t.root, 'loop', libc.O_RDONLY));
    t.check('through a loop', () => libc.openat(t.root, 'loop/x', libc.O_RDONLY));
    t.check('not followed', () => libc.openat(t.root, 's', libc.O_RDONLY | libc.O_NOFOLLOW));
    t.check('create through a dangling one', () =>
      libc.close(libc.openat(t.root, 'dangling', libc.O_CREAT | libc.O_RDWR, 0o600)),
    );
    t.check('and exclusively', () => libc.openat(t.root, 'dangling', libc.O_CREAT | libc.O_EXCL | libc.O_RDWR, 0o600));
    t.check('names', () => t.names());
    t.check('chmod of a symlink', () => libc.chmodat(t.root, 's', 0o600));
    t.check('chown of a symlink', () => libc.chownat(t.root, 's', 5, 6));
    t.check('stat', () => [t.stat('s'), t.stat('f')]);
    t.check('times of a symlink', () => libc.utimensat(t.root, 's', 5n, 7n));
    t.check('times', () => t.times('s'));
    t.check('xattr of a symlink', () => libc.setxattrat(t.root, 's', 'user.a', Buffer.from('1')));
    t.check('trusted xattr of a symlink', () => libc.setxattrat(t.root, 's', 'trusted.a', Buffer.from('1')));
  },

  removal: (t) => {
    t.put('f', 'x');
    libc.mkdirat(t.root, 'd', 0o755);
    t.put('d/f', 'x');
    const remove = (name: string, flags = 0): void =>
      t.check(`${name} ${flags}`, () => libc.unlinkat(t.root, name, flags));
    remove('none');
    remove('none', libc.AT_REMOVEDIR);
    remove('f', libc.AT_REMOVEDIR);
    remove('d');
    remove('d', libc.AT_REMOVEDIR);
    remove('.', libc.AT_REMOVEDIR);
    remove('d/.', libc.AT_REMOVEDIR);
    remove('d/..', libc.AT_REMOVEDIR);
    remove('f/x');
    remove('f/');
    remove('d/f');
    remove('d/', libc.AT_REMOVEDIR);
    remove('f');
    t.check('left', () => t.names());
    t.check('mkdir over', () => libc.mkdirat(t.root, '.', 0o755));
    t.check('mkdir in nothing', () => libc.mkdirat(t.root, 'none/d', 0o755));
    t.check('links of the directory', () => libc.statat(t.root, '').nlink);
  },

  'names of any bytes': (t) => {
    for (let byte = 1; byte < 256; byte++) {
      if (byte === 0x2f) continue;
      const name = `x${String.fromCharCode(byte)}`;
      t.put(name, name);
    }
    t.check('listed', () => t.names());
    t.check('read', () => t.names().every((name) => t.content(name) === name));
    t.put('\xff\xfe', 'x');
    t.check('renamed', () => libc.renameat2(t.root, '\xff\xfe', t.root, '\xc3\x28'));
    t.check('a symlink of any bytes', () => libc.symlinkat('\xc3\x28', t.root, '\xe2\x82'));
    t.check('its target', () => libc.readlinkat(t.root, '\xe2\x82'));
    for (const length of [254, 255, 256, 4094, 4095, 4096]) {
      for (const letter of ['n', '\xe4']) {
        const name = letter.repeat(length);
        t.check(`create ${length}`, () => libc.close(libc.openat(t.root, name, libc.O_CREAT | libc.O_RDWR, 0o600)));
        t.check(`mkdir ${length}`, () => libc.mkdirat(t.root, `d${name}`.slice(0, length), 0o755));
        t.check(`look up ${length}`, () => t.stat(name));
        t.check(`link ${length}`, () => libc.linkat(t.root, 'xa', t.root, `l${name}`.slice(0, length)));
        t.check(`rename ${length}`, () => libc.renameat2(t.root, 'xb', t.root, `r${name}`.slice(0, length)));
        t.check(`symlink ${length}`, () => libc.symlinkat('x', t.root, `s${name}`.slice(0, length)));
      }
    }
  },

  'paths at the limit': (t) => {
    // The longest path that a call takes is 4,095 bytes.
    let deep = t.top;
    const name = 'd'.repeat(200);
    while (deep.length + 1 + name.length < 3900) {
      deep += `/${name}`;
      t.check(`mkdir ${(deep.length - t.top.length) / 201}`, () => libc.mkdirat(libc.AT_FDCWD, deep, 0o755));
    }
    const longest = `${deep}/${'f'.repeat(4094 - deep.length)}`;
    t.check('create', () => libc.close(calls.open(longest, libc.O_CREAT | libc.O_RDWR, 0o600)));
    t.check('one longer', () => calls.open(`${longest}f`, libc.O_CREAT | libc.O_RDWR, 0o600));
    t.check('chmod', () => libc.chmodat(libc.AT_FDCWD, longest, 0o640));
    t.check('rename', () => libc.renameat2(libc.AT_FDCWD, longest, libc.AT_FDCWD, `${deep}/short`));
    t.check('rename back', () => libc.renameat2(libc.AT_FDCWD, `${deep}/short`, libc.AT_FDCWD, longest));
    const fd = calls.open(longest, libc.O_RDWR);
    t.check('write', () => libc.pwrite(fd, Buffer.from('x'), 0));
    t.check('xattr', () => libc.fsetxattr(fd, 'user.a', Buffer.from('1')));
    t.check('sync', () => libc.fsync(fd));
    libc.close(fd);
  },

  'directories while they change': (t) => {
    libc.mkdirat(t.root, 'd', 0o755);
    for (let at = 0; at < 1500; at++) t.put(`d/file-${at}`);
    const fd = t.open('d', libc.O_RDONLY | libc.O_DIRECTORY);
    const seen = new Set<string>();
    let steps = 0;
    for (;;) {
      const listed = calls.listStep(fd, 4096);
      if (listed.length === 0) break;
      for (const { name } of listed) {
        if (seen.has(name)) t.check('twice', () => name);
        seen.add(name);
        if (name.startsWith('file-')) libc.unlinkat(fd, name);
      }
      steps++;
    }
    t.check('all were seen', () => [seen.size, steps > 1]);
    t.check('none is left', () => t.names('d'));
    for (let at = 0; at < 300; at++) t.put(`d/again-${at}`);
    libc.lseek(fd, 0, 0);
    const first = calls.listStep(fd, 2000);
    const rest = new Set<string>();
    for (let listed = calls.listStep(fd, 2000); listed.length > 0; listed = calls.listStep(fd, 2000)) {
      for (const { name } of listed) rest.add(name);
    }
    t.check('from the start again', () => first.length + rest.size);
    const position = first.at(-1)?.next ?? 0;
    libc.lseek(fd, position, 0);
    const after = calls.listStep(fd, 2000);
    t.check('from a position', () => after.every(({ name }) => rest.has(name)) && after.length > 0);
    t.check('into too small a buffer', () => calls.listStep(fd, 8));
    t.check('of a file', () => calls.listStep(t.open('f'), 1000));
  },

  resolution: (t) => {
    libc.mkdirat(t.root, 'd', 0o755);
    t.put('d/f', 'x');
    libc.symlinkat('d', t.root, 's');
    libc.symlinkat('/etc/hostname', t.root, 'absolute');
    libc.symlinkat('../..', t.root, 'd/up');
    for (const [name, how] of Object.entries(calls.resolve)) {
      if (name === 'cached') continue;
      for (const path of ['d/f', 's/f', 'absolute', 'd/up', '..', '/etc', 'd/../d/f', 'none', 'd/f/x']) {
        t.check(`${path} ${name}`, () => libc.close(calls.openat2(t.root, path, libc.O_RDONLY, how)));
      }
    }
    t.check('unknown flags', () => calls.openat2(t.root, 'd', libc.O_RDONLY, 1 << 20));
  },
};
