import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteReader, ByteWriter, MalformedMessage } from '../../agent/mirror/link/bytes.ts';
import { decodeMutation, encodeMutation } from '../../agent/mirror/link/mutationCodec.ts';
import { PrimarySession } from '../../agent/mirror/link/primarySession.ts';
import { HEADER_BYTES, ToFollower } from '../../agent/mirror/link/protocol.ts';
import { decodeDirectory, encodeDirectory } from '../../agent/mirror/link/resyncMessages.ts';
import { GCM_TAG_BYTES, gcm } from '../../agent/platform/gcm.ts';
import { answerCall, MainCaller } from '../../agent/mirror/replica/mainCall.ts';
import { BadFrame, deriveKeys, Opener, Sealer } from '../../agent/mirror/link/sealer.ts';
import { WaitsFor } from '../../agent/mirror/link/heldReplies.ts';
import { outsideOf } from '../../agent/mirror/link/outside.ts';
import { monotonicMs, SharedState } from '../../agent/mirror/link/sharedState.ts';
import type { Mutation } from '../../agent/mirror/mutation.ts';
import { excludedByPlace, excludedPaths } from '../../agent/mirror/replica/excluded.ts';
import { Watchdog } from '../../agent/mirror/replica/watchdog.ts';
import { chooseKind } from '../../agent/mirror/resync/kind.ts';
import { eventfd, pipe, tcpSocket } from '../../agent/platform/libc.ts';

const byteString = fc.string({
  unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 40,
});
const size = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const file = fc.record({ ino: size, path: fc.option(byteString) });
const time = fc.option(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }));
const data = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
const owned = { ino: size, path: byteString, uid: u32, gid: u32 };
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), file, offset: size, data }),
  fc.record({ kind: fc.constant('truncate' as const), file, size }),
  fc.record({ kind: fc.constant('fallocate' as const), file, mode: u32, offset: size, length: size }),
  fc.record({ kind: fc.constantFrom('create' as const, 'mkdir' as const), ...owned, mode: u32 }),
  fc.record({ kind: fc.constant('mknod' as const), ...owned, mode: u32, rdev: size }),
  fc.record({ kind: fc.constant('symlink' as const), ...owned, target: byteString }),
  fc.record({ kind: fc.constant('link' as const), file, path: byteString }),
  fc.record({ kind: fc.constantFrom('unlink' as const, 'rmdir' as const), ino: size, path: byteString }),
  fc.record({ kind: fc.constant('rename' as const), ino: size, from: byteString, to: byteString, flags: u32 }),
  fc.record({ kind: fc.constant('chmod' as const), file, mode: u32 }),
  fc.record({ kind: fc.constant('chown' as const), file, uid: fc.option(u32), gid: fc.option(u32) }),
  fc.record({ kind: fc.constant('utimens' as const), file, atime: time, mtime: time }),
  fc.record({ kind: fc.constant('setxattr' as const), file, name: byteString, value: data, flags: u32 }),
  fc.record({ kind: fc.constant('removexattr' as const), file, name: byteString }),
);

describe('changes on the wire', () => {
  test('come out as they went in', () => {
    fc.assert(
      fc.property(mutation, (each) => {
        const out = new ByteWriter(4);
        encodeMutation(out, each);
        if (each.kind === 'write') out.raw(each.data);
        const input = new ByteReader(Buffer.from(out.done()));
        expect(decodeMutation(input)).toEqual(each);
        expect(input.left).toBe(0);
      }),
    );
  });

  test('that are cut short or made up are refused, never misread past their end', () => {
    fc.assert(
      fc.property(mutation, fc.nat(), (each, cut) => {
        const out = new ByteWriter(4);
        encodeMutation(out, each);
        if (each.kind === 'write') out.raw(each.data);
        const bytes = Buffer.from(out.done());
        expect(() => decodeMutation(new ByteReader(bytes.subarray(0, cut % bytes.length)))).toThrow(MalformedMessage);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          decodeDirectory(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessage);
        }
      }),
    );
  });

  test('a directory comes out as it went in', () => {
    const entry = {
      name: 'caf\xe9',
      ino: 2 ** 40,
      mode: 0o100644,
      nlink: 2,
      uid: 1000,
      gid: 4294967294,
      size: 2 ** 45,
      rdev: 0,
      mtime: 1_234_567_890_123_456_789n,
      target: '',
      xattrs: [{ name: 'user.x', value: Buffer.from([0, 1, 2]) }],
    };
    const message = {
      path: 'a/b',
      self: { ...entry, name: 'b' },
      entries: [entry],
      allNames: ['x', 'y'],
      complete: false,
    };
    expect(decodeDirectory(encodeDirectory(message))).toEqual(message);
  });
});

