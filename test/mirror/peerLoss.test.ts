import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe as suite, expect, test } from 'vitest';
import { markFiles } from '../../agent/mirror/replica/markFile.ts';
import { loadMarks } from '../../agent/mirror/replica/zoneMarks.ts';
import { mountAt, unmount } from '../../agent/platform/mounts.ts';
import { cleanUp } from '../support/cleanUp.ts';
import { GuestProgram } from './guestProgram.ts';
import { differences, Pair } from './pairHarness.ts';

let pair: Pair;
let programs: GuestProgram[] = [];
const program = (script: string, ...args: string[]) => {
  const started = new GuestProgram(script, ...args);
  programs.push(started);
  return started;
};
const file = (name: string) => path.join(pair.alpha.directory, name);
const pidOf = (pid: number | undefined) => {
  if (pid === undefined) throw new Error('no process');
  return pid;
};

beforeEach(async () => {
  pair = await new Pair({ both: { acknowledgeTimeoutMs: 3000 } }).open();
  await pair.serve(pair.alpha);
});
afterEach(async () => {
  for (const each of programs) each.kill();
  programs = [];
  await pair.remove();
});

suite('while the pair is in step', () => {
  test('an fsync returns only after the secondary has answered', async () => {
    const { alpha, beta } = pair;
    await pair.join(alpha, beta);
    fs.writeFileSync(file('log'), 'start');
    process.kill(pidOf(beta.mirror.pid), 'SIGSTOP');
    const sync = program(
      'dd if=/dev/zero of="$1" bs=1 count=1 conv=notrunc,fsync 2>/dev/null && echo durable',
      file('log'),
    );
    expect(await sync.waits(700)).toBe(true);
    process.kill(pidOf(beta.mirror.pid), 'SIGCONT');
    expect(await sync.end()).toBe('durable\n');
  });

  test('a secondary that stops answering is lost after the acknowledgement limit', async () => {
    const { alpha, beta } = pair;
    await pair.join(alpha, beta);
    process.kill(pidOf(beta.mirror.pid), 'SIGSTOP');
    const before = Date.now();
    const write = program('echo x > "$1" && echo written', file('a'));
    const lost = await alpha.event('peerLost');
    // Whichever of the two was asked for first, and later when the one who waits had no processor itself.
    expect(lost.reason).toMatch(/(no acknowledgement|a flush was not carried out) for ([3-9]|\d\d)\.\d s/);
    expect(Date.now() - before).toBeLessThan(15_000);
    expect(await write.waits()).toBe(true);
    await pair.goAlone(alpha);
    expect(await write.end()).toBe('written\n');
    process.kill(pidOf(beta.mirror.pid), 'SIGCONT');
  });

  test('a freeze holds what the secondary has acknowledged, a thaw lets it out', async () => {
    const { alpha, beta } = pair;
    await pair.join(alpha, beta);
    await alpha.mirror.freeze();
    const write = program('echo one > "$1" && echo written', file('a'));
    expect(await write.waits()).toBe(true);
    await alpha.mirror.thaw();
    expect(await write.end()).toBe('written\n');
    expect(fs.readFileSync(path.join(beta.directory, 'a'), 'utf8')).toBe('one\n');
  });
});

