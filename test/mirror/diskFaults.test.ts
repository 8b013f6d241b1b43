import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe as suite, expect, test } from 'vitest';
import { errnos } from '../../agent/platform/libc.ts';
import { cleanUp } from '../support/cleanUp.ts';
import { FaultDisk } from './faultDisk.ts';
import { GuestProgram } from './guestProgram.ts';
import { Pair, settle, type TestHost } from './pairHarness.ts';

const cleanups: (() => unknown)[] = [];
afterEach(() => cleanUp(cleanups.splice(0).reverse()));

const run = (program: string, ...args: string[]) => execFileSync(program, args, { stdio: 'pipe' });

function guest(script: string, ...args: string[]): GuestProgram {
  const started = new GuestProgram(script, ...args);
  cleanups.push(() => started.kill());
  return started;
}

async function openPair(side: 'alpha' | 'beta', directory: string, acknowledgeTimeoutMs = 20_000): Promise<Pair> {
  const pair = await new Pair({ both: { acknowledgeTimeoutMs }, [side]: { directory } }).open();
  cleanups.push(() => pair.remove());
  await pair.serve(pair.alpha);
  await pair.join(pair.alpha, pair.beta);
  return pair;
}

async function faultDisk(): Promise<{ disk: FaultDisk; directory: string }> {
  const disk = await FaultDisk.make(64);
  cleanups.push(() => disk.remove());
  return { disk, directory: path.join(disk.mountPoint, 'data') };
}

/** The disk answers no more, until it is told to resume or the test is over. */
async function hold(disk: FaultDisk, afterWrites: number): Promise<void> {
  cleanups.push(() => disk.order({ do: 'resume' }));
  await disk.order({ do: 'hold', afterWrites });
}

const losses = ({ seen }: TestHost, from = 0) => seen.slice(from).filter(({ type }) => type === 'peerLost');
const durableWrite = 'dd if=/dev/zero of="$1" bs=4k count="$2" conv=notrunc,fsync status=none && echo durable';

/** A file system of its own that can be made read-only, for those that open files from then on. */
function readOnlySwitch(): { directory: string; set: (isReadOnly: boolean) => void } {
  const directory = fs.mkdtempSync('/tmp/us-switch-');
  run('mount', '-t', 'tmpfs', '-o', 'size=64m', 'us-switch', directory);
  run('mount', '--bind', directory, directory);
  cleanups.push(() => {
    for (let mounts = 0; mounts < 2; mounts++) run('umount', '-l', directory);
    fs.rmdirSync(directory);
  });
  return {
    directory: path.join(directory, 'data'),
    set: (isReadOnly) => run('mount', '-o', `remount,bind,${isReadOnly ? 'ro' : 'rw'}`, directory),
  };
}

