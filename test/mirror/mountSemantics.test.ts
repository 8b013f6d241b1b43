import { execFile, execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import * as libc from '../../agent/platform/libc.ts';
import { mountFuse } from '../../agent/mirror/mount/mountFuse.ts';
import { bindReadOnly, isDeadMount, mountAt, removeDeadMounts, unmount } from '../../agent/platform/mounts.ts';
import { TestMount } from './mountHarness.ts';

const run = promisify(execFile);
let mount: TestMount | undefined;

afterEach(async () => {
  await mount?.close();
  mount = undefined;
});

/** Runs a shell script in a directory, as a user of its own where asked; its output and exit code are what it sees. */
async function shell(directory: string, script: string, user?: { uid: number; gid: number }): Promise<string> {
  try {
    const { stdout, stderr } = await run('sh', ['-c', script], { cwd: directory, ...user });
    return stdout + stderr;
  } catch (error) {
    const failed = error as { stdout: string; stderr: string; code: number };
    return `${failed.stdout}${failed.stderr}code ${failed.code}`;
  }
}

/** Starts a mount and makes a plain directory beside it; `both` runs a script in each and expects the same. */
async function beside(options?: Parameters<typeof TestMount.start>[0]) {
  const started = await TestMount.start(options);
  mount = started;
  const plain = path.join(started.base, 'plain');
  fs.mkdirSync(plain);
  for (const directory of [plain, started.directory]) fs.chmodSync(directory, 0o777);
  const both = async (script: string, user?: { uid: number; gid: number }): Promise<string> => {
    const expected = await shell(plain, script, user);
    expect(await shell(started.directory, script, user)).toBe(expected);
    return expected;
  };
  return { mount: started, plain, both };
}

const someone = { uid: 1000, gid: 1000 };

describe('for users other than root', () => {
  it('gives files to their makers, with the group of a set-gid directory and their umask', async () => {
    const { both } = await beside();
    await both('mkdir shared plain; chown 0:2000 shared; chmod 2777 shared; chmod 777 plain');
    await both('umask 027; touch shared/f plain/f; mkdir shared/d plain/d; ln -s x shared/s; mkfifo plain/p', someone);
    const listing = await both('stat -c "%n %A %u %g" shared/* plain/*');
    expect(listing).toContain('shared/f -rw-r----- 1000 2000');
    expect(listing).toContain('shared/d drwxr-s--- 1000 2000');
    expect(listing).toContain('plain/f -rw-r----- 1000 1000');
  });

  it('lets a default ACL take the place of the umask', async () => {
    const { mount: started, plain, both } = await beside();
    const acl = Buffer.alloc(4 + 3 * 8);
    acl.writeUInt32LE(2, 0);
    [0x01, 0x04, 0x20].forEach((tag, index) => {
      acl.writeUInt16LE(tag, 4 + index * 8);
      acl.writeUInt16LE(7, 6 + index * 8);
      acl.writeUInt32LE(0xffffffff, 8 + index * 8);
    });
    for (const directory of [plain, started.directory]) {
      fs.mkdirSync(path.join(directory, 'd'), { mode: 0o777 });
      fs.chmodSync(path.join(directory, 'd'), 0o777);
      const fd = libc.openat(libc.AT_FDCWD, directory, libc.O_PATH);
      libc.setxattrat(fd, 'd', 'system.posix_acl_default', acl);
      libc.close(fd);
    }
    expect(await both('umask 077; touch d/f; mkdir d/e; stat -c %A d/f d/e', someone)).toBe('-rw-rw-rw-\ndrwxrwxrwx\n');
  });

  it('refuses what a local directory refuses', async () => {
    const { both } = await beside();
    await both(
      'mkdir -m 700 closed; mkdir -m 1777 sticky; echo x > closed/f; echo x > theirs; touch sticky/theirs; chmod 600 theirs',
    );
    const script = `cat closed/f; cat theirs; echo > theirs; rm -f sticky/theirs; chmod 777 theirs; chown 1000 theirs; mkdir closed/d
      mknod dev c 1 3; ln theirs mine; echo y > sticky/mine && rm sticky/mine && echo removed`;
    const seen = await both(script, someone);
    expect(seen).toContain('Permission denied');
    expect(seen).toContain('Operation not permitted');
    expect(seen).toContain('removed');
  });

  it('clears set-id bits and file capabilities when the content changes', async () => {
    const { mount: started, plain, both } = await beside();
    await both('for f in w t a o; do echo x > $f; chmod 6777 $f; done; echo x > g; chmod 2766 g');
    await both('stat -c "%n %A" *');
    const script =
      'echo y >> w; echo z >> w; : > t; truncate -s 1 a; fallocate -l 9000 o; echo y >> g; stat -c "%n %A" *';
    expect(await both(script, someone)).toContain('w -rwxrwxrwx');
    expect(await both('for f in w t a o; do chmod 6777 $f; echo r >> $f; done; stat -c "%n %A" *')).toContain(
      'w -rwsrwsrwx',
    );
    expect(await both('chown 5:5 w; stat -c "%n %A" w')).toContain('w -rwxrwxrwx');
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
    for (const directory of [plain, started.directory]) {
      const fd = libc.openat(libc.AT_FDCWD, path.join(directory, 't'), libc.O_RDWR);
      libc.fsetxattr(fd, 'security.capability', capability);
      expect(libc.fgetxattr(fd, 'security.capability')?.equals(capability)).toBe(true);
      libc.pwrite(fd, Buffer.from('new'), 0);
      expect(libc.fgetxattr(fd, 'security.capability')).toBeNull();
      libc.close(fd);
    }
  });
});

describe('names', () => {
  it('takes 255 bytes and not one more', async () => {
    const { both } = await beside();
    await both(`touch $(printf '%0255d' 1) && ls`);
    expect(await both(`touch $(printf '%0256d' 1)`)).toContain('File name too long');
  });

  it('lists, removes and renames large trees', async () => {
    const { both } = await beside();
    await both(
      'for d in 1 2 3; do mkdir -p x/$d; for i in $(seq 400); do : > x/$d/file-$i; done; done; ls -R | sort | md5sum',
    );
    await both(
      'mv x/1 x/2/moved; mv x y; ls y/2/moved | wc -l; echo new > y/2/moved/file-1; cat y/2/moved/file-1; rm -r y; ls',
    );
  });
});

describe('what is replicated', () => {
  it('names files by paths that are right at the time, and leaves out files without a name', async () => {
    const { mount: started } = await beside();
    fs.mkdirSync(started.path('one/two'), { recursive: true });
    const fd = fs.openSync(started.path('one/two/file'), 'w');
    fs.renameSync(started.path('one'), started.path('uno'));
    fs.writeSync(fd, 'a', 0);
    fs.linkSync(started.path('uno/two/file'), started.path('other'));
    fs.unlinkSync(started.path('uno/two/file'));
    fs.writeSync(fd, 'b', 0);
    fs.writeFileSync(started.path('replacement'), '');
    fs.renameSync(started.path('replacement'), started.path('other'));
    fs.writeSync(fd, 'c', 0);
    expect(fs.readFileSync(`/proc/self/fd/${fd}`, 'utf8')).toBe('c');
    fs.closeSync(fd);
    const paths = started.mutations().flatMap((each) => (each['kind'] === 'write' ? [each['file']] : []));
    expect(paths).toMatchObject([{ path: 'uno/two/file' }, { path: 'other' }]);
    const kinds = started.mutations().map((each) => each['kind']);
    expect(kinds.filter((kind) => kind === 'released').length).toBeGreaterThan(0);
  });

  it('finds the other name of a file with hard links that were never looked at', async () => {
    mount = await TestMount.start({}, (directory) => {
      fs.mkdirSync(path.join(directory, 'deep/er'), { recursive: true });
      fs.writeFileSync(path.join(directory, 'known'), '');
      fs.linkSync(path.join(directory, 'known'), path.join(directory, 'deep/er/unknown'));
    });
    const fd = fs.openSync(mount.path('known'), 'r+');
    fs.unlinkSync(mount.path('known'));
    fs.writeSync(fd, 'x');
    fs.closeSync(fd);
    expect(mount.mutations().find((each) => each['kind'] === 'write')).toMatchObject({
      file: { path: 'deep/er/unknown' },
    });
    expect(fs.readFileSync(mount.path('deep/er/unknown'), 'utf8')).toBe('x');
  });

  it('hears of every request for durability, of O_SYNC and O_DSYNC too', async () => {
    const { mount: started } = await beside();
    for (const flag of [libc.O_DSYNC, libc.O_SYNC]) {
      const fd = fs.openSync(started.path('f'), libc.O_RDWR | libc.O_CREAT | flag);
      fs.writeSync(fd, 'x');
      fs.closeSync(fd);
    }
    const directory = fs.openSync(started.directory, 'r');
    fs.fsyncSync(directory);
    fs.closeSync(directory);
    const order = started.mutations().map((each) => each['kind']);
    expect(order.filter((kind) => kind !== 'released' && kind !== 'chmod')).toEqual([
      'create',
      'write',
      'flush',
      'write',
      'flush',
      'flush',
    ]);
  });

  it('refuses what the sink refuses, and changes nothing then', async () => {
    mount = await TestMount.start({ refuse: 'full' });
    const refused = (action: () => void): void => expect(action).toThrow(/ENOSPC/);
    refused(() => fs.writeFileSync(mount?.path('full') ?? '', 'x'));
    refused(() => fs.mkdirSync(mount?.path('full') ?? ''));
    fs.writeFileSync(mount.path('other'), 'kept');
    refused(() => fs.renameSync(mount?.path('other') ?? '', mount?.path('full') ?? ''));
    expect(fs.readdirSync(mount.directory)).toEqual(['other']);
  });
});

describe('a full disk', () => {
  it('replicates what was written, and not what was not', async () => {
    mount = await TestMount.start({}, (directory) => libc.mount('none', directory, 'tmpfs', 0, 'size=1m'));
    const fd = fs.openSync(mount.path('f'), 'w');
    const chunk = Buffer.alloc(700_000, 1);
    let written = 0;
    expect(() => {
      for (;;) written += fs.writeSync(fd, chunk);
    }).toThrow(/ENOSPC/);
    expect(fs.fstatSync(fd).size).toBe(written);
    fs.closeSync(fd);
    const told = mount.mutations().flatMap((each) => (each['kind'] === 'write' ? [each['data'] as Buffer] : []));
    expect(told.reduce((sum, data) => sum + data.length, 0)).toBe(written);
    fs.rmSync(mount.path('f'));
    // The kernel may tell a few requests later that it has no more use for a file without a name; its room is free from then on.
    const next = mount.path('g');
    await vi.waitFor(() => fs.writeFileSync(next, chunk), 15_000);
    await mount.unmount();
    libc.umount(mount.directory, libc.MNT_DETACH);
  });
});

describe('direct I/O', () => {
  it.each([false, true])('reads back what it wrote (passed on: %s)', async (keepDirect) => {
    const { both } = await beside({ session: { keepDirect } });
    await both(`seq 300000 > /tmp/$$; dd if=/tmp/$$ of=f bs=64k oflag=direct conv=fsync status=none; rm /tmp/$$
      dd if=f bs=64k iflag=direct status=none | md5sum; dd if=f bs=4k skip=3 count=2 iflag=direct status=none | md5sum`);
  });
});

describe('reads that wait for the disk', () => {
  it('are answered right, many at once, beside writes', async () => {
    const content = randomBytes(12 << 20);
    mount = await TestMount.start({}, (directory) => {
      fs.writeFileSync(path.join(directory, 'f'), content);
      // Out of the page cache with it.
      execFileSync('dd', [
        `of=${path.join(directory, 'f')}`,
        'oflag=nocache',
        'conv=notrunc,fdatasync',
        'count=0',
        'status=none',
      ]);
    });
    const expected = createHash('md5').update(content).digest('hex');
    const sum = `dd if=f bs=8k iflag=direct status=none | md5sum & md5sum < f & dd if=/dev/zero of=g bs=4k count=500 status=none & wait`;
    expect(await shell(mount.directory, sum)).toBe(`${expected}  -\n${expected}  -\n`);
  });
});

describe('bad input', () => {
  it('says what to do about a directory that cannot be mirrored', async () => {
    mount = await TestMount.start();
    const { directory, base } = mount;
    const options = { fsName: 'understudy-test:none' };
    expect(() => mountFuse(directory, options)).toThrow(/is already a mirror .*stop that module/);
    expect(() => mountFuse(path.join(base, 'missing'), options)).toThrow(/does not exist: create it first/);
    fs.writeFileSync(path.join(base, 'file'), '');
    expect(() => mountFuse(path.join(base, 'file'), options)).toThrow(/is not a directory/);
  });
});

describe('a read-only cover', () => {
  it('keeps everyone from writing until it is taken away', async () => {
    const { plain, mount: started } = await beside();
    fs.writeFileSync(path.join(plain, 'f'), 'x');
    bindReadOnly(plain);
    try {
      expect(() => fs.writeFileSync(path.join(plain, 'f'), 'y')).toThrow(/EROFS/);
      expect(fs.readFileSync(path.join(plain, 'f'), 'utf8')).toBe('x');
      expect(mountAt(plain)?.options).toContain('ro');
    } finally {
      expect(unmount(plain)).toBe('unmounted');
    }
    expect(unmount(plain)).toBe('not mounted');
    fs.writeFileSync(path.join(plain, 'f'), 'y');
    expect(started.logged).toEqual([]);
  });
});

describe('the dispatcher', () => {
  it('leaves answers to another thread', async () => {
    const { both } = await beside({ deferMs: 3 });
    await both('echo a > f; mv f g; mkdir d; ln g d/h; cat d/h; : > g; sync g; rm -r d; ls -l g | cut -c1-10');
  });

  it('does idle work when nothing waits and goes on when it is woken', async () => {
    mount = await TestMount.start({ idleSteps: 1000 });
    fs.writeFileSync(mount.path('f'), 'x');
    mount.send('wake');
    await mount.message('woken');
    await mount.message('idle work done');
    fs.writeFileSync(`${mount.logFile}.stop`, '');
    mount.send('wake');
    expect(await mount.message('ended')).toMatchObject({ end: 'stopped' });
    // The session has left: only an abort frees who waits now.
    const waiting = fs.promises.readFile(mount.path('g')).catch((error: unknown) => (error as { code: string }).code);
    mount.send('abort');
    expect(['ECONNABORTED', 'ENOTCONN']).toContain(await waiting);
  });

  it('ends when the connection is aborted, and the files are plain again', async () => {
    mount = await TestMount.start();
    fs.writeFileSync(mount.path('f'), 'x');
    mount.send('abort');
    expect(await mount.message('ended')).toMatchObject({ end: 'unmounted' });
    expect(isDeadMount(mount.directory)).toBe(true);
    expect(removeDeadMounts(mount.directory, mount.fsName)).toBe(1);
    expect(fs.readFileSync(mount.path('f'), 'utf8')).toBe('x');
  });

  it('leaves a dead mount behind when it is killed, which is found and removed', async () => {
    mount = await TestMount.start();
    const fd = fs.openSync(mount.path('f'), 'w');
    fs.writeSync(fd, 'x');
    await mount.kill('SIGKILL');
    expect(() => fs.writeSync(fd, 'y')).toThrow(/ENOTCONN|ECONNABORTED/);
    fs.closeSync(fd);
    expect(mountAt(mount.directory)).toMatchObject({ type: 'fuse.understudy', source: mount.fsName });
    expect(removeDeadMounts(mount.directory, 'somebody-else')).toBe(0);
    expect(removeDeadMounts(mount.directory, mount.fsName)).toBe(1);
    expect(mountAt(mount.directory)).toBeNull();
    expect(fs.readFileSync(mount.path('f'), 'utf8')).toBe('x');
  });
});

describe('real programs', () => {
  it('keeps a git repository whole', async () => {
    mount = await TestMount.start();
    const script = `git init -q . && git config user.email a@b && git config user.name a && for i in $(seq 60); do echo $i > f$i; done
      git add . && git commit -qm one && git mv f1 g1 && git commit -qam two && git gc -q && git fsck --strict && git status --short`;
    expect(await shell(mount.directory, script)).toBe('');
    await mount.unmount();
    expect(await shell(mount.directory, 'git fsck --strict && git log --format=%s')).toBe('two\none\n');
  });

  it('takes a tree with all attributes by tar and gives it back', async () => {
    const { plain, mount: started } = await beside();
    const archive = path.join(started.base, 'tree.tar');
    await shell(
      plain,
      'mkdir -p a/b; echo x > a/f; ln a/f a/b/g; ln -s ../f a/b/s; mkfifo a/p; chown 7:8 a/f; chmod 4711 a/f; truncate -s 5M a/sparse',
    );
    await shell(plain, `tar --format=posix --sparse -cf ${archive} a`);
    const listing = 'find a -printf "%p %M %U %G %n %s %l %T@\\n" | sort; md5sum a/f a/sparse; du -k a/sparse';
    expect(await shell(started.directory, `tar -xpf ${archive}; ${listing}`)).toBe(await shell(plain, listing));
  });
});