describe('sealed frames', () => {
  const keys = () => deriveKeys(randomBytes(32), randomBytes(32), randomBytes(32));
  const open = (opener: Opener, frame: Buffer) => opener.open(opener.peek(frame.subarray(0, HEADER_BYTES)), frame);

  test('open in order', () => {
    const { toFollower } = keys();
    const [sealer, opener] = [new Sealer(toFollower), new Opener(toFollower)];
    for (const text of ['one', '', 'three']) {
      expect(open(opener, Buffer.from(sealer.seal(2, 9, [Buffer.from(text)]))).toString()).toBe(text);
    }
  });

  test('do not open when any bit was changed', () => {
    const { toFollower } = keys();
    const frame = Buffer.from(new Sealer(toFollower).seal(2, 9, [Buffer.from('content')]));
    fc.assert(
      fc.property(fc.nat({ max: frame.length * 8 - 1 }), (bit) => {
        const changed = Buffer.from(frame);
        changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expect(() => open(new Opener(toFollower), changed)).toThrow();
      }),
    );
  });

  test('do not open twice, out of order, in the other direction, or in another connection', () => {
    const { toFollower, toPrimary } = keys();
    const sealer = new Sealer(toFollower);
    const first = Buffer.from(sealer.seal(2, 9, [Buffer.from('first')]));
    const second = Buffer.from(sealer.seal(2, 9, [Buffer.from('second')]));
    const opener = new Opener(toFollower);
    expect(() => open(opener, second)).toThrow(BadFrame);
    open(opener, first);
    expect(() => open(opener, first)).toThrow(BadFrame);
    expect(() => open(new Opener(toPrimary), first)).toThrow(BadFrame);
    expect(() => open(new Opener(keys().toFollower), first)).toThrow(BadFrame);
  });
});

describe('the key of a direction', () => {
  const secret = () => deriveKeys(randomBytes(32), randomBytes(32), randomBytes(32)).toFollower;
  const open = (opener: Opener, frame: Buffer) => opener.open(opener.peek(frame.subarray(0, HEADER_BYTES)), frame);
  const never = { frames: Infinity, bytes: Infinity, ms: Infinity };

  test.each([
    ['frames', { ...never, frames: 3 }, 3],
    ['bytes', { ...never, bytes: 20 }, 4],
  ])('changes after so many %s, and the receiver follows', (_, limits, framesOfKey) => {
    const first = secret();
    const [sealer, opener] = [new Sealer(first, 0, limits), new Opener(first)];
    for (let count = 0; count < 12; count++) {
      const text = `no. ${count % 10}`;
      expect(open(opener, Buffer.from(sealer.seal(2, 9, [Buffer.from(text)]))).toString()).toBe(text);
      expect(sealer.keyNumber).toBe(Math.floor(count / framesOfKey));
    }
  });

  test('changes after some time', () => {
    const first = secret();
    const [sealer, opener] = [new Sealer(first, 0, { ...never, ms: -1 }), new Opener(first)];
    for (let count = 0; count < 200; count++) open(opener, Buffer.from(sealer.seal(12, 9, [])));
    expect(sealer.keyNumber).toBe(3);
  });

  test('that is over opens nothing any more: neither a frame that is repeated nor one that is sealed with it anew', () => {
    const first = secret();
    const limits = { ...never, frames: 2 };
    const [sealer, opener] = [new Sealer(Buffer.from(first), 0, limits), new Opener(Buffer.from(first))];
    const frames = ['a', 'b', 'c'].map((text) => Buffer.from(sealer.seal(2, 9, [Buffer.from(text)])));
    for (const frame of frames) open(opener, Buffer.from(frame));
    expect(sealer.keyNumber).toBe(1);
    for (const frame of frames) expect(() => open(opener, Buffer.from(frame))).toThrow(/dropped, repeated or forged/);
    // The fourth frame by somebody who knows the first key and has never changed it.
    const old = new Sealer(Buffer.from(first), 3, never);
    const forged = Buffer.from(old.seal(2, 9, [Buffer.from('forged')]));
    expect(() => open(opener, Buffer.from(forged))).toThrow(/not authentic/);
    const relabelled = Buffer.from(forged);
    relabelled.writeUInt16LE(1, 6);
    expect(() => open(opener, relabelled)).toThrow(/not authentic/);
    expect(open(opener, Buffer.from(sealer.seal(2, 9, [Buffer.from('d')]))).toString()).toBe('d');
  });

  test('is not changed by a frame that is not authentic', () => {
    const first = secret();
    const [sealer, opener] = [new Sealer(first), new Opener(first)];
    const frame = Buffer.from(sealer.seal(2, 9, [Buffer.from('content')]));
    for (const keyNumber of [1, 2, 0xffff]) {
      const forged = Buffer.from(frame);
      forged.writeUInt16LE(keyNumber, 6);
      expect(() => open(opener, forged)).toThrow(BadFrame);
    }
    expect(open(opener, frame).toString()).toBe('content');
  });
});

