import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe as suite, expect, test } from 'vitest';
import { markFiles } from '../../agent/mirror/replica/markFile.ts';
import { loadMarks } from '../../agent/mirror/replica/zoneMarks.ts';
import { cleanUp } from '../support/cleanUp.ts';
import { FaultDisk } from './faultDisk.ts';
import { GuestProgram } from './guestProgram.ts';
import { Pair, settle, type TestHost } from './pairHarness.ts';

/** A kernel that could not write says so once; then it takes what it still has in memory for written. */
const BLOCK = 4096;
const AT = 10 * BLOCK;
const content = (text: string) => Buffer.alloc(BLOCK, text);

let disk: FaultDisk;
let pair: Pair;

const open = async (failing: 'alpha' | 'beta') => {
  const directory = path.join(disk.mountPoint, 'data');
  pair = await new Pair({ both: { acknowledgeTimeoutMs: 20_000 }, [failing]: { directory } }).open();
  await pair.serve(pair.alpha);
  fs.writeFileSync(path.join(pair.alpha.directory, 'db'), Buffer.alloc(64 * BLOCK, 'old '), { flush: true });
  await pair.join(pair.alpha, pair.beta);
};

/** A guest writes a block of the file and asks for it to be durable. */
const write = (host: TestHost, text: string): GuestProgram => {
  const source = path.join(host.base, 'block');
  fs.writeFileSync(source, content(text));
  const script = `dd if="$1" of="$2" bs=${BLOCK} seek=${AT / BLOCK} conv=notrunc,fsync status=none && echo durable`;
  return new GuestProgram(script, source, path.join(host.directory, 'db'));
};

const blockOf = (host: TestHost): string => {
  const file = fs.readFileSync(path.join(host.directory, 'db'));
  return file.subarray(AT, AT + BLOCK).equals(content('LOST')) ? 'LOST' : file.subarray(AT, AT + 4).toString();
};

/** What the disk holds of a host's block when nothing of the memory is left. */
const onDisk = async (host: TestHost): Promise<string> => {
  await disk.powerLoss(1, () => host.crash());
  await disk.powerOn();
  return blockOf(host);
};

const isMarked = (host: TestHost): boolean => {
  const { files, problem } = loadMarks(markFiles(host.options.stateDirectory));
  const set = files.get(fs.statSync(path.join(host.directory, 'db')).ino);
  expect(problem).toBeNull();
  return set?.ranges(64 * BLOCK).some(({ start, end }) => start <= AT && AT < end) ?? false;
};

beforeEach(async () => {
  disk = await FaultDisk.make(64);
});
afterEach(() =>
  cleanUp([() => disk.order({ do: 'failContent', text: null }), () => pair.remove(), () => disk.remove()]),
);

suite("the primary's disk loses a write", () => {
  test('the guest gets the error, the secondary is kept, and what was lost comes back from it', async () => {
    await open('alpha');
    const { alpha, beta } = pair;
    const from = alpha.seen.length;
    await disk.order({ do: 'failContent', text: 'LOST' });
    expect(await write(alpha, 'LOST').end()).toMatch(/Input\/output error/);
    // Before the guest knew it.
    expect((await alpha.event('diskFailed', from, 0)).error.code).toBe('EIO');
    const record = fs.readFileSync(path.join(alpha.options.stateDirectory, 'replica.json'), 'utf8');
    expect(JSON.parse(record)).toMatchObject({ diskError: { code: 'EIO' } });
    expect(alpha.seen.slice(from).filter(({ type }) => type === 'peerLost')).toEqual([]);
    expect(blockOf(beta)).toBe('LOST');

    // The disk has told what it had to tell: from here on it says that all is well, and both go on.
    await disk.order({ do: 'failContent', text: null });
    fs.writeFileSync(path.join(alpha.directory, 'more'), 'more', { flush: true });
    expect(alpha.seen.slice(from).filter(({ type }) => type === 'peerLost')).toEqual([]);
    await alpha.mirror.release();
    expect(isMarked(alpha)).toBe(true);

    await pair.serve(beta);
    await pair.join(beta, alpha);
    expect((await alpha.mirror.record()).diskError).toBeNull();
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
    expect(await onDisk(alpha)).toBe('LOST');
  });

  test('a sync of its own that fails keeps the secondary and the marks, also when another process takes the mount over', async () => {
    await open('alpha');
    const { alpha, beta } = pair;
    const from = alpha.seen.length;
    await disk.order({ do: 'failContent', text: 'LOST' });
    const file = fs.openSync(path.join(alpha.directory, 'db'), 'r+');
    fs.writeSync(file, content('LOST'), 0, BLOCK, AT);
    fs.closeSync(file);
    await alpha.event('diskFailed', from);
    await disk.order({ do: 'failContent', text: null });
    expect(alpha.seen.slice(from).filter(({ type }) => type === 'peerLost')).toEqual([]);

    process.kill(alpha.mirror.pid ?? -1, 'SIGKILL');
    await alpha.event('peerLost', from);
    await pair.goAlone(alpha);
    await pair.join(alpha, beta);
    await alpha.mirror.release();
    expect(isMarked(alpha)).toBe(true);
    expect((await alpha.mirror.record()).diskError).toMatchObject({ code: 'EIO' });
  });

  test('without a secondary the guest gets the error, and a secondary that comes gets all that the guest sees', async () => {
    await open('alpha');
    const { alpha, beta } = pair;
    await beta.mirror.release();
    await alpha.event('peerLost');
    await pair.goAlone(alpha);
    await disk.order({ do: 'failContent', text: 'LOST' });
    expect(await write(alpha, 'LOST').end()).toMatch(/Input\/output error/);
    await pair.join(alpha, beta);
    expect(blockOf(alpha)).toBe('LOST');
    expect(blockOf(beta)).toBe('LOST');
  });
});

suite("the secondary's disk loses a write", () => {
  test('it is lost with the reason, the guest is not, and when it is back its disk holds what the primary has', async () => {
    await open('beta');
    const { alpha, beta } = pair;
    const from = alpha.seen.length;
    await disk.order({ do: 'failContent', text: 'LOST' });
    const guest = write(alpha, 'LOST');
    expect((await alpha.event('peerLost', from)).reason).toMatch(/EIO/);
    await pair.goAlone(alpha);
    expect(await guest.end()).toBe('durable\n');
    expect((await beta.mirror.record()).diskError).toMatchObject({ code: 'EIO' });

    await disk.order({ do: 'failContent', text: null });
    // The file system tells of the error once more when it is asked as a whole; then the secondary is taken in.
    const again = await pair.attach(alpha, beta);
    await Promise.race([alpha.event('peerLost', again), alpha.event('inStep', again)]);
    if (!alpha.seen.slice(again).some(({ type }) => type === 'inStep')) await pair.join(alpha, beta);
    expect((await beta.mirror.record()).diskError).toBeNull();
    expect(await onDisk(beta)).toBe('LOST');
  });
});
