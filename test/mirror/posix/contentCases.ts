import { createHash } from 'node:crypto';
import * as libc from '../../../agent/platform/libc.ts';
import * as calls from './calls.ts';
import type { CaseList } from './case.ts';

const K = 1024;
const bytes = (length: number, first: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, at) => (first + at + (at >> 8)) & 0xff));
const text = (fd: number, offset: number, length: number): string => {
  const buffer = Buffer.alloc(length);
  return buffer.toString('latin1', 0, libc.pread(fd, buffer, offset));
};
const sum = (fd: number): string => {
  const buffer = Buffer.alloc(libc.fstat(fd).size);
  libc.preadFully(fd, buffer, 0);
  return `${buffer.length} ${createHash('md5').update(buffer).digest('hex')}`;
};
/** Where data and holes are. */
const layout = (fd: number): string => {
  const parts: string[] = [];
  for (let at = 0; ;) {
    const data = libc.tryLseek(fd, at, libc.SEEK_DATA);
    if (data < 0) return parts.join(' ');
    at = libc.lseek(fd, data, libc.SEEK_HOLE);
    parts.push(`${data}-${at}`);
  }
};

export const contentCases: CaseList = {
  'opening for append and truncation': (t) => {
    t.put('f', 'start');
    const a = t.open('f', libc.O_WRONLY | libc.O_APPEND);
    const b = t.open('f', libc.O_WRONLY | libc.O_APPEND);
    t.check('append', () => libc.write(a, Buffer.from('-a')));
    t.check('append through the other', () => libc.write(b, Buffer.from('-b')));
    t.check('pwrite to an appender goes to the end', () => libc.pwrite(a, Buffer.from('-c'), 0));
    t.check('content', () => t.content('f'));
    t.check('read from a writer', () => libc.pread(a, Buffer.alloc(4), 0));
    const r = t.open('f', libc.O_RDONLY);
    t.check('write to a reader', () => libc.write(r, Buffer.from('x')));
    t.check('truncate a reader', () => libc.ftruncate(r, 0));
    t.check('fallocate a reader', () => libc.fallocate(r, 0, 0, 10));
    t.check('O_TRUNC to read', () => libc.close(libc.openat(t.root, 'f', libc.O_RDONLY | libc.O_TRUNC)));
    t.check('after it', () => t.stat('f'));
    t.check('append flag on', () => calls.fcntl(r, calls.F_SETFL, libc.O_APPEND));
    t.check('O_EXCL', () => libc.openat(t.root, 'f', libc.O_CREAT | libc.O_EXCL | libc.O_RDWR, 0o600));
    t.check('O_DIRECTORY on a file', () => libc.openat(t.root, 'f', libc.O_RDONLY | libc.O_DIRECTORY));
    t.check('a directory to write', () => libc.openat(t.root, '.', libc.O_RDWR));
    t.check('O_CREAT of a directory', () => libc.openat(t.root, '.', libc.O_RDWR | libc.O_CREAT, 0o600));
    t.check('a slash behind a file', () => libc.openat(t.root, 'f/', libc.O_RDONLY));
    t.check('a slash behind a new name', () => libc.openat(t.root, 'g/', libc.O_CREAT | libc.O_RDWR, 0o600));
    t.check('nothing there', () => libc.openat(t.root, 'none', libc.O_RDWR));
    t.check('truncate to less than nothing', () => libc.ftruncate(b, -1));
    t.check('truncate beyond the largest file', () => libc.ftruncate(b, 2 ** 52));
    t.check('write beyond the largest file', () => libc.pwrite(t.open('f', libc.O_RDWR), Buffer.from('x'), 2 ** 52));
  },

  'a path only': (t) => {
    t.put('f', 'x');
    const p = t.open('f', libc.O_PATH);
    t.check('read', () => libc.pread(p, Buffer.alloc(1), 0));
    t.check('chmod', () => libc.fchmod(p, 0o600));
    t.check('truncate', () => libc.ftruncate(p, 0));
    t.check('getxattr', () => libc.fgetxattr(p, 'user.a'));
    t.check('sync', () => libc.fsync(p));
    t.check('link it', () => libc.linkat(libc.AT_FDCWD, `/proc/self/fd/${p}`, t.root, 'g', libc.AT_SYMLINK_FOLLOW));
    t.check('stat', () => t.stat('g'));
  },

  'allocation and holes': (t) => {
    // Not to collapse (8) and to insert (32): the kernel passes those on to no file system in user space.
    const modes = [0, 1, 2, 3, 9, 16, 17, 33, 64, 128];
    for (const mode of modes) {
      for (const [offset, length] of [
        [0, 4 * K],
        [8 * K, 16 * K],
        [5000, 3000],
        [5000, 70_000],
        [60 * K, 4 * K],
        [64 * K, 64 * K],
        [200 * K, 8 * K],
        [0, 0],
        [-1, 10],
      ] as const) {
        const fd = t.open('f', libc.O_RDWR | libc.O_CREAT | libc.O_TRUNC);
        libc.pwriteFully(fd, bytes(64 * K, mode), 0);
        libc.fsync(fd);
        const name = `mode ${mode} ${offset}+${length}`;
        t.check(name, () => libc.fallocate(fd, mode, offset, length));
        t.check(`${name} content`, () => sum(fd));
        t.close(fd);
      }
    }
    const d = t.open('.', libc.O_RDONLY);
    t.check('of a directory', () => libc.fallocate(d, 0, 0, 10));
  },

  'where data and holes are': (t) => {
    const fd = t.open('f');
    libc.ftruncate(fd, 1 << 20);
    for (const at of [0, 128 * K, 512 * K]) libc.pwriteFully(fd, bytes(64 * K, at), at);
    libc.fsync(fd);
    t.check('written in parts', () => layout(fd));
    libc.fallocate(fd, 3, 144 * K, 16 * K);
    t.check('punched', () => layout(fd));
    libc.fallocate(fd, 17, 520 * K, 8 * K);
    libc.fsync(fd);
    t.check('zeroed', () => sum(fd));
    t.check('data beyond the end', () => libc.lseek(fd, 2 << 20, libc.SEEK_DATA));
    t.check('data in the last hole', () => libc.lseek(fd, 900 * K, libc.SEEK_DATA));
    t.check('a hole at the end', () => libc.lseek(fd, (1 << 20) - 1, libc.SEEK_HOLE));
    t.check('less than nothing', () => libc.lseek(fd, -1, libc.SEEK_DATA));
    t.check('another whence', () => libc.lseek(fd, 0, 9));
    t.check('from the end', () => libc.lseek(fd, -100, libc.SEEK_END));
  },

  'a sparse file of 1 TiB': (t) => {
    const fd = t.open('f');
    const end = 2 ** 40;
    t.check('truncate', () => libc.ftruncate(fd, end));
    t.check('write at the end', () => libc.pwrite(fd, Buffer.from('last'), end - 4));
    t.check('write in the middle', () => libc.pwrite(fd, Buffer.from('middle'), end / 2 + 5));
    t.check('read', () => [text(fd, end / 2 + 5, 6), text(fd, end - 4, 10), text(fd, end, 10)]);
    libc.fsync(fd);
    t.check('layout', () => layout(fd));
    t.check('size', () => t.stat('f'));
    t.check('few blocks', () => libc.fstat(fd).blocks < 1000);
    t.check('shorter', () => libc.ftruncate(fd, 10));
  },

  'direct and synchronous': (t) => {
    const aligned = new Uint8Array(new WebAssembly.Memory({ initial: 1 }).buffer);
    aligned.set(bytes(8 * K, 7));
    const fd = t.open('f', libc.O_RDWR | libc.O_CREAT | libc.O_DIRECT);
    t.check('write', () => libc.pwrite(fd, aligned.subarray(0, 8 * K), 4 * K));
    t.check('read', () => libc.pread(fd, aligned.subarray(0, 16 * K), 0));
    t.check('sum', () =>
      createHash('md5')
        .update(aligned.subarray(0, 12 * K))
        .digest('hex'),
    );
    for (const flag of [libc.O_SYNC, libc.O_DSYNC]) {
      const s = t.open('g', libc.O_RDWR | libc.O_CREAT | flag);
      t.check('write synchronously', () => libc.pwrite(s, Buffer.from('durable'), 0));
    }
  },

  'copies within and across': (t) => {
    const a = t.open('a');
    const b = t.open('b');
    libc.pwriteFully(a, bytes(200_000, 3), 0);
    t.check('across', () => calls.copyFileRange(a, 100, b, 5000, 150_000));
    t.check('content', () => sum(b));
    t.check('beyond the end', () => calls.copyFileRange(a, 190_000, b, 0, 50_000));
    t.check('from the end', () => calls.copyFileRange(a, 200_000, b, 0, 10));
    t.check('content again', () => sum(b));
    t.check('within, apart', () => calls.copyFileRange(a, 0, a, 300_000, 1000));
    t.check('within, overlapping', () => calls.copyFileRange(a, 0, a, 500, 1000));
    t.check('content of the first', () => sum(a));
    const r = t.open('a', libc.O_RDONLY);
    t.check('into a reader', () => calls.copyFileRange(b, 0, r, 0, 10));
    const p = t.open('b', libc.O_RDWR | libc.O_APPEND);
    t.check('into an appender', () => calls.copyFileRange(a, 0, p, 0, 10));
    t.check('of a directory', () => calls.copyFileRange(t.root, 0, b, 0, 10));
    const elsewhere = libc.openat(libc.AT_FDCWD, '/proc/self/exe', libc.O_RDONLY);
    t.check('from another file system by sendfile', () => calls.sendfile(b, elsewhere, 0, 1000));
    libc.close(elsewhere);
    t.check('sendfile', () => calls.sendfile(b, a, 0, 10_000));
    t.check('content after it', () => libc.fstat(b).size);
    const { readFd, writeFd } = libc.pipe();
    t.check('splice out', () => calls.splice(a, 1000, writeFd, null, 4096));
    t.check('splice in', () => calls.splice(readFd, null, b, 100, 4096));
    t.check('content after both', () => text(b, 100, 20));
    libc.close(readFd);
    libc.close(writeFd);
  },

  'memory mapped': (t) => {
    t.put('f', bytes(10_000, 1));
    const fd = t.open('f', libc.O_RDWR);
    const shared = new calls.Mapping(fd, 16 * K, calls.MAP_SHARED);
    const mine = new calls.Mapping(fd, 16 * K, calls.MAP_PRIVATE);
    t.check('read', () => shared.read(100, 20));
    t.check('write', () => shared.write(5000, 'through memory'));
    t.check('msync', () => shared.sync());
    t.check('seen by read', () => text(fd, 5000, 14));
    libc.pwrite(fd, Buffer.from('by a call'), 200);
    t.check('a write is seen', () => shared.read(200, 9));
    mine.write(300, 'private');
    t.check('private is not seen', () => text(fd, 300, 7) === 'private');
    const { readFd, writeFd } = libc.pipe();
    t.check('in the last page', () => mine.touch(12_000, writeFd));
    t.check('past the last page', () => shared.touch(13 * K, writeFd));
    libc.ftruncate(fd, 4096);
    t.check('cut off', () => shared.touch(5000, writeFd));
    libc.ftruncate(fd, 9000);
    t.check('grown again', () => shared.read(5000, 14));
    t.check('not synced', () => shared.write(8000, 'left to the kernel'));
    shared.end();
    mine.end();
    libc.fsync(fd);
    t.check('there after the end', () => text(fd, 8000, 18));
    const r = t.open('f', libc.O_RDONLY);
    t.check('a reader to write', () => new calls.Mapping(r, 4096, calls.MAP_SHARED));
    const w = t.open('f', libc.O_WRONLY);
    t.check('a writer', () => new calls.Mapping(w, 4096, calls.MAP_SHARED));
    libc.close(readFd);
    libc.close(writeFd);
  },

  'files without a name': (t) => {
    t.put('f', 'x');
    const fd = t.open('f', libc.O_RDWR);
    libc.linkat(t.root, 'f', t.root, 'g');
    libc.unlinkat(t.root, 'f');
    libc.unlinkat(t.root, 'g');
    t.check('write', () => libc.pwrite(fd, Buffer.from('more'), 1));
    t.check('read', () => text(fd, 0, 10));
    t.check('links', () => libc.fstat(fd).nlink);
    t.check('chmod', () => libc.fchmod(fd, 0o600));
    t.check('xattr', () => libc.fsetxattr(fd, 'user.a', Buffer.from('1')));
    t.check('truncate', () => libc.ftruncate(fd, 100));
    t.check('times', () => libc.futimens(fd, 1n, 2n));
    t.check('link again', () => libc.linkat(libc.AT_FDCWD, `/proc/self/fd/${fd}`, t.root, 'h', libc.AT_SYMLINK_FOLLOW));
    t.check('open again', () => libc.close(libc.openat(libc.AT_FDCWD, `/proc/self/fd/${fd}`, libc.O_RDWR)));
    libc.mkdirat(t.root, 'd', 0o755);
    const d = t.open('d', libc.O_RDONLY);
    libc.unlinkat(t.root, 'd', libc.AT_REMOVEDIR);
    t.check('create in a removed directory', () => libc.openat(d, 'x', libc.O_CREAT | libc.O_RDWR, 0o600));
    t.check('list it', () => libc.readEntries(d).length);
    t.check('its links', () => libc.fstat(d).nlink);
    t.check('its parent', () => libc.statat(d, '..').nlink > 0);
    t.check('chmod of it', () => libc.fchmod(d, 0o700));
  },
};
