import * as libc from '../../agent/platform/libc.ts';

/** A generator of numbers that a seed repeats exactly (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * limit);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  bytes(length: number): Buffer {
    return Buffer.alloc(length, this.below(255) + 1);
  }
}

/** A directory that operations run in, with the files that they left open. */
export interface Place {
  readonly root: number;
  readonly open: (number | undefined)[];
}

/** One operation with its arguments fixed, to be run in several places. Returns what a caller sees. */
export interface Operation {
  readonly name: string;
  readonly run: (place: Place) => unknown;
}

const slots = 4;
const names = ['a', 'b', 'c', 'd', '\xe4\xff', 'e f'];

const acl = (...entries: [tag: number, permissions: number, id: number][]): Buffer => {
  const bytes = Buffer.alloc(4 + entries.length * 8);
  bytes.writeUInt32LE(2, 0);
  entries.forEach(([tag, permissions, id], index) => {
    bytes.writeUInt16LE(tag, 4 + index * 8);
    bytes.writeUInt16LE(permissions, 6 + index * 8);
    bytes.writeUInt32LE(id, 8 + index * 8);
  });
  return bytes;
};

/** Chooses the next operation. */
export function chooseOperation(random: Random): Operation {
  const path = (): string => {
    const depth = random.pick([0, 0, 1, 1, 2]);
    return Array.from({ length: depth + 1 }, () => random.pick(names)).join('/');
  };
  const slot = random.below(slots);
  const p = path();
  const q = path();
  const offset = random.pick([0, random.below(5000), random.below(300_000)]);
  const size = random.pick([1, random.below(5000), random.below(70_000)]);
  const data = random.bytes(size);
  const mode = random.pick([0o644, 0o600, 0o755, 0o4755, 0o2755, 0o2644, 0o1777, 0]);
  const uid = random.pick([0, 1000, 1001, null]);
  // Both null would clear set-id bits on a local file system; FUSE never hears of it.
  const gid = random.pick(uid === null ? [0, 1000, 1002] : [0, 1000, 1002, null]);
  const time = BigInt(random.below(1_700_000_000)) * 1_000_000_000n + BigInt(random.below(1_000_000_000));
  const otherTime = random.pick([null, time / 2n]);
  const attribute = random.pick(['user.one', 'user.two', 'trusted.three', 'security.four']);
  const exclusive = random.pick([0, libc.O_EXCL, libc.O_TRUNC, libc.O_APPEND]);

  const openSlot = (name: string, file: string, flags: number, creationMode = 0): Operation => ({
    name: `${name} ${file} -> slot ${slot}`,
    run: (place) => {
      const fd = libc.openat(place.root, file, flags | libc.O_NONBLOCK, creationMode);
      const old = place.open[slot];
      if (old !== undefined) libc.close(old);
      place.open[slot] = fd;
      return 'opened';
    },
  });
  const withSlot = (name: string, action: (fd: number) => unknown): Operation => ({
    name: `${name} slot ${slot}`,
    run: (place) => {
      const fd = place.open[slot];
      return fd === undefined ? 'closed' : action(fd);
    },
  });
  const at = (name: string, action: (root: number) => unknown): Operation => ({
    name,
    run: (place) => action(place.root),
  });
  const describe = (stat: libc.FileStat): unknown => ({
    mode: stat.mode,
    nlink: stat.nlink,
    uid: stat.uid,
    gid: stat.gid,
    rdev: stat.rdev,
    size: (stat.mode & libc.S_IFMT) === libc.S_IFDIR ? 0 : stat.size,
  });
  const read = (fd: number): unknown => {
    const buffer = Buffer.alloc(size);
    const got = libc.pread(fd, buffer, offset);
    return buffer.subarray(0, got).toString('hex');
  };

  const choices: (() => Operation)[] = [
    () => openSlot('create', p, libc.O_CREAT | libc.O_RDWR | exclusive, mode),
    () => openSlot('create', p, libc.O_CREAT | libc.O_RDWR | exclusive, mode),
    () => openSlot('open', p, libc.O_RDWR | random.pick([0, libc.O_TRUNC, libc.O_APPEND])),
    () => openSlot('open to read', p, random.pick([libc.O_RDONLY, libc.O_RDONLY | libc.O_DIRECTORY])),
    () => withSlot(`write ${size} at ${offset}`, (fd) => libc.pwrite(fd, data, offset)),
    () => withSlot(`write ${size} at ${offset}`, (fd) => libc.pwrite(fd, data, offset)),
    () => withSlot(`append ${size}`, (fd) => libc.write(fd, data)),
    () => withSlot(`truncate to ${offset}`, (fd) => libc.ftruncate(fd, offset)),
    () => withSlot(`read ${size} at ${offset}`, read),
    () => withSlot('stat', (fd) => describe(libc.fstat(fd))),
    () => withSlot(`chmod ${mode.toString(8)}`, (fd) => libc.fchmod(fd, mode)),
    () => withSlot('chown', (fd) => libc.fchown(fd, uid, gid)),
    () => withSlot('utimens', (fd) => libc.futimens(fd, time, otherTime)),
    () => withSlot(`set ${attribute}`, (fd) => libc.fsetxattr(fd, attribute, data.subarray(0, 100))),
    () => withSlot('sync', random.pick([libc.fsync, libc.fdatasync])),
    () => {
      const how = random.pick([0, 1, 3, 16, 17]);
      return withSlot(`fallocate ${how} ${offset}+${size}`, (fd) => libc.fallocate(fd, how, offset, size));
    },
    () => ({
      name: `close slot ${slot}`,
      run: (place) => {
        const fd = place.open[slot];
        if (fd !== undefined) libc.close(fd);
        place.open[slot] = undefined;
        return 'closed';
      },
    }),
    () => at(`mkdir ${p} ${mode.toString(8)}`, (root) => libc.mkdirat(root, p, mode)),
    () => at(`mkdir ${p}`, (root) => libc.mkdirat(root, p, 0o755)),
    () => {
      const [type, rdev] = random.pick([
        [libc.S_IFIFO, 0],
        [libc.S_IFCHR, libc.makeDev(1, 300)],
        [libc.S_IFBLK, libc.makeDev(259, 70_000)],
        [libc.S_IFSOCK, 0],
        [libc.S_IFREG, 0],
      ] as const);
      return at(`mknod ${p} ${type.toString(8)}`, (root) => libc.mknodat(root, p, type | mode, rdev));
    },
    () => at(`symlink ${p}`, (root) => libc.symlinkat(q, root, p)),
    () => at(`link ${p} ${q}`, (root) => libc.linkat(root, p, root, q)),
    () => at(`unlink ${p}`, (root) => libc.unlinkat(root, p)),
    () => at(`rmdir ${p}`, (root) => libc.unlinkat(root, p, libc.AT_REMOVEDIR)),
    () => {
      const flags = random.pick([0, 0, libc.RENAME_NOREPLACE, libc.RENAME_EXCHANGE]);
      return at(`rename ${p} ${q} ${flags}`, (root) => libc.renameat2(root, p, root, q, flags));
    },
    () => at(`chmod ${p} ${mode.toString(8)}`, (root) => libc.chmodat(root, p, mode)),
    () => at(`chown ${p} ${uid} ${gid}`, (root) => libc.chownat(root, p, uid, gid)),
    () => at(`utimens ${p}`, (root) => libc.utimensat(root, p, otherTime, time)),
    () => {
      const flags = random.pick([0, libc.XATTR_CREATE, libc.XATTR_REPLACE]);
      return at(`setxattr ${p} ${attribute} ${flags}`, (root) =>
        libc.setxattrat(root, p, attribute, data.subarray(0, 50), flags),
      );
    },
    () => at(`removexattr ${p} ${attribute}`, (root) => libc.removexattrat(root, p, attribute)),
    () => {
      const which = random.pick(['system.posix_acl_access', 'system.posix_acl_default']);
      const value = acl(
        [1, 7, 0xffffffff],
        [2, 5, 1000],
        [4, 5, 0xffffffff],
        [0x10, random.pick([5, 7]), 0xffffffff],
        [0x20, 0, 0xffffffff],
      );
      return at(`setfacl ${p} ${which}`, (root) => libc.setxattrat(root, p, which, value));
    },
    () => at(`getxattr ${p}`, (root) => libc.getxattrat(root, p, attribute)?.toString('hex')),
    () => at(`listxattr ${p}`, (root) => libc.listxattrat(root, p).sort()),
    () => at(`stat ${p}`, (root) => describe(libc.statat(root, p))),
    () => at(`readlink ${p}`, (root) => libc.readlinkat(root, p)),
    () =>
      at(`list ${p}`, (root) =>
        libc
          .listDirectory(root, p)
          .map((entry) => `${entry.name} ${entry.type}`)
          .sort(),
      ),
  ];
  return random.pick(choices)();
}

/** Runs an operation and says how it went, errors by name. */
export function outcome(operation: Operation, place: Place): unknown {
  try {
    return operation.run(place) ?? 'done';
  } catch (error) {
    if (error instanceof libc.ErrnoError) return error.code;
    throw error;
  }
}