describe('AES-GCM', () => {
  test('is the same by libcrypto and by Node, and either finds any change', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 3 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.nat(),
        (parts, header, position) => {
          const key = randomBytes(32);
          const nonce = randomBytes(12);
          const [direct, node] = [gcm(key), gcm(key, false)];
          const length = parts.reduce((sum, part) => sum + part.length, 0);
          const [one, other] = [Buffer.alloc(length + GCM_TAG_BYTES), Buffer.alloc(length + GCM_TAG_BYTES)];
          direct.seal(nonce, header, parts, one);
          node.seal(nonce, header, parts, other);
          expect(one.equals(other)).toBe(true);
          for (const cipher of [direct, node]) {
            const good = Buffer.from(one);
            expect(cipher.open(nonce, header, good.subarray(0, length), good.subarray(length))).toBe(true);
            expect(good.subarray(0, length).equals(Buffer.concat(parts))).toBe(true);
            const bad = Buffer.from(one);
            const at = position % bad.length;
            bad.writeUInt8(bad.readUInt8(at) ^ 1, at);
            expect(cipher.open(nonce, header, bad.subarray(0, length), bad.subarray(length))).toBe(false);
            cipher.end();
          }
        },
      ),
    );
  });
});

describe('a call of the main thread', () => {
  test('is not answered by what comes late for the call before', () => {
    const { port1, port2 } = new MessageChannel();
    const flag = new Int32Array(new SharedArrayBuffer(4));
    try {
      const caller = new MainCaller(port1, flag, 20);
      const call = () => caller.call({ op: 'updateRecord', change: { consistent: false } });
      expect(call).toThrow(/took longer/);
      answerCall(port2, flag, 1, null);
      expect(call).toThrow(/took longer/);
      answerCall(port2, flag, 3, { code: 'its-own', message: 'the answer to the third' });
      expect(call).toThrow('the answer to the third');
    } finally {
      port1.close();
      port2.close();
    }
  });

  test('that goes on meanwhile keeps its answer for whoever asks, past the answers to others', () => {
    const { port1, port2 } = new MessageChannel();
    const flag = new Int32Array(new SharedArrayBuffer(4));
    try {
      const caller = new MainCaller(port1, flag, 20);
      const [good, bad] = [1, 2].map(() => caller.beginDurable({ op: 'syncData', fd: 0 }));
      expect(good?.over()).toBe(false);
      answerCall(port2, flag, 2, { code: 'disk-error', message: 'the disk has failed' });
      answerCall(port2, flag, 3, null);
      caller.call({ op: 'updateRecord', change: { consistent: false } });
      expect([good?.over(), bad?.over()]).toEqual([false, true]);
      expect(() => bad?.wait(() => undefined)).toThrow('the disk has failed');
      const connectionEnd = () => {
        throw new Error('the connection has ended');
      };
      expect(() => good?.wait(connectionEnd)).toThrow('the connection has ended');
      answerCall(port2, flag, 1, null);
      good?.wait(connectionEnd);
    } finally {
      port1.close();
      port2.close();
    }
  });
});

