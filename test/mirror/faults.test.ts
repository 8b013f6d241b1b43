import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe as suite, expect, test } from 'vitest';
import type { MirrorMessage } from '../../agent/mirror/ipc.ts';
import { IpcChannel } from '../../agent/mirror/ipcChannel.ts';
import type { FollowerEndpoint } from '../../agent/mirror/mirror.ts';
import { markFileEnd } from '../../agent/mirror/replica/markFile.ts';
import * as libc from '../../agent/platform/libc.ts';
import { mountAt, unmount } from '../../agent/platform/mounts.ts';
import { cleanUp } from '../support/cleanUp.ts';
import { GuestProgram } from './guestProgram.ts';
import { differences, mirrorBundle, Pair, settle, TestHost } from './pairHarness.ts';

const cleanups: (() => unknown)[] = [];
afterEach(() => cleanUp(cleanups.splice(0).reverse()));

async function newPair(options: ConstructorParameters<typeof Pair>[0] = {}): Promise<Pair> {
  const pair = new Pair(options);
  cleanups.push(() => pair.remove());
  return pair.open();
}

/** A file of blocks that all differ. */
function writeImage(file: string, megabytes: number): void {
  const image = Buffer.alloc(megabytes << 20);
  for (let at = 0; at < image.length; at += 512) image.writeDoubleLE(at + 0.5, at);
  fs.writeFileSync(file, image);
}

function overwrite(file: string, offset: number, length: number, byte: number): void {
  const fd = fs.openSync(file, 'r+');
  fs.writeSync(fd, Buffer.alloc(length, byte), 0, length, offset);
  fs.closeSync(fd);
}