suite('when the secondary dies', () => {
  test("in 'hold' mode acknowledgements wait until the mirror may go on alone", async () => {
    const { alpha, beta } = pair;
    await pair.join(alpha, beta);
    await beta.crash();
    expect((await alpha.event('peerLost')).reason).toMatch(/closed the connection|broke/);
    const write = program('for i in 1 2 3; do echo $i >> "$1" && echo written $i; done', file('a'));
    expect(await write.waits()).toBe(true);
    expect(write.output).toBe('');
    await pair.goAlone(alpha);
    expect(await write.end()).toBe('written 1\nwritten 2\nwritten 3\n');
    expect(fs.readFileSync(file('a'), 'utf8')).toBe('1\n2\n3\n');
  });

  test("in 'hold' mode an abort fails what waits and takes the mount away, though programs use it", async () => {
    const { alpha, beta } = pair;
    await pair.join(alpha, beta);
    fs.writeFileSync(file('a'), '');
    process.kill(pidOf(beta.mirror.pid), 'SIGSTOP');
    // The write is applied and sent, its reply held.
    const write = program('exec 3>>"$1"; echo x >&3; echo "status $?"; sleep 30', file('a'));
    await alpha.event('peerLost');
    expect(write.output).toBe('');
    await alpha.mirror.abort();
    for (let tries = 0; tries < 50 && !write.output.includes('status'); tries++) await write.waits(50);
    expect(write.output).toMatch(/(I\/O|Input\/output) error[^]*status [12]/);
    expect(mountAt(alpha.directory)).toBeNull();
    process.kill(pidOf(beta.mirror.pid), 'SIGCONT');
  });

  test("in 'continue' mode programs notice nothing", async () => {
    const { alpha, beta } = pair;
    await pair.join(alpha, beta);
    await alpha.mirror.onPeerLoss('continue');
    const write = program(
      'i=0; while [ $i -lt 300 ]; do echo $i >> "$1" || exit 1; i=$((i+1)); done; echo all',
      file('a'),
    );
    await beta.crash();
    expect(await write.end(20_000)).toBe('all\n');
    await alpha.event('peerLost');
    expect(fs.readFileSync(file('a'), 'utf8').split('\n')).toHaveLength(301);
  });

  test('a delta brings it back', async () => {
    const { alpha, beta } = pair;
    fs.writeFileSync(file('image'), Buffer.alloc(8 << 20, 1));
    await pair.join(alpha, beta);
    await beta.crash();
    await alpha.event('peerLost');
    await pair.goAlone(alpha);
    const fd = fs.openSync(file('image'), 'r+');
    fs.writeSync(fd, Buffer.alloc(8192, 2), 0, 8192, 3 << 20);
    fs.closeSync(fd);
    await beta.open();
    const inStep = await pair.join(alpha, beta);
    expect(inStep.progress.kind).toBe('delta');
    expect(inStep.progress.sent).toBeLessThan(20_000);
    await alpha.mirror.release();
    expect(differences(alpha.directory, beta.directory)).toEqual([]);
  });

  test('waiting cannot be chosen when nobody is in step', async () => {
    await expect(pair.alpha.mirror.onPeerLoss('hold')).rejects.toMatchObject({ code: 'not-in-step' });
  });
});

suite('when it is stopped while a secondary that is silent is waited for', () => {
  test('the next call is answered', async () => {
    const { alpha, beta } = pair;
    // A connection is waited for for five seconds then: far longer than calls take that do not wait for it.
    await alpha.close();
    Object.assign(alpha.options, { acknowledgeTimeoutMs: 10_000 });
    await alpha.open();
    await pair.serve(alpha);
    const sockets: net.Socket[] = [];
    const silent = net.createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    try {
      const endpoint = await beta.mirror.follow('127.0.0.1', pair.epoch);
      const connected = once(silent, 'connection');
      const { port } = silent.address() as net.AddressInfo;
      const attached = alpha.mirror.attach('127.0.0.1', { ...endpoint, port }, pair.epoch);
      const refused = expect(attached).rejects.toMatchObject({
        code: 'wrong-state',
        message: 'the mirror was stopped meanwhile',
      });
      await connected;
      const before = Date.now();
      await alpha.mirror.abort();
      await alpha.mirror.follow('127.0.0.1', pair.epoch);
      expect(Date.now() - before).toBeLessThan(4000);
      await refused;
    } finally {
      for (const socket of sockets) socket.destroy();
      silent.close();
    }
  });
});

