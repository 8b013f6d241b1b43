import * as libc from '../../../agent/platform/libc.ts';
import * as calls from './calls.ts';
import type { CaseList } from './case.ts';

const { lock, lockType } = calls;
const MANY = 1000;

export const sharingCases: CaseList = {
  'locks of whole files': (t) => {
    t.put('f', 'x');
    const [a, b] = [t.open('f', libc.O_RDWR), t.open('f', libc.O_RDWR)];
    const take = (what: string, fd: number, how: number): void =>
      t.check(what, () => calls.flock(fd, how | lock.nonBlocking));
    take('a shared', a, lock.shared);
    take('b shared', b, lock.shared);
    take('a upgraded', a, lock.exclusive);
    take('b let go', b, lock.unlock);
    take('a upgraded again', a, lock.exclusive);
    take('b shared again', b, lock.shared);
    t.close(a);
    take('after a was closed', b, lock.exclusive);
    const r = t.open('f', libc.O_RDONLY);
    take('a reader', r, lock.exclusive);
    take('b let go', b, lock.unlock);
    take('a reader exclusively', r, lock.exclusive);
    take('of a directory', t.root, lock.exclusive);
    t.check('nothing', () => calls.flock(r, 0));
  },

  'locks of ranges': (t) => {
    t.put('f', 'x'.repeat(100));
    const [a, b, r] = [t.open('f', libc.O_RDWR), t.open('f', libc.O_RDWR), t.open('f', libc.O_RDONLY)];
    const set = (fd: number, type: number, start: number, length: number): void =>
      t.check(`description ${type} ${start}+${length}`, () =>
        calls.rangeLock(fd, 'description', 'set', type, start, length),
      );
    set(a, lockType.write, 0, 20);
    set(b, lockType.read, 10, 20);
    set(b, lockType.read, 20, 20);
    set(a, lockType.read, 20, 0);
    set(a, lockType.write, 20, 0);
    t.check('who has it', () => calls.rangeLock(b, 'description', 'get', lockType.write, 0, 0));
    set(a, lockType.unlock, 0, 10);
    set(b, lockType.write, 0, 10);
    set(r, lockType.write, 90, 1);
    set(a, lockType.write, -5, 2);
    t.close(a);
    set(b, lockType.write, 0, 0);
    set(b, lockType.unlock, 0, 0);
    t.check('of this process', () => calls.rangeLock(b, 'process', 'set', lockType.write, 10, 10));
    t.check('another process', () => t.otherProcess('f'));
    t.check('downgraded', () => calls.rangeLock(b, 'process', 'set', lockType.read, 10, 10));
    t.check('another process again', () => t.otherProcess('f'));
    // Closing any descriptor of the file lets the locks of the process go.
    t.close(r);
    t.check('after a close', () => t.otherProcess('f'));
    t.check('beyond everything', () => calls.rangeLock(b, 'process', 'set', lockType.write, 2 ** 53, 0));
  },

  leases: (t) => {
    t.put('f', 'x');
    const fd = t.open('f', libc.O_RDONLY);
    t.check('to read', () => calls.fcntl(fd, calls.F_SETLEASE, lockType.read));
    t.check('is', () => calls.fcntl(fd, calls.F_GETLEASE, 0));
    t.check('off', () => calls.fcntl(fd, calls.F_SETLEASE, lockType.unlock));
  },

  'many files open at once': (t) => {
    const fds: number[] = [];
    t.check('opened', () => {
      for (let at = 0; at < MANY; at++) fds.push(t.open(`file-${at}`));
      return fds.length;
    });
    t.check('written', () => fds.reduce((sum, fd, at) => sum + libc.pwrite(fd, Buffer.from(`content ${at}`), 0), 0));
    t.check('written again', () =>
      fds.reduce((sum, fd, at) => sum + libc.pwrite(fd, Buffer.from(`again ${at}`), 20), 0),
    );
    t.check('synced', () => {
      for (const fd of fds.slice(0, 20)) libc.fsync(fd);
    });
    t.check('sizes', () => fds.reduce((sum, fd) => sum + libc.fstat(fd).size, 0));
    t.check('removed while open', () => {
      for (let at = 0; at < MANY / 2; at++) libc.unlinkat(t.root, `file-${at}`);
    });
    t.check('written without names', () => fds.reduce((sum, fd) => sum + libc.pwrite(fd, Buffer.from('last'), 40), 0));
  },

  'the file system': (t) => {
    t.check('statfs', () => {
      const { bsize, frsize, nameMax, blocks, files } = libc.fstatfs(t.root);
      return { bsize, frsize, nameMax, blocks, files };
    });
    t.put('f', 'x'.repeat(10_000));
    t.check('blocks', () => {
      const { blocks, blksize } = libc.statat(t.root, 'f') as unknown as { blocks: number; blksize: number };
      return [blocks > 0, blksize];
    });
    t.check('remove what is in use', () => libc.unlinkat(libc.AT_FDCWD, '/proc', libc.AT_REMOVEDIR));
    const fd = t.open('f', libc.O_RDWR);
    t.check('syncfs', () => libc.syncfs(fd));
    t.check('sync of a directory', () => libc.fsync(t.root));
    t.check('datasync of a directory', () => libc.fdatasync(t.root));
  },
};
