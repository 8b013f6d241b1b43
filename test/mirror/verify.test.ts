import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe as suite, expect, test } from 'vitest';
import type { Difference } from '../../agent/mirror/mirror.ts';
import { GuestProgram } from './guestProgram.ts';
import { UncoveredPair } from './uncoveredPair.ts';

const uncovered = new UncoveredPair();
const { file, hidden, verify } = uncovered;

const found = (differences: readonly Difference[]) => differences.map((each) => `${each.what} ${each.path}`).sort();

suite('a verify', () => {
  test('finds nothing on equal replicas, and each thing that is not equal', async () => {
    const { pair } = uncovered;
    const { alpha, beta } = pair;
    fs.writeFileSync(file('image'), Buffer.alloc(3_000_001, 7));
    fs.truncateSync(file('image'), 40_000_000);
    for (const name of ['mode', 'owner', 'time', 'xattr', 'missing', 'short', 'links']) {
      fs.writeFileSync(file(name), name);
    }
    fs.linkSync(file('links'), file('links2'));
    fs.mkdirSync(file('folder'));
    for (let index = 0; index < 300; index++) fs.writeFileSync(file(`folder/${index}`), String(index));
    fs.symlinkSync('image', file('link'));
    await pair.join(alpha, beta);

    const clean = await verify();
    expect(clean).toMatchObject({ outcome: 'complete', total: 0, differences: [] });
    expect(clean.checked).toBeGreaterThan(40_000_000);

    const { mtime, atime } = fs.statSync(hidden('image'));
    const fd = fs.openSync(hidden('image'), 'r+');
    fs.writeSync(fd, Buffer.from([6]), 0, 1, 2_000_123);
    // In what is a hole on the primary.
    fs.writeSync(fd, Buffer.from([1]), 0, 1, 30_000_000);
    fs.closeSync(fd);
    fs.utimesSync(hidden('image'), atime, mtime);
    fs.chmodSync(hidden('mode'), 0o600);
    fs.chownSync(hidden('owner'), 12, 13);
    fs.utimesSync(hidden('time'), 1, 2);
    execFileSync('setfattr', ['-n', 'user.a', '-v', 'b', hidden('xattr')]);
    fs.rmSync(hidden('missing'));
    fs.truncateSync(hidden('short'), 2);
    fs.rmSync(hidden('link'));
    fs.symlinkSync('elsewhere', hidden('link'));
    fs.rmSync(hidden('links2'));
    fs.writeFileSync(hidden('links2'), 'links');
    fs.writeFileSync(hidden('folder/more'), 'x');

    const dirty = await verify();
    expect(dirty.outcome).toBe('complete');
    const names = found(dirty.differences);
    for (const each of [
      'mode mode',
      'owner owner',
      'mtime time',
      'xattrs xattr',
      'missing missing',
      'size short',
      'target link',
      'links links',
      'extra folder/more',
    ]) {
      expect(names).toContain(each);
    }
    const content = dirty.differences.filter((each) => each.what === 'content' && each.path === 'image');
    expect(content[0]).toMatchObject({ offset: Math.floor(2_000_123 / 4096) * 4096, length: 4096 });
    expect(content).toHaveLength(2);
    const second = content[1];
    expect(second?.offset).toBeLessThanOrEqual(30_000_000);
    expect((second?.offset ?? 0) + (second?.length ?? 0)).toBeGreaterThan(30_000_000);
    // Nothing was repaired, and the pair is still one.
    expect(fs.readFileSync(hidden('folder/more'), 'utf8')).toBe('x');
    expect(alpha.seen.some((event) => event.type === 'peerLost')).toBe(false);
    expect(dirty.differences.every((each) => !/^\d+$/.test(path.basename(each.path)))).toBe(true);
  });

  test('raises no false alarm while everything changes', async () => {
    const { pair } = uncovered;
    const { alpha, beta } = pair;
    for (let index = 0; index < 20; index++) {
      fs.mkdirSync(file(`d${index}/sub`), { recursive: true });
      for (let each = 0; each < 10; each++) {
        fs.writeFileSync(file(`d${index}/sub/f${each}`), Buffer.alloc(100_000, each));
      }
    }
    await pair.join(alpha, beta);
    for (const seed of ['1', '2', '3']) {
      uncovered.keep(new GuestProgram('exec bash -c "$1" bash "$2" "$3"', STORM, alpha.directory, seed));
    }
    for (let round = 0; round < 4; round++) {
      const report = await verify(round === 0 ? 20 * 1024 * 1024 : null);
      expect(report).toMatchObject({ outcome: 'complete', differences: [], total: 0 });
      expect(report.checked).toBeGreaterThan(1_000_000);
    }
  });

  test('keeps to its limit, is stopped on demand, and one runs at a time', async () => {
    const { pair } = uncovered;
    const { alpha, beta } = pair;
    fs.writeFileSync(file('image'), Buffer.alloc(12 * 1024 * 1024, 1));
    await pair.join(alpha, beta);
    const report = await verify(6 * 1024 * 1024);
    expect(report.outcome).toBe('complete');
    expect(report.durationMs).toBeGreaterThan(1600);
    const from = alpha.seen.length;
    await alpha.mirror.verify(1024 * 1024);
    await expect(alpha.mirror.verify(null)).rejects.toThrow('is running already');
    const { progress } = await alpha.event('verify', from, 5000, (event) => event.progress.checked > 0);
    expect(progress.toCheck).toBe(12 * 1024 * 1024);
    expect(await alpha.mirror.stopVerify()).toBe(true);
    expect((await alpha.event('verified', from)).report.outcome).toBe('stopped');
    expect(await alpha.mirror.stopVerify()).toBe(false);
  });

  test('needs a secondary in step, and ends as incomplete when that is lost', async () => {
    const { pair } = uncovered;
    const { alpha, beta } = pair;
    await expect(alpha.mirror.verify(null)).rejects.toThrow('no secondary in step');
    fs.writeFileSync(file('image'), Buffer.alloc(4 * 1024 * 1024, 1));
    await pair.join(alpha, beta);
    const from = alpha.seen.length;
    await alpha.mirror.verify(1024 * 1024);
    await alpha.event('verify', from, 5000, (event) => event.progress.checked > 0);
    await beta.crash();
    const { report } = await alpha.event('verified', from);
    expect(report).toMatchObject({ outcome: 'incomplete', reason: 'the secondary was lost' });
    await pair.goAlone(alpha);
  });
});

/** Random changes of every kind, until it is killed. */
const STORM = `
cd "$1"; RANDOM=$2
r() { echo $((RANDOM % $1)); }
while :; do
  d=d$(r 20); f=$d/sub/f$(r 12); g=d$(r 20)/sub/f$(r 12)
  case $(r 12) in
    0|1) dd if=/dev/urandom of=$f bs=4k count=1 seek=$(r 25) conv=notrunc ;;
    2) mv $f $g ;;
    3) mv -T $d/sub d$(r 20)/sub$(r 3); mkdir -p $d/sub ;;
    4) truncate -s $(r 200000) $f ;;
    5) ln $f $d/sub/l$RANDOM ;;
    6) setfattr -n user.s -v $RANDOM $f ;;
    7) rm -f $f; rm -f $d/sub/l1* ;;
    8) chmod 0$((RANDOM % 8))44 $f ;;
    9) mv -T $d d$(r 20)x; mv -T d$(r 20)x $d; mkdir -p $d/sub ;;
    10) chown $(r 50):$(r 50) $f; touch -d @$RANDOM $g ;;
    11) ln -sf $RANDOM $d/sub/s; fallocate -p -o 4096 -l 8192 $f ;;
  esac 2>/dev/null
done`;