describe('held replies', () => {
  const reply = (number: number) => {
    const bytes = Buffer.alloc(24, number);
    bytes.writeUInt32LE(24, 0);
    bytes.writeInt32LE(0, 4);
    return bytes;
  };
  /** The replies go into a pipe instead of /dev/fuse. */
  const state = () => {
    const { readFd, writeFd } = pipe();
    const shared = new SharedState(outsideOf(writeFd, eventfd()));
    shared.connected(-1, 0);
    const taken = (count: number) => {
      const out: { number: number; error: number }[] = [];
      for (let each = 0; each < count; each++) {
        const header = Buffer.alloc(16);
        fs.readSync(readFd, header);
        const length = header.readUInt32LE(0);
        if (length > 16) fs.readSync(readFd, Buffer.alloc(length - 16));
        out.push({ number: header.readUInt8(8), error: header.readInt32LE(4) });
      }
      return out;
    };
    return { shared, taken };
  };
  const good = (...numbers: number[]) => numbers.map((number) => ({ number, error: 0 }));

  test('go out in order when their frames are acknowledged', () => {
    const { shared, taken } = state();
    shared.enterStep();
    for (const number of [1, 2, 3]) shared.hold(reply(number), number, WaitsFor.nothing);
    expect(shared.unacknowledged).toBe(3);
    shared.noteAcknowledged(2);
    expect(taken(2)).toEqual(good(1, 2));
    expect(shared.unacknowledged).toBe(1);
  });

  test('stay during a freeze, acknowledged or not, and go out at its end', () => {
    const { shared, taken } = state();
    shared.enterStep();
    shared.hold(reply(1), 1, WaitsFor.nothing);
    shared.freeze();
    shared.hold(reply(2), 0, WaitsFor.nothing);
    shared.noteAcknowledged(1);
    expect(shared.unacknowledged).toBe(2);
    shared.thaw();
    expect(taken(2)).toEqual(good(1, 2));
  });

  test('wait for this host as well as for the peer', () => {
    const { shared, taken } = state();
    shared.enterStep();
    const ticket = shared.hold(reply(1), 1, WaitsFor.local);
    shared.noteAcknowledged(1);
    expect(shared.unacknowledged).toBe(1);
    shared.localDone(ticket);
    expect(taken(1)).toEqual(good(1));
  });

  test('do not wait for a flush before them, which waits for both disks', () => {
    const { shared, taken } = state();
    shared.enterStep();
    const flush = shared.hold(reply(1), 1, WaitsFor.local | WaitsFor.peerFlush);
    shared.hold(reply(2), 2, WaitsFor.nothing);
    shared.noteAcknowledged(2);
    expect(taken(1)).toEqual(good(2));
    expect(shared.oldestPeerFlush).toBe(1);
    shared.localDone(flush);
    expect(shared.unacknowledged).toBe(1);
    shared.notePeerFlushed(1);
    expect(taken(1)).toEqual(good(1));
    expect(shared.oldestPeerFlush).toBe(0);
  });

  test('become an error that waits for the frame that makes the peer equal again', () => {
    const { shared, taken } = state();
    shared.enterStep();
    const ticket = shared.hold(reply(1), 1, WaitsFor.local);
    shared.noteAcknowledged(1);
    shared.fail(ticket, 28, 2);
    expect(shared.unacknowledged).toBe(1);
    shared.noteAcknowledged(2);
    expect(taken(1)).toEqual([{ number: 1, error: -28 }]);
  });

  test('find room in the ring again and again, while one at its start waits', () => {
    const { shared, taken } = state();
    shared.enterStep();
    const slow = shared.hold(reply(1), 1, WaitsFor.local);
    shared.noteAcknowledged(5000);
    let rooms = 0;
    for (let number = 2; number < 1100; number++) {
      shared.makeRoom(() => {
        rooms++;
        shared.localDone(slow);
      });
      shared.hold(reply(2), number, WaitsFor.nothing);
      if (number % 100 === 99) taken(98);
    }
    expect(rooms).toBe(1);
    expect(shared.unacknowledged).toBe(0);
  });

  test('stay in hold mode when the peer is lost, until the mirror goes on alone', () => {
    const { shared, taken } = state();
    expect(shared.setHold(true)).toBe(false);
    shared.enterStep();
    expect(shared.setHold(true)).toBe(true);
    shared.hold(reply(1), 1, WaitsFor.nothing);
    shared.goAlone();
    expect(taken(1)).toEqual(good(1));
  });

  test('fail with EIO when the mirror is aborted, the later ones too', () => {
    const { shared, taken } = state();
    shared.enterStep();
    shared.hold(reply(1), 1, WaitsFor.nothing);
    shared.abort();
    shared.hold(reply(2), 2, WaitsFor.nothing);
    expect(taken(2)).toEqual([
      { number: 1, error: -5 },
      { number: 2, error: -5 },
    ]);
  });
});

