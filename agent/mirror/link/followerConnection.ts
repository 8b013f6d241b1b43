import { randomBytes } from 'node:crypto';
import { close, ErrnoError, errnos, errnoName, MSG_DONTWAIT, sendFully, shutdown } from '../../platform/libc.ts';
import { ConnectionEnd } from './connectionEnd.ts';
import { FrameBuffer } from './frameBuffer.ts';
import { encodeAnswer, GREETING_BYTES, judgeHello, Verdict } from './greeting.ts';
import { BadFrame, deriveKeys, type FrameHeader, Opener, Sealer } from './sealer.ts';
import { monotonicMs } from './sharedState.ts';

/** One connection that a follower accepted: greeting, then frames. Never waits for bytes. */
export class FollowerConnection {
  readonly fd: number;
  /** See monotonicMs. */
  readonly acceptedAt = monotonicMs();
  /** The first frame was authentic. */
  authenticated = false;
  readonly #session: string;
  readonly #key: Buffer;
  readonly #buffer = new FrameBuffer();
  #opener: Opener | null = null;
  #sealer: Sealer | null = null;
  #ended = false;

  constructor(fd: number, session: string, key: Buffer) {
    this.fd = fd;
    this.#session = session;
    this.#key = key;
  }

  /** Takes what the socket has. Returns false when there was nothing. @throws ConnectionEnd */
  receive(): boolean {
    const got = this.#buffer.receive(this.fd, MSG_DONTWAIT);
    if (got > 0) return true;
    if (got === -errnos.EAGAIN || got === -errnos.EINTR) return false;
    if (got === 0) {
      throw new ConnectionEnd(
        this.#buffer.length > 0 ? 'the connection ended within a frame' : 'the primary closed the connection',
      );
    }
    throw new ConnectionEnd(`the connection broke: ${errnoName(-got)}`);
  }

  /** More has arrived than the frames that were taken. */
  get hasMore(): boolean {
    return this.#buffer.length > 0;
  }

  /** The next complete frame. The payload is valid until the next call. @throws ConnectionEnd */
  next(): { header: FrameHeader; payload: Buffer } | null {
    if (!this.#opener) {
      const greeting = this.#buffer.take(GREETING_BYTES);
      if (!greeting) return null;
      this.#answer(greeting);
    }
    if (!this.#opener) return null;
    try {
      return this.#buffer.next(this.#opener);
    } catch (error) {
      if (!(error instanceof BadFrame)) throw error;
      if (!this.authenticated) {
        this.#sendRaw(encodeAnswer(Verdict.notAuthentic, Buffer.alloc(32)));
        throw new ConnectionEnd('a primary connected with another session key');
      }
      throw new ConnectionEnd(error.message);
    }
  }

  #answer(greeting: Buffer): void {
    const { verdict, nonce, reason } = judgeHello(greeting, this.#session);
    const ownNonce = randomBytes(32);
    this.#sendRaw(encodeAnswer(verdict, ownNonce));
    if (verdict !== Verdict.welcome) throw new ConnectionEnd(reason);
    const keys = deriveKeys(this.#key, nonce, ownNonce);
    this.#opener = new Opener(keys.toFollower);
    this.#sealer = new Sealer(keys.toPrimary);
  }

  #sendRaw(bytes: Buffer): void {
    try {
      sendFully(this.fd, bytes);
    } catch (error) {
      if (!(error instanceof ErrnoError)) throw error;
      throw new ConnectionEnd(`the connection broke: ${error.code}`);
    }
  }

  /** @throws ConnectionEnd */
  send(type: number, epoch: number, payload: Uint8Array): void {
    if (!this.#sealer) throw new Error('a frame was sent before the greeting');
    this.#sendRaw(this.#sealer.seal(type, epoch, [payload]));
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    shutdown(this.fd);
    close(this.fd);
  }
}