suite('a resync that is interrupted', () => {
  test('leaves a replica that is never served, and the next one completes it', async () => {
    const pair = await newPair({ alpha: { resyncBandwidth: 4 << 20 } });
    const { alpha, beta } = pair;
    writeImage(path.join(alpha.directory, 'image'), 16);
    await pair.serve(alpha);
    const from = await pair.attach(alpha, beta);
    await alpha.event('resync', from, 10_000, (event) => event.progress.sent > 1 << 20);
    await beta.crash();
    await alpha.event('peerLost', from);
    await beta.open();
    expect((await beta.mirror.record()).consistent).toBe(false);
    await expect(beta.mirror.serve(5)).rejects.toMatchObject({ code: 'not-consistent' });
    const inStep = await pair.join(alpha, beta);
    expect((await beta.mirror.record()).consistent).toBe(true);
    // What had arrived before is compared, not sent again.
    expect(inStep.progress.sent).toBeLessThan(16 << 20);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  test('stays within its bandwidth', async () => {
    const pair = await newPair({ alpha: { resyncBandwidth: 4 << 20 } });
    const { alpha, beta } = pair;
    writeImage(path.join(alpha.directory, 'image'), 8);
    await pair.serve(alpha);
    const inStep = await pair.join(alpha, beta);
    expect(inStep.durationMs).toBeGreaterThan(1400);
    // Two seconds, and what the disks take.
    expect(inStep.durationMs).toBeLessThan(15_000);
  });

  test('as a delta stays a delta', async () => {
    const pair = await newPair();
    const { alpha, beta } = pair;
    writeImage(path.join(alpha.directory, 'image'), 16);
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    await beta.crash();
    await alpha.event('peerLost');
    await pair.goAlone(alpha);
    for (let each = 0; each < 16; each++) overwrite(path.join(alpha.directory, 'image'), each << 20, 65536, 200);
    const relay = await Relay.between(beta, pair);
    await beta.open();
    const from = alpha.seen.length;
    await alpha.mirror.attach(
      '127.0.0.1',
      relay.endpointOf(await beta.mirror.follow('127.0.0.1', pair.epoch), 300_000),
      pair.epoch,
    );
    await alpha.event('peerLost', from);
    const inStep = await pair.join(alpha, beta);
    expect(inStep.progress.kind).toBe('delta');
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });
});

/** Passes a connection on, and cuts it after so many bytes. */
class Relay {
  readonly #server: net.Server;
  #target = 0;
  #left = Infinity;
  readonly sockets: net.Socket[] = [];

  private constructor(server: net.Server) {
    this.#server = server;
    server.on('connection', (near) => {
      const far = net.connect(this.#target, '127.0.0.1');
      this.sockets.push(near, far);
      for (const socket of [near, far]) socket.on('error', () => {});
      near.on('data', (data) => {
        this.#left -= data.length;
        if (this.#left < 0) this.cut();
        else far.write(data);
      });
      far.on('data', (data) => near.write(data));
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
    });
  }

  static async between(_follower: TestHost, _pair: Pair): Promise<Relay> {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const relay = new Relay(server);
    cleanups.push(() => {
      relay.cut();
      server.close();
    });
    return relay;
  }

  endpointOf(endpoint: FollowerEndpoint, bytes = Infinity): FollowerEndpoint {
    this.#target = endpoint.port;
    this.#left = bytes;
    return { ...endpoint, port: (this.#server.address() as net.AddressInfo).port };
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

suite('zone marks', () => {
  /** A primary that dies alone with marks, and a follower that knows its last resync. */
  async function dead(
    damage: (state: string) => void,
  ): Promise<{ pair: Pair; kind: string; cause: string; sent: number }> {
    const pair = await newPair();
    const { alpha, beta } = pair;
    writeImage(path.join(alpha.directory, 'image'), 8);
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    await beta.crash();
    await alpha.event('peerLost');
    await pair.goAlone(alpha);
    overwrite(path.join(alpha.directory, 'image'), 1 << 20, 4096, 1);
    overwrite(path.join(alpha.directory, 'image'), 5 << 20, 4096, 2);
    await alpha.crash();
    damage(alpha.options.stateDirectory);
    await alpha.open();
    await beta.open();
    await pair.serve(alpha);
    const { progress } = await pair.join(alpha, beta);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
    return { pair, ...progress };
  }
  const fullest = (state: string) =>
    ['marks.a.log', 'marks.b.log']
      .map((name) => path.join(state, name))
      .sort((a, b) => markFileEnd(b) - markFileEnd(a))[0] ?? '';

  test('survive a crash: the resync is a delta', async () => {
    expect(await dead(() => {})).toMatchObject({ kind: 'delta' });
  });

  test('with a last record that was torn by a crash are trusted', async () => {
    const result = await dead((state) => {
      const file = fullest(state);
      const fd = fs.openSync(file, 'r+');
      fs.writeSync(fd, Buffer.alloc(20, 0xee), 0, 20, markFileEnd(file));
      fs.closeSync(fd);
    });
    expect(result.kind).toBe('delta');
    expect(result.sent).toBeLessThan(100_000);
  });

  test('that are damaged in the middle are not trusted: everything is compared', async () => {
    const result = await dead((state) => overwrite(fullest(state), 36, 4, 0xee));
    expect(result).toMatchObject({ kind: 'full', cause: 'the zone marks of this host are damaged' });
    // Compared, not sent again.
    expect(result.sent).toBeLessThan(100_000);
  });

  test('that are missing are not trusted', async () => {
    expect(await dead((state) => fs.rmSync(path.join(state, 'marks.b.log')))).toMatchObject({ kind: 'full' });
  });

  test('go when both replicas are durable', async () => {
    const pair = await newPair();
    const { alpha, beta } = pair;
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    fs.writeFileSync(path.join(alpha.directory, 'file'), Buffer.alloc(300_000, 1));
    const from = alpha.seen.length;
    await alpha.event('stats', from, 5000, (event) => event.stats.markedBytes > 0);
    await alpha.event('stats', alpha.seen.length, 15_000, (event) => event.stats.markedBytes === 0);
    await alpha.crash();
    await alpha.open();
    await pair.serve(alpha);
    const { progress } = await pair.join(alpha, beta);
    expect(progress).toMatchObject({ kind: 'delta', checked: 0 });
  });
});

suite('the primary', () => {
  test('dies between two records: the promoted secondary holds every record that was durable', async () => {
    const pair = await newPair();
    const { alpha, beta } = pair;
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    const log = path.join(alpha.directory, 'records');
    const script =
      'i=0; while printf "%06d\\n" $i | dd of="$1" bs=7 oflag=append conv=notrunc,fsync 2>/dev/null; do echo $i; i=$((i+1)); done';
    const guest = new GuestProgram(script, log);
    cleanups.push(() => guest.kill());
    await alpha.event('stats', alpha.seen.length, 10_000, (event) => event.stats.flushes > 50);
    await alpha.crash();
    const reported = (await guest.end()).trim().split('\n').length;
    await pair.serve(beta);
    const held = fs.readFileSync(path.join(beta.directory, 'records'), 'utf8').trim().split('\n').map(Number);
    expect(held).toEqual(held.map((_, index) => index));
    expect(held.length).toBeGreaterThanOrEqual(reported);
    expect(held.length).toBeLessThanOrEqual(reported + 1);
    await alpha.open();
    await pair.join(beta, alpha);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });
});

suite('the network', () => {
  test('cut within a stream of writes: the primary holds, then goes on, and a delta mends the pair', async () => {
    const pair = await newPair();
    const { alpha, beta } = pair;
    await pair.serve(alpha);
    const relay = await Relay.between(beta, pair);
    await alpha.mirror.attach(
      '127.0.0.1',
      relay.endpointOf(await beta.mirror.follow('127.0.0.1', pair.epoch)),
      pair.epoch,
    );
    await alpha.event('inStep');
    await alpha.mirror.onPeerLoss('hold');
    const enough = path.join(alpha.base, 'enough');
    const guest = new GuestProgram(
      'until [ -e "$2" ]; do dd if=/dev/urandom of="$1" bs=16k count=100 2>/dev/null || exit 1; done; echo done',
      path.join(alpha.directory, 'file'),
      enough,
    );
    cleanups.push(() => guest.kill());
    await alpha.event('stats', alpha.seen.length, 5000, (event) => event.stats.writes > 20);
    relay.cut();
    await alpha.event('peerLost');
    const held = new GuestProgram('echo x > "$1" && echo written', path.join(alpha.directory, 'held'));
    cleanups.push(() => held.kill());
    expect(await held.waits()).toBe(true);
    await pair.goAlone(alpha);
    expect(await held.end()).toBe('written\n');
    fs.writeFileSync(enough, '');
    expect(await guest.end(20_000)).toBe('done\n');
    const { progress } = await pair.join(alpha, beta);
    expect(progress.kind).toBe('delta');
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });
});

/** A host whose replica lies on a file system of this size, bytes. */
function smallDisk(name: string, bytes: number): TestHost {
  const base = fs.mkdtempSync(path.join(os.tmpdir(), `us-${name}-`));
  const directory = path.join(base, 'data');
  fs.mkdirSync(directory);
  libc.mount('tmpfs', directory, 'tmpfs', 0, `size=${bytes}`);
  cleanups.push(() => {
    while (mountAt(directory) !== null) unmount(directory);
    fs.rmSync(base, { recursive: true, force: true });
  });
  const host = new TestHost(name, { directory }, base);
  cleanups.push(() => host.close());
  return host;
}

suite('a full disk', () => {
  test('of the secondary costs the secondary, not the guest', async () => {
    const pair = new Pair();
    cleanups.push(() => pair.alpha.remove());
    const beta = smallDisk('beta', 4 << 20);
    await pair.alpha.open();
    await beta.open();
    await pair.serve(pair.alpha);
    await pair.join(pair.alpha, beta);
    await pair.alpha.mirror.onPeerLoss('continue');
    fs.writeFileSync(path.join(pair.alpha.directory, 'big'), Buffer.alloc(8 << 20, 1));
    expect((await pair.alpha.event('peerLost')).reason).toMatch(/^beta: no space left on device/);
    expect(fs.statSync(path.join(pair.alpha.directory, 'big')).size).toBe(8 << 20);
  });

  test('of the primary gives the guest ENOSPC, and both replicas stay equal', async () => {
    const pair = new Pair();
    cleanups.push(() => pair.beta.remove());
    const alpha = smallDisk('alpha', 4 << 20);
    await alpha.open();
    await pair.beta.open();
    await pair.serve(alpha);
    await pair.join(alpha, pair.beta);
    expect(() => fs.writeFileSync(path.join(alpha.directory, 'big'), Buffer.alloc(8 << 20, 1))).toThrow(/ENOSPC/);
    expect(await settle(alpha.directory, pair.beta.directory)).toEqual([]);
    expect(alpha.seen.filter((event) => event.type === 'peerLost')).toEqual([]);
  });
});

suite('the agent', () => {
  test('dies without a word: guarded programs are killed, what waits fails, the mount goes', async () => {
    const host = new TestHost('alpha');
    cleanups.push(() => host.remove());
    const guest = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    cleanups.push(() => guest.kill('SIGKILL'));
    const [channelFd, childChannelFd] = libc.streamPair();
    const child = spawn(process.execPath, [await mirrorBundle()], {
      stdio: ['ignore', 'inherit', 'inherit', childChannelFd],
    });
    cleanups.push(() => child.kill('SIGKILL'));
    libc.close(childChannelFd);
    const answers: MirrorMessage[] = [];
    const channel = new IpcChannel(
      channelFd,
      (message) => answers.push(message as MirrorMessage),
      () => undefined,
    );
    const call = async (id: number, method: string, ...params: unknown[]) => {
      channel.send({ id, method, params });
      while (!answers.some((each) => 'id' in each && each.id === id)) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await call(1, 'open', host.options);
    await call(2, 'serve', 1);
    await call(3, 'guard', [guest.pid]);
    await call(4, 'freeze');
    const write = new GuestProgram('echo x > "$1"', path.join(host.directory, 'a'));
    expect(await write.waits(200)).toBe(true);
    const exited = new Promise((resolve) => child.once('exit', resolve));
    const killed = new Promise((resolve) => guest.once('exit', (_, signal) => resolve(signal)));
    channel.close();
    expect(await killed).toBe('SIGKILL');
    await write.end();
    await exited;
    expect(mountAt(host.directory)).toBeNull();
  });

  test('finds a mirror process that was killed, and the directory as plain files when it starts again', async () => {
    const host = new TestHost('alpha');
    cleanups.push(() => host.remove());
    await host.open();
    await host.mirror.serve(1);
    fs.writeFileSync(path.join(host.directory, 'a'), 'x');
    const from = host.seen.length;
    host.mirror.destroy();
    expect((await host.event('failed', from)).reason).toMatch(/killed by SIGKILL/);
    // The dead mount is still there: the next process takes it away.
    await host.open();
    expect(fs.readFileSync(path.join(host.directory, 'a'), 'utf8')).toBe('x');
    await host.mirror.serve(2);
  });

  test('is told when somebody else unmounts the mirror', async () => {
    const host = new TestHost('alpha');
    cleanups.push(() => host.remove());
    await host.open();
    await host.mirror.serve(1);
    unmount(host.directory);
    expect((await host.event('failed')).reason).toMatch(/unmounted by somebody else/);
  });

  test('puts a replica aside', async () => {
    const host = new TestHost('alpha');
    cleanups.push(() => host.remove());
    await host.open();
    fs.mkdirSync(path.join(host.directory, 'd'));
    fs.writeFileSync(path.join(host.directory, 'd', 'file'), 'kept', { mode: 0o640 });
    await host.mirror.follow('127.0.0.1', 1);
    const lineage = [{ epoch: 7, primary: 'alpha' }];
    const about = { host: 'alpha', kept: 'beta', reason: 'an operator chose to keep beta', lineage, keptLineage: [] };
    const folder = await host.mirror.keepAside('epoch-7', about);
    expect(differences(path.join(folder, 'files'), host.directory)).toEqual([]);
    const manifest = fs.readFileSync(path.join(folder, 'manifest.json'), 'utf8');
    expect(JSON.parse(manifest)).toMatchObject({ ...about, formatVersion: 1, differences: null });
    // The same history once more, after a crash say, is found; another one gets a folder of its own.
    expect(await host.mirror.keepAside('epoch-7', about)).toBe(folder);
    expect(await host.mirror.keepAside('epoch-7', { ...about, lineage: [] })).toBe(`${folder}-2`);
    await expect(host.mirror.keepAside('../x', about)).rejects.toMatchObject({ code: 'bad-name' });
  });
});

suite('what is kept aside', () => {
  test('needs room, which is known before anything is touched, in any role', async () => {
    const base = fs.mkdtempSync(path.join(os.tmpdir(), 'us-room-'));
    libc.mount('us-room', base, 'tmpfs', 0, 'size=80m');
    cleanups.push(() => {
      unmount(base);
      fs.rmSync(base, { recursive: true, force: true });
    });
    const host = new TestHost('alpha', { stateDirectory: path.join(base, 'state') });
    cleanups.push(() => host.remove());
    await host.open();
    await host.mirror.serve(1);
    await host.mirror.checkAsideRoom();
    // Beside what the agent keeps for itself.
    fs.writeFileSync(path.join(host.directory, 'image'), Buffer.alloc(30 << 20, 'content'));
    const refusal = {
      code: 'no-room',
      message: expect.stringMatching(/takes \d+ MiB.*has room for \d+ MiB/) as string,
    };
    await expect(host.mirror.checkAsideRoom()).rejects.toMatchObject(refusal);
    await host.mirror.release();
    await host.mirror.follow('127.0.0.1', 1);
    await expect(host.mirror.checkAsideRoom()).rejects.toMatchObject(refusal);
    expect(fs.readdirSync(path.join(base, 'state', 'aside'))).toEqual([]);
  });
});

suite('a directory that cannot be mirrored', () => {
  const refused = async (options: Partial<TestHost['options']>, prepare: (host: TestHost) => unknown = () => {}) => {
    const host = new TestHost('alpha');
    cleanups.push(() => host.remove());
    await prepare(host);
    Object.assign(host.options, options);
    return host.open().then(
      () => 'opened',
      (error: unknown) => error as { code: string; message: string },
    );
  };

  test('because it does not exist', async () => {
    expect(await refused({ directory: '/srv/no/such/place' })).toMatchObject({
      code: 'directory-missing',
      message: expect.stringContaining('create it') as unknown,
    });
  });

  test('because it is a file', async () => {
    expect(
      await refused({}, (host) => {
        fs.rmdirSync(host.directory);
        fs.writeFileSync(host.directory, '');
      }),
    ).toMatchObject({ code: 'not-a-directory' });
  });

  test('because another mirror has it', async () => {
    const first = new TestHost('alpha');
    cleanups.push(() => first.remove());
    await first.open();
    expect(await refused({ directory: first.directory, module: 'other' })).toMatchObject({ code: 'already-mirrored' });
    await first.mirror.serve(1);
    expect(await refused({ directory: first.directory, module: 'other' })).toMatchObject({
      code: 'already-mirrored',
      message: expect.stringContaining('understudy:web') as unknown,
    });
    expect(await refused({ stateDirectory: first.options.stateDirectory })).toMatchObject({ code: 'already-mirrored' });
  });

  test("because it lies in another module's mirror, or around it, whatever its path says", async () => {
    const first = new TestHost('alpha');
    cleanups.push(() => first.remove());
    fs.mkdirSync(path.join(first.directory, 'inner'));
    const link = path.join(first.base, 'link');
    fs.symlinkSync(path.join(first.directory, 'inner'), link);
    const inner = path.join(link, 'deep');
    fs.mkdirSync(inner);
    // Opened while nothing shows it yet: it is found when one of the two already serves.
    const early = new TestHost('alpha', { directory: inner, module: 'early' });
    cleanups.push(() => early.remove());
    await early.open();
    await first.open();
    await first.mirror.serve(1);
    const message = expect.stringContaining(
      `lies in ${first.directory}, which is the mirror understudy:web`,
    ) as unknown;
    await expect(early.mirror.serve(1)).rejects.toMatchObject({ code: 'nested', message });
    await expect(early.mirror.follow('127.0.0.1', 1)).rejects.toMatchObject({ code: 'nested', message });
    expect(fs.statSync(inner).isDirectory()).toBe(true);

    const other = path.join(link, 'other');
    fs.mkdirSync(other);
    expect(await refused({ directory: other, module: 'other' })).toMatchObject({ code: 'nested', message });
    expect(await refused({ directory: first.base, module: 'other' })).toMatchObject({
      code: 'nested',
      message: expect.stringContaining(`contains ${first.directory}`) as unknown,
    });
    // The one that was there first goes on.
    fs.writeFileSync(path.join(first.directory, 'inner', 'file'), 'still served');
    await early.close();
    await first.mirror.release();
    expect(fs.readFileSync(path.join(first.directory, 'inner', 'file'), 'utf8')).toBe('still served');
  });

  test('because its state would lie in it', async () => {
    const host = new TestHost('alpha');
    cleanups.push(() => host.remove());
    Object.assign(host.options, { stateDirectory: path.join(host.directory, 'state') });
    await expect(host.open()).rejects.toMatchObject({ code: 'nested' });
  });

  test('because it is mounted read-only', async () => {
    const host = new TestHost('alpha');
    cleanups.push(() => host.remove());
    libc.mount('tmpfs', host.directory, 'tmpfs', libc.MS_RDONLY, null);
    await expect(host.open()).rejects.toMatchObject({ code: 'directory-not-writable' });
  });

  test('because its record is of another version', async () => {
    expect(
      await refused({}, (host) => {
        fs.mkdirSync(host.options.stateDirectory);
        fs.writeFileSync(path.join(host.options.stateDirectory, 'replica.json'), '{"formatVersion": 2}');
      }),
    ).toMatchObject({ code: 'state-version' });
  });
});