describe('frames that are put together', () => {
  test('are owed no acknowledgement before they are sent, however long that takes', async () => {
    const shared = new SharedState(outsideOf(-1, eventfd()));
    shared.connected(tcpSocket('127.0.0.1'), 1);
    const session = new PrimarySession({
      shared,
      fd: -1,
      key: randomBytes(32),
      sealed: 1,
      epoch: 1,
      onLost: () => undefined,
    });
    const lost: string[] = [];
    const watchdog = new Watchdog(shared, 200, monotonicMs, (reason) => lost.push(reason));
    watchdog.reset();
    session.gather();
    session.send(ToFollower.barrier);
    session.send(ToFollower.barrier);
    for (const end = performance.now() + 600; performance.now() < end;) {
      watchdog.check();
      await setTimeout(10);
    }
    expect(lost).toEqual([]);
    expect(session.lastNumber).toBe(3);
    expect(shared.sent).toBe(1);
    // There is nobody at the other end.
    session.settle();
    expect(shared.sent).toBe(3);
    expect(session.alive).toBe(false);
  });
});

describe('excluded names', () => {
  test('are matched by globs', () => {
    const excluded = excludedPaths(['*.swp', 'tmp?', '[.]cache', 'ü*']);
    const cases: [string, boolean][] = [
      ['a.swp', true],
      ['.swp', true],
      ['a.swp.x', false],
      ['tmp1', true],
      ['tmp', false],
      ['.cache', true],
      ['xcache', false],
      [Buffer.from('über').toString('latin1'), true],
    ];
    for (const [name, expected] of cases) expect([name, excluded(name)]).toEqual([name, expected]);
    expect(excluded('a/b.swp/c')).toBe(true);
    expect(excludedPaths([])('a/b.swp/c')).toBe(false);
  });

  test('are matched wherever they are by a glob without a slash, from the mirrored directory by one with a slash', () => {
    const excluded = excludedPaths(['cache', '/tmp', 'logs/*.old', '*/scratch', 'a/[!b]c']);
    const cases: [string, boolean][] = [
      ['cache', true],
      ['deep/below/cache/file', true],
      ['mycache', false],
      ['tmp', true],
      ['tmp/file', true],
      ['sub/tmp', false],
      ['logs/x.old', true],
      ['logs/x.old/below', true],
      ['logs/sub/x.old', false],
      ['other/logs/x.old', false],
      ['one/scratch', true],
      ['scratch', false],
      ['one/two/scratch', false],
      ['a/xc', true],
      ['a/bc', false],
      // No glob matches a slash.
      ['a//c', false],
    ];
    for (const [path, expected] of cases) expect([path, excluded(path)]).toEqual([path, expected]);
    // The mirrored directory itself is never excluded.
    expect(excludedPaths(['*'])('')).toBe(false);
    const byPlace = excludedByPlace(['cache', '/tmp', 'logs/sub/*.old']);
    expect(['logs', 'logs/sub', 'tmp', 'cache', 'logs/sub/x', 'x/logs'].filter(byPlace)).toEqual(['logs', 'logs/sub']);
  });
});

describe('the kind of a resync', () => {
  const record = {
    formatVersion: 1 as const,
    module: 'web',
    lineage: [{ epoch: 6, primary: 'beta' }],
    syncId: 's',
    consistent: true,
  };
  const about = {
    record,
    marksProblem: null,
    followerRecord: record,
    followerMarksProblem: null,
    followerName: 'alpha',
  };

  test.each([
    ['both know the same resync and have marks', {}, 'delta', 'alpha was away since epoch 6'],
    [
      'the follower is empty',
      { followerRecord: { ...record, lineage: [] } },
      'full',
      'alpha holds no data of the module yet',
    ],
    ['they know different resyncs', { followerRecord: { ...record, syncId: 't' } }, 'full', /not completed a resync/],
    [
      'they know none',
      { record: { ...record, syncId: null }, followerRecord: { ...record, syncId: null } },
      'full',
      /not completed/,
    ],
    ['our marks are damaged', { marksProblem: 'damaged' }, 'full', 'the zone marks of this host are damaged'],
    ['their marks are missing', { followerMarksProblem: 'missing' }, 'full', 'the zone marks of alpha are missing'],
  ])('when %s', (_, change, kind, cause) => {
    const chosen = chooseKind({ ...about, ...change });
    expect(chosen.kind).toBe(kind);
    expect(chosen.cause).toMatch(cause);
  });
});
