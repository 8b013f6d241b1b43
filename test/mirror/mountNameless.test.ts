import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import * as libc from '../../agent/platform/libc.ts';
import { Pair, settle } from './pairHarness.ts';
import { snapshot } from './mountReplay.ts';

let pair: Pair | undefined;
const opened: number[] = [];

afterEach(async () => {
  for (const fd of opened.splice(0)) libc.close(fd);
  await pair?.remove();
  pair = undefined;
});

/** A pair in step, and a plain directory on the same disk; what is done is done in both. */
async function beside() {
  pair = await new Pair().open();
  await pair.serve(pair.alpha);
  await pair.join(pair.alpha, pair.beta);
  const plain = path.join(pair.alpha.base, 'plain');
  fs.mkdirSync(plain);
  const { alpha, beta } = pair;
  /** Runs an action in both directories; both have to answer the same, errors by their name. */
  const both = (action: (root: number) => unknown): unknown => {
    const [expected, actual] = [plain, alpha.directory].map((directory) => {
      const root = keep(libc.openat(libc.AT_FDCWD, directory, libc.O_PATH | libc.O_DIRECTORY));
      try {
        return action(root) ?? 'done';
      } catch (error) {
        if (error instanceof libc.ErrnoError) return error.code;
        throw error;
      }
    });
    expect(actual).toEqual(expected);
    return expected;
  };
  /** Both replicas are equal in everything, and the primary is as the plain directory but for times. */
  const allEqual = async (): Promise<void> => {
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
    const withoutTimes = (directory: string) =>
      [...snapshot(directory)]
        .filter(([name]) => name !== '')
        .map(([name, entry]) => [name, { ...entry, mtime: null }]);
    expect(withoutTimes(alpha.directory)).toEqual(withoutTimes(plain));
    expect(alpha.seen.filter((event) => event.type === 'peerLost')).toEqual([]);
  };
  return { alpha, beta, both, allEqual };
}

function keep(fd: number): number {
  opened.push(fd);
  return fd;
}

const linkFd = (fd: number, root: number, name: string): void =>
  libc.linkat(libc.AT_FDCWD, `/proc/self/fd/${fd}`, root, name, libc.AT_SYMLINK_FOLLOW);

describe('a file that is made without a name', () => {
  it('is on both replicas, whole, once it has one', async () => {
    const { beta, both, allEqual } = await beside();
    expect(
      both((root) => {
        const fd = keep(libc.openat(root, '.', libc.O_TMPFILE | libc.O_RDWR, 0o6640));
        libc.pwriteFully(fd, Buffer.alloc(300_000, 7), 5 * 2 ** 30);
        libc.fchown(fd, 1000, 1001);
        libc.fsetxattr(fd, 'user.one', Buffer.from('value'));
        const before = libc.fstat(fd);
        linkFd(fd, root, 'first');
        libc.pwriteFully(fd, Buffer.from('later'), 0);
        linkFd(fd, root, 'second');
        libc.fsync(fd);
        const after = libc.fstat(fd);
        return [before.nlink, before.size, after.nlink, after.mode, after.uid, after.gid];
      }),
    ).toEqual([0, 5 * 2 ** 30 + 300_000, 2, 0o102640, 1000, 1001]);
    const copy = fs.statSync(path.join(beta.directory, 'first'));
    expect(copy.nlink).toBe(2);
    expect(copy.blocks * 512).toBeLessThan(1 << 20);
    both((root) => {
      const fd = keep(libc.openat(root, 'first', libc.O_RDWR));
      libc.ftruncate(fd, 5);
    });
    await allEqual();
  });

  it('is refused, and gone, as in a local directory', async () => {
    const { beta, both, allEqual } = await beside();
    // With O_EXCL it can never have a name.
    expect(
      both((root) => {
        linkFd(keep(libc.openat(root, '.', libc.O_TMPFILE | libc.O_RDWR | libc.O_EXCL, 0o600)), root, 'never');
      }),
    ).toBe('ENOENT');
    both((root) => libc.close(libc.openat(root, 'there', libc.O_CREAT | libc.O_RDWR, 0o600)));
    expect(
      both((root) => linkFd(keep(libc.openat(root, '.', libc.O_TMPFILE | libc.O_RDWR, 0o600)), root, 'there')),
    ).toBe('EEXIST');
    expect(both((root) => libc.openat(root, 'there', libc.O_TMPFILE | libc.O_RDWR, 0o600))).toBe('ENOTDIR');
    expect(both((root) => libc.openat(root, '.', libc.O_TMPFILE, 0o600))).toBe('EINVAL');
    // One whose names are all gone does not come back either.
    expect(
      both((root) => {
        const fd = keep(libc.openat(root, 'gone', libc.O_CREAT | libc.O_RDWR, 0o600));
        libc.unlinkat(root, 'gone');
        linkFd(fd, root, 'again');
      }),
    ).toBe('ENOENT');
    expect(fs.readdirSync(beta.directory)).toEqual(['there']);
    await allEqual();
  });
});

describe('a rename that leaves a whiteout', () => {
  it('leaves it on both replicas', async () => {
    const { both, allEqual } = await beside();
    both((root) => libc.close(libc.openat(root, 'from', libc.O_CREAT | libc.O_RDWR, 0o600)));
    expect(both((root) => libc.renameat2(root, 'from', root, 'to', libc.RENAME_WHITEOUT))).toBe('done');
    expect(both((root) => [libc.statat(root, 'from').mode, libc.statat(root, 'from').rdev])).toEqual([0o020000, 0]);
    expect(both((root) => libc.renameat2(root, 'to', root, 'from', libc.RENAME_WHITEOUT | libc.RENAME_EXCHANGE))).toBe(
      'EINVAL',
    );
    await allEqual();
  });
});
