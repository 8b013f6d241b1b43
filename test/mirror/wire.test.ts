import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe as suite, expect, test } from 'vitest';
import { ByteWriter } from '../../agent/mirror/link/bytes.ts';
import { encodeHello, GREETING_BYTES, readAnswer } from '../../agent/mirror/link/greeting.ts';
import { encodeMutation } from '../../agent/mirror/link/mutationCodec.ts';
import { MAX_PAYLOAD_BYTES, PROTOCOL_VERSION, ToFollower } from '../../agent/mirror/link/protocol.ts';
import { deriveKeys, Sealer } from '../../agent/mirror/link/sealer.ts';
import type { FollowerEndpoint } from '../../agent/mirror/mirror.ts';
import type { Mutation } from '../../agent/mirror/mutation.ts';
import { TestHost } from './pairHarness.ts';

const EPOCH = 5;

/** Speaks the wire by hand, so that it can break its rules. */
class HandmadePrimary {
  readonly #socket: net.Socket;
  #received = Buffer.alloc(0);
  #sealer: Sealer | null = null;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (data) => (this.#received = Buffer.concat([this.#received, data])));
    socket.on('error', () => {});
  }

  static async connect(endpoint: FollowerEndpoint): Promise<HandmadePrimary> {
    const socket = net.connect(endpoint.port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    return new HandmadePrimary(socket);
  }

  /** Greets; returns what the follower answers. */
  async greet(endpoint: FollowerEndpoint, version = PROTOCOL_VERSION): Promise<Buffer> {
    const nonce = randomBytes(32);
    this.#socket.write(encodeHello(endpoint.session, nonce, version));
    while (this.#received.length < GREETING_BYTES) await new Promise((resolve) => setTimeout(resolve, 5));
    const answer = this.#received.subarray(0, GREETING_BYTES);
    if (version === PROTOCOL_VERSION && answer.readUInt32LE(12) === 0) {
      this.#sealer = new Sealer(deriveKeys(Buffer.from(endpoint.key, 'base64'), nonce, readAnswer(answer)).toFollower);
    }
    return answer;
  }

  frame(type: number, payload: Uint8Array, epoch = EPOCH): Buffer {
    if (!this.#sealer) throw new Error('not greeted');
    return Buffer.from(this.#sealer.seal(type, epoch, [payload]));
  }

  /** A mkdir: what becomes of it shows whether a frame was applied. */
  mkdir(name: string, epoch = EPOCH): Buffer {
    const mutation: Mutation = { kind: 'mkdir', ino: 1, path: name, mode: 0o40755, uid: 0, gid: 0 };
    const out = new ByteWriter().u32(1);
    encodeMutation(out, mutation);
    return this.frame(ToFollower.mutations, out.done(), epoch);
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  end(): void {
    this.#socket.end();
  }

  /** Greets, authenticates, begins a resync. */
  async begin(endpoint: FollowerEndpoint): Promise<void> {
    await this.greet(endpoint);
    this.send(this.frame(ToFollower.authenticate, Buffer.from(JSON.stringify({ module: 'web', host: 'alpha' }))));
    this.send(this.frame(ToFollower.begin, Buffer.from(JSON.stringify({ kind: 'full' }))));
  }
}

let beta: TestHost;
let endpoint: FollowerEndpoint;
let primary: HandmadePrimary;

beforeEach(async () => {
  beta = new TestHost('beta');
  await beta.open();
  endpoint = await beta.mirror.follow('127.0.0.1', EPOCH);
  primary = await HandmadePrimary.connect(endpoint);
});
afterEach(async () => {
  primary.end();
  await beta.remove();
});

const ended = async () => (await beta.event('followerLink', 0, 8000, (event) => !event.connected)).reason;
const exists = (name: string) => fs.existsSync(path.join(beta.directory, name));

suite('a follower', () => {
  test('applies what is sealed well', async () => {
    await primary.begin(endpoint);
    primary.send(primary.mkdir('well'));
    primary.end();
    await ended();
    expect(exists('well')).toBe(true);
  });

  test('refuses another protocol version and names both', async () => {
    const answer = await primary.greet(endpoint, PROTOCOL_VERSION + 1);
    expect(() => readAnswer(answer)).toThrow(/./);
    expect(await ended()).toMatch(
      new RegExp(`version ${PROTOCOL_VERSION + 1}, this host version ${PROTOCOL_VERSION}: install the same version`),
    );
  });

  test('refuses the token of another session', async () => {
    const answer = await primary.greet({ ...endpoint, session: '00'.repeat(16) });
    expect(() => readAnswer(answer)).toThrow(/does not know this session/);
    expect(await ended()).toMatch(/another session/);
  });

  test('refuses another key', async () => {
    await primary.begin({ ...endpoint, key: randomBytes(32).toString('base64') });
    expect(await ended()).toMatch(/another session key/);
  });

  test('refuses what is no mirror at all', async () => {
    primary.send(Buffer.from('GET / HTTP/1.1\r\nHost: somewhere.example\r\nAccept: text/html\r\n\r\n\r\n'));
    expect(await ended()).toMatch(/not a mirror/);
  });

  test('never applies a frame in which one bit was flipped', async () => {
    await primary.begin(endpoint);
    const frame = primary.mkdir('flipped');
    frame.writeUInt8(frame.readUInt8(frame.length - 30) ^ 1, frame.length - 30);
    primary.send(frame);
    expect(await ended()).toMatch(/not authentic/);
    expect(exists('flipped')).toBe(false);
  });

  test('never applies a frame whose header was changed', async () => {
    await primary.begin(endpoint);
    const frame = primary.mkdir('header');
    frame.writeUInt8(99, 16);
    primary.send(frame);
    expect(await ended()).toMatch(/not authentic/);
    expect(exists('header')).toBe(false);
  });

  test('finds a repeated frame and a dropped one', async () => {
    await primary.begin(endpoint);
    const once = primary.mkdir('once');
    primary.send(Buffer.concat([once, once]));
    expect(await ended()).toMatch(/dropped, repeated or forged/);

    primary = await HandmadePrimary.connect(endpoint);
    const from = beta.seen.length;
    await primary.begin(endpoint);
    primary.mkdir('dropped');
    primary.send(primary.mkdir('after'));
    expect((await beta.event('followerLink', from, 8000, (event) => !event.connected)).reason).toMatch(
      /dropped, repeated/,
    );
    expect(exists('after')).toBe(false);
  });

  test('never applies a truncated frame', async () => {
    await primary.begin(endpoint);
    const frame = primary.mkdir('truncated');
    primary.send(frame.subarray(0, frame.length - 1));
    primary.end();
    expect(await ended()).toMatch(/within a frame/);
    expect(exists('truncated')).toBe(false);
  });

  test('refuses a frame that announces more than the protocol allows, before it comes', async () => {
    await primary.begin(endpoint);
    const frame = primary.mkdir('oversized');
    frame.writeUInt32LE(MAX_PAYLOAD_BYTES + 1, 0);
    primary.send(frame);
    expect(await ended()).toMatch(/announces 67108865 bytes/);
  });

  test('refuses a lower epoch', async () => {
    await primary.begin(endpoint);
    primary.send(primary.mkdir('late', EPOCH - 1));
    expect(await ended()).toMatch(/refused a frame of epoch 4: this replica is at epoch 5/);
    expect(exists('late')).toBe(false);
  });

  test.each(['../outside', '/etc/outside', 'a/../../outside'])('refuses the path %s', async (name) => {
    await primary.begin(endpoint);
    primary.send(primary.mkdir(name));
    expect(await ended()).toMatch(/leads out of the mirrored directory/);
    expect(fs.existsSync(path.join(beta.base, 'outside'))).toBe(false);
  });

  test('follows no symbolic link on the way to a file', async () => {
    fs.mkdirSync(path.join(beta.base, 'elsewhere'));
    await beta.mirror.release();
    fs.symlinkSync('../elsewhere', path.join(beta.directory, 'link'));
    endpoint = await beta.mirror.follow('127.0.0.1', EPOCH);
    primary = await HandmadePrimary.connect(endpoint);
    await primary.begin(endpoint);
    primary.send(primary.mkdir('link/inside'));
    primary.end();
    await ended();
    expect(fs.readdirSync(path.join(beta.base, 'elsewhere'))).toEqual([]);
  });

  test('serves a real primary after all of that', async () => {
    primary.send(Buffer.alloc(200, 1));
    await ended();
    const alpha = new TestHost('alpha');
    try {
      await alpha.open();
      await alpha.mirror.enterEpoch({ epoch: EPOCH, primary: 'alpha' });
      await alpha.mirror.serve(EPOCH);
      fs.writeFileSync(path.join(alpha.directory, 'file'), 'x');
      await expect(
        alpha.mirror.attach('127.0.0.1', { ...endpoint, key: randomBytes(32).toString('base64') }, EPOCH),
      ).rejects.toMatchObject({ code: 'not-authentic' });
      await expect(
        alpha.mirror.attach('127.0.0.1', { ...endpoint, session: '00'.repeat(16) }, EPOCH),
      ).rejects.toMatchObject({
        code: 'unknown-session',
      });
      await expect(alpha.mirror.attach('127.0.0.1', { ...endpoint, protocolVersion: 9 }, EPOCH)).rejects.toMatchObject({
        code: 'other-version',
      });
      await expect(alpha.mirror.attach('127.0.0.1', { ...endpoint, port: 1 }, EPOCH)).rejects.toMatchObject({
        code: 'unreachable',
      });
      await alpha.mirror.attach('127.0.0.1', endpoint, EPOCH);
      await alpha.event('inStep');
      expect(fs.readFileSync(path.join(beta.directory, 'file'), 'utf8')).toBe('x');
    } finally {
      await alpha.remove();
    }
  });
});