suite('a disk that becomes read-only', () => {
  test('on the primary: the guest gets the error, the secondary is kept', async () => {
    const place = readOnlySwitch();
    const { alpha, beta } = await openPair('alpha', place.directory);
    const from = alpha.seen.length;
    place.set(true);
    expect(await guest('echo x > "$1"', path.join(alpha.directory, 'a')).end()).toMatch(/Read-only file system/);
    place.set(false);
    expect(await guest('echo x > "$1" && echo written', path.join(alpha.directory, 'a')).end()).toBe('written\n');
    expect(losses(alpha, from)).toEqual([]);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  test('on the secondary: it is lost with the reason, and returns when it is writable again', async () => {
    const place = readOnlySwitch();
    const pair = await openPair('beta', place.directory);
    const { alpha, beta } = pair;
    const from = alpha.seen.length;
    place.set(true);
    const write = guest('echo x > "$1" && echo written', path.join(alpha.directory, 'a'));
    expect((await alpha.event('peerLost', from)).reason).toMatch(/EROFS/);
    await pair.goAlone(alpha);
    expect(await write.end()).toBe('written\n');
    place.set(false);
    await pair.join(alpha, beta);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  test('on the primary because it failed: all that the secondary got is there when it takes over', async () => {
    const { disk, directory } = await faultDisk();
    const pair = await openPair('alpha', directory);
    const { alpha, beta } = pair;
    const from = alpha.seen.length;
    expect(await guest(durableWrite, path.join(alpha.directory, 'a'), '4').end()).toBe('durable\n');
    await disk.order({ do: 'fail', errno: errnos.EIO });
    const failed = await guest(durableWrite, path.join(alpha.directory, 'b'), '4').end();
    expect(failed).toMatch(/Input\/output error|Read-only file system/);
    expect(losses(alpha, from)).toEqual([]);
    await alpha.mirror.release();
    expect((await alpha.mirror.record()).diskError).toMatchObject({
      code: expect.stringMatching(/EIO|EROFS/) as string,
    });
    await pair.serve(beta);
    expect(fs.statSync(path.join(beta.directory, 'a')).size).toBe(4 * 4096);
  });
});

/** A file system that takes so many mebibytes of one directory. Its quota holds for the agent as well, whose privileges lift others. */
function quotaDisk(): { directory: string; limit: (mebibytes: number) => void } {
  const base = fs.mkdtempSync('/tmp/us-quota-');
  const image = path.join(base, 'image');
  const mountPoint = path.join(base, 'mounted');
  const directory = path.join(mountPoint, 'data');
  fs.mkdirSync(mountPoint);
  fs.writeFileSync(image, '');
  fs.truncateSync(image, 256 << 20);
  run('mkfs.btrfs', '-q', image);
  run('mount', '-o', 'loop', image, mountPoint);
  cleanups.push(() => {
    run('umount', '-l', mountPoint);
    fs.rmSync(base, { recursive: true, force: true });
  });
  run('btrfs', 'quota', 'enable', mountPoint);
  run('btrfs', 'subvolume', 'create', directory);
  // By its number: the mirror covers the directory. The first one of a file system is 256.
  const limit = (mebibytes: number) => run('btrfs', 'qgroup', 'limit', `${mebibytes}M`, '0/256', mountPoint);
  limit(4);
  return { directory, limit };
}
const hasQuota = ['/usr/bin', '/usr/sbin', '/sbin'].some((folder) => fs.existsSync(`${folder}/mkfs.btrfs`));
if (!hasQuota && process.env['CI'] !== undefined) throw new Error('Quotas are tried on btrfs: install btrfs-progs.');

suite.skipIf(!hasQuota)('a quota that is used up', () => {
  // The two file systems count the links of directories differently.
  const contentOf = (host: TestHost) => fs.readFileSync(path.join(host.directory, 'file'));

  test('on the primary: the guest gets the error, the secondary is kept', async () => {
    const place = quotaDisk();
    const { alpha, beta } = await openPair('alpha', place.directory);
    const from = alpha.seen.length;
    const file = path.join(alpha.directory, 'file');
    expect(await guest(durableWrite, file, '2048').end()).toMatch(/Disk quota exceeded/);
    expect(losses(alpha, from)).toEqual([]);
    place.limit(64);
    expect(await guest(durableWrite, file, '2048').end()).toBe('durable\n');
    expect(contentOf(beta).equals(contentOf(alpha))).toBe(true);
  });

  test('on the secondary: it is lost with the reason, and returns when it may hold more', async () => {
    const place = quotaDisk();
    const pair = await openPair('beta', place.directory);
    const { alpha, beta } = pair;
    const from = alpha.seen.length;
    const write = guest(durableWrite, path.join(alpha.directory, 'file'), '2048');
    expect((await alpha.event('peerLost', from)).reason).toMatch(/EDQUOT/);
    await pair.goAlone(alpha);
    expect(await write.end()).toBe('durable\n');
    place.limit(64);
    await pair.join(alpha, beta);
    expect(contentOf(beta).equals(contentOf(alpha))).toBe(true);
  });
});

suite('a disk that takes many times as long', () => {
  test.each(['alpha', 'beta'] as const)('on %s: the guest is slower, and nobody is lost', async (side) => {
    const { disk, directory } = await faultDisk();
    const { alpha, beta } = await openPair(side, directory);
    const from = alpha.seen.length;
    await disk.order({ do: 'slow', ms: 50 });
    for (let file = 0; file < 5; file++) {
      expect(await guest(durableWrite, path.join(alpha.directory, `f${file}`), '64').end(60_000)).toBe('durable\n');
    }
    await disk.order({ do: 'slow', ms: 0 });
    expect(losses(alpha, from)).toEqual([]);
    expect(await settle(alpha.directory, beta.directory, 20_000)).toEqual([]);
  });
});

suite('a disk that does not answer', () => {
  test('on the secondary: it is lost in time, the guest goes on, and it returns when its disk answers again', async () => {
    const { disk, directory } = await faultDisk();
    const pair = await openPair('beta', directory, 1500);
    const { alpha, beta } = pair;
    const from = alpha.seen.length;
    await hold(disk, 1);
    const write = guest(durableWrite, path.join(alpha.directory, 'a'), '4');
    expect((await alpha.event('peerLost', from, 10_000)).reason).toMatch(
      /no acknowledgement|a flush was not carried out/,
    );
    await pair.goAlone(alpha);
    expect(await write.end()).toBe('durable\n');
    // Whoever tries it meanwhile is told within a bounded time.
    const before = Date.now();
    const tried = await beta.mirror.follow('127.0.0.1', pair.epoch).catch((error: unknown) => String(error));
    expect(Date.now() - before).toBeLessThan(30_000);
    if (typeof tried === 'string') expect(tried).toMatch(/its disk does not answer/);
    await disk.order({ do: 'resume' });
    await pair.join(alpha, beta);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  test('on the primary: the guest waits as with a local disk, the secondary is kept, and both go on when it answers again', async () => {
    const { disk, directory } = await faultDisk();
    const { alpha, beta } = await openPair('alpha', directory, 3000);
    const from = alpha.seen.length;
    await hold(disk, 1);
    const write = guest(durableWrite, path.join(alpha.directory, 'a'), '4');
    // Twice as long as a secondary has to answer.
    expect(await write.waits(6000)).toBe(true);
    const silent = await alpha.event('diskSilent', from, 10_000);
    expect(silent.silentMs).toBeGreaterThan(3000);
    await disk.order({ do: 'resume' });
    expect(await write.end()).toBe('durable\n');
    expect((await alpha.event('diskSilent', alpha.seen.indexOf(silent) + 1, 10_000)).silentMs).toBeNull();
    expect(losses(alpha, from)).toEqual([]);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  test('on the primary: a read that waits for it is found as well', async () => {
    const { disk, directory } = await faultDisk();
    const { alpha } = await openPair('alpha', directory, 3000);
    const from = alpha.seen.length;
    const file = path.join(alpha.directory, 'a');
    expect(await guest(durableWrite, file, '256').end()).toBe('durable\n');
    // What the host has in memory is not asked of the disk.
    fs.writeFileSync('/proc/sys/vm/drop_caches', '1');
    await hold(disk, 0);
    const read = guest('cat "$1" > /dev/null && echo read', file);
    expect((await alpha.event('diskSilent', from, 10_000)).silentMs).toBeGreaterThan(3000);
    await disk.order({ do: 'resume' });
    expect(await read.end()).toBe('read\n');
  });

  test('a freeze, and a peer that does not answer, are no silence of the disk', async () => {
    // Longer than the disk itself may take when others use it, too.
    const pair = await openPair('alpha', (await faultDisk()).directory, 5000);
    const { alpha, beta } = pair;
    const from = alpha.seen.length;
    await alpha.mirror.freeze();
    const write = guest(durableWrite, path.join(alpha.directory, 'a'), '64');
    expect(await write.waits(7000)).toBe(true);
    await alpha.mirror.thaw();
    expect(await write.end()).toBe('durable\n');
    beta.mirror.destroy();
    expect((await alpha.event('peerLost', from, 10_000)).reason).toBeTruthy();
    const held = guest(durableWrite, path.join(alpha.directory, 'b'), '512');
    expect(await held.waits(7000)).toBe(true);
    await pair.goAlone(alpha);
    expect(await held.end()).toBe('durable\n');
    expect(alpha.seen.slice(from).filter(({ type }) => type === 'diskSilent')).toEqual([]);
  });

  test('on the primary: whoever ends it does not wait without end, and nor does its guest', async () => {
    const { disk, directory } = await faultDisk();
    const { alpha } = await openPair('alpha', directory, 1500);
    await hold(disk, 1);
    const write = guest(durableWrite, path.join(alpha.directory, 'a'), '4');
    expect(await write.waits(500)).toBe(true);
    const before = Date.now();
    await alpha.mirror.abort();
    expect(Date.now() - before).toBeLessThan(15_000);
    expect(await write.end()).not.toMatch(/durable/);
    await disk.order({ do: 'resume' });
  });
});