suite('when it is stopped before the secondary has greeted', () => {
  test('no connection stays behind', async () => {
    const { alpha, beta } = pair;
    const sockets = () =>
      fs
        .readdirSync(`/proc/${alpha.mirror.pid}/fd`)
        .map((fd) => {
          try {
            return fs.readlinkSync(`/proc/${alpha.mirror.pid}/fd/${fd}`);
          } catch {
            return '';
          }
        })
        .filter((target) => target.startsWith('socket:')).length;
    const before = sockets();
    const endpoint = await beta.mirror.follow('127.0.0.1', pair.epoch);
    process.kill(pidOf(beta.mirror.pid), 'SIGSTOP');
    const refused = expect(alpha.mirror.attach('127.0.0.1', endpoint, pair.epoch)).rejects.toMatchObject({
      code: 'wrong-state',
    });
    for (let tries = 0; tries < 100 && sockets() === before; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(sockets()).toBe(before + 1);
    await alpha.mirror.abort();
    await refused;
    process.kill(pidOf(beta.mirror.pid), 'SIGCONT');
    for (let tries = 0; tries < 100 && sockets() !== before; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(sockets()).toBe(before);
  });
});

suite('when the state directory is full', () => {
  const state = () => pair.alpha.options.stateDirectory;
  const filler = () => path.join(state(), 'filler');
  /** Takes the last page of the state directory's file system. */
  const fill = () => {
    const fd = fs.openSync(filler(), 'a');
    try {
      for (;;) fs.writeSync(fd, Buffer.alloc(4096));
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' });
    } finally {
      fs.closeSync(fd);
    }
  };
  const marked = () => loadMarks(markFiles(state())).files.size;
  const until = async (done: () => boolean, limitMs = 10_000) => {
    for (const end = Date.now() + limitMs; !done() && Date.now() < end;) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(done()).toBe(true);
  };

  beforeEach(async () => {
    await pair.alpha.mirror.release();
    await pair.alpha.close();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', state()]);
    await pair.alpha.open();
    await pair.serve(pair.alpha);
  });
  afterEach(async () => {
    const stateDirectory = state();
    await cleanUp([() => pair.alpha.close(), () => unmount(stateDirectory)]);
  });

  test('a pair that is in step stays so, and its marks are cleared when there is room again', async () => {
    const { alpha, beta } = pair;
    await pair.join(alpha, beta);
    fill();
    const from = alpha.seen.length;
    fs.writeFileSync(file('a'), 'one');
    // The line of the log: a turn or the one after a failed drop was tried.
    await until(() => alpha.log.some((line) => line.includes('The zone marks stay for now')), 15_000);
    fs.writeFileSync(file('b'), 'two');
    expect(marked()).toBeGreaterThan(0);
    fs.rmSync(filler());
    await until(() => marked() === 0);
    expect(alpha.seen.slice(from).filter(({ type }) => type === 'peerLost' || type === 'failed')).toEqual([]);
    await alpha.mirror.release();
    expect(differences(alpha.directory, beta.directory)).toEqual([]);
  });

  test('the end of a resync that cannot be recorded loses the secondary and nothing else', async () => {
    const { alpha, beta } = pair;
    fs.writeFileSync(file('a'), 'one');
    fill();
    const from = await pair.attach(alpha, beta);
    expect((await alpha.event('peerLost', from)).reason).toMatch(/could not be recorded on this host.*ENOSPC/);
    fs.appendFileSync(file('a'), 'two');
    expect(marked()).toBeGreaterThan(0);
    fs.rmSync(filler());
    await pair.join(alpha, beta);
    expect(alpha.seen.filter(({ type }) => type === 'failed')).toEqual([]);
    await alpha.mirror.release();
    expect(differences(alpha.directory, beta.directory)).toEqual([]);
  });
});

suite('epochs', () => {
  test('are durable on both sides before enterEpoch returns, and never go back', async () => {
    const { alpha, beta } = pair;
    await pair.join(alpha, beta);
    await alpha.mirror.enterEpoch({ epoch: 9, primary: 'alpha' });
    const stored = JSON.parse(fs.readFileSync(path.join(beta.options.stateDirectory, 'replica.json'), 'utf8')) as {
      lineage: unknown[];
    };
    expect(stored.lineage.at(-1)).toEqual({ epoch: 9, primary: 'alpha' });
    await expect(alpha.mirror.enterEpoch({ epoch: 8, primary: 'alpha' })).rejects.toMatchObject({
      code: 'lower-epoch',
    });
  });

  test('a primary of a past epoch is refused and told the present one', async () => {
    const { alpha, beta } = pair;
    await pair.join(alpha, beta);
    await beta.mirror.enterEpoch({ epoch: 20, primary: 'beta' });
    const write = program('echo x > "$1"', file('a'));
    expect((await alpha.event('peerLost')).reason).toMatch(/refused: epoch 20/);
    expect(await write.waits()).toBe(true);
    expect(fs.existsSync(path.join(beta.directory, 'a'))).toBe(false);
    const endpoint = await beta.mirror.follow('127.0.0.1', 20);
    await pair.goAlone(alpha);
    await expect(alpha.mirror.attach('127.0.0.1', endpoint, pair.epoch)).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('epoch 20') as unknown,
    });
  });
});
