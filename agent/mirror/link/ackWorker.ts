import { randomBytes } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import {
  close,
  connect,
  errnoName,
  errnos,
  ErrnoError,
  receiveFully,
  sendFully,
  setIoFlusher,
  setTcpOptions,
  shutdown,
  signalEvent,
  tcpSocket,
} from '../../platform/libc.ts';
import { collectGarbage, Lull } from '../../platform/lull.ts';
import { describeError, MirrorError } from '../mirrorError.ts';
import { isRecord } from '../replica/record.ts';
import type { AckSetup, Answer, FromAckThread } from './ackMessages.ts';
import { FrameBuffer } from './frameBuffer.ts';
import { encodeHello, GREETING_BYTES, readAnswer } from './greeting.ts';
import { outsideOf } from './outside.ts';
import { ToFollower, ToPrimary } from './protocol.ts';
import { BadFrame, deriveKeys, type FrameHeader, Opener, Sealer } from './sealer.ts';
import { monotonicMs, SharedState } from './sharedState.ts';
import { takeAnswer } from './takeAnswer.ts';

/** The thread of a primary that connects to the follower and then receives: each acknowledgement lets replies to the kernel out. */
class AckThread {
  readonly #setup: AckSetup;
  readonly #shared: SharedState;
  readonly #buffer = new FrameBuffer();
  readonly #lull = new Lull(monotonicMs());
  #fd = -1;
  #follower = 'the follower';

  constructor(setup: AckSetup) {
    this.#setup = setup;
    this.#shared = new SharedState(outsideOf(setup.fuseFd, setup.wakeFd), setup.shared);
  }

  #post(message: FromAckThread): void {
    this.#setup.port.postMessage(message);
  }

  /** What the dispatcher has to decide. */
  readonly #passOn = (type: number, payload: Buffer): void => {
    this.#setup.answers.postMessage({ type, payload: new Uint8Array(payload) } satisfies Answer);
    signalEvent(this.#setup.wakeFd);
  };

  run(): void {
    let opener: Opener;
    try {
      opener = this.#connect();
    } catch (error) {
      if (this.#fd >= 0) close(this.#fd);
      const { code, message } = describeError(error);
      this.#post({ type: 'refused', code, message });
      return;
    }
    const reason = this.#receiveUntilEnd(opener);
    if (this.#shared.declareLost()) this.#post({ type: 'lost', reason });
    this.#post({ type: 'ended' });
  }

  #connect(): Opener {
    const { address, tcpPort, session, key, epoch, connectTimeoutMs, userTimeoutMs } = this.#setup;
    this.#fd = tcpSocket(address);
    setTcpOptions(this.#fd, { noDelay: true, sendTimeoutMs: connectTimeoutMs, receiveTimeoutMs: connectTimeoutMs });
    try {
      connect(this.#fd, { address, port: tcpPort });
    } catch (error) {
      if (!(error instanceof ErrnoError)) throw error;
      const why = error.errno === errnos.EINPROGRESS ? 'no answer' : error.code;
      throw new MirrorError('unreachable', `the follower at ${address} port ${tcpPort} cannot be reached: ${why}`);
    }
    const nonce = randomBytes(32);
    sendFully(this.#fd, encodeHello(session, nonce));
    const answer = Buffer.alloc(GREETING_BYTES);
    this.#receiveGreeting(answer);
    const keys = deriveKeys(Buffer.from(key, 'base64'), nonce, Buffer.from(readAnswer(answer)));
    const sealer = new Sealer(keys.toFollower);
    const opener = new Opener(keys.toPrimary);
    const hello = { module: this.#setup.identity, host: this.#setup.host };
    sendFully(this.#fd, sealer.seal(ToFollower.authenticate, epoch, [Buffer.from(JSON.stringify(hello))]));
    const { header, payload } = this.#receiveWelcome(opener);
    const welcome = JSON.parse(payload.toString('utf8')) as {
      host?: unknown;
      record?: unknown;
      marksProblem?: unknown;
      epoch?: unknown;
      reason?: unknown;
    };
    if (header.type === ToPrimary.refused) {
      throw new MirrorError('refused', `refused: epoch ${String(welcome.epoch)} (${String(welcome.reason)})`);
    }
    if (header.type !== ToPrimary.welcome || !isRecord(welcome.record)) {
      throw new MirrorError('not-a-mirror', 'the follower did not answer as a mirror does');
    }
    // The dispatcher sends without a limit of its own: the watchdog ends a connection on which nothing moves.
    setTcpOptions(this.#fd, { sendTimeoutMs: 0, receiveTimeoutMs: 0, keepAliveMs: 1000, userTimeoutMs });
    if (typeof welcome.host === 'string') this.#follower = welcome.host;
    this.#shared.connected(this.#fd, sealer.number);
    // The mirror was stopped while this connection came up: nobody will end it but us.
    if (this.#shared.aborted) shutdown(this.#fd);
    this.#post({
      type: 'connected',
      fd: this.#fd,
      sendKey: keys.toFollower.toString('base64'),
      sealed: sealer.number,
      host: this.#follower,
      record: welcome.record,
      marksProblem: typeof welcome.marksProblem === 'string' ? welcome.marksProblem : null,
    });
    return opener;
  }

  #receiveGreeting(answer: Buffer): void {
    try {
      if (receiveFully(this.#fd, answer)) return;
    } catch (error) {
      if (error instanceof ErrnoError && error.errno === errnos.EAGAIN) {
        throw new MirrorError('unreachable', 'the follower accepted the connection and does not answer');
      }
      throw error;
    }
    throw new MirrorError('refused', 'the follower closed the connection without an answer');
  }

  #receiveWelcome(opener: Opener): { header: FrameHeader; payload: Buffer } {
    const probe = () => {
      // A follower that cannot read our first frame says so in the clear.
      const clear = this.#buffer.length === GREETING_BYTES ? this.#buffer.take(GREETING_BYTES) : null;
      if (clear) readAnswer(clear);
    };
    for (;;) {
      try {
        const frame = this.#buffer.next(opener);
        if (frame) return frame;
      } catch (error) {
        if (!(error instanceof BadFrame)) throw error;
        probe();
        throw new MirrorError('not-authentic', `the follower's answer is not authentic: ${error.message}`);
      }
      const got = this.#buffer.receive(this.#fd);
      if (got === -errnos.EINTR) continue;
      if (got === -errnos.EAGAIN) {
        throw new MirrorError('unreachable', 'the follower greeted and does not answer any more');
      }
      if (got <= 0) {
        probe();
        throw new MirrorError('not-authentic', 'the follower closed the connection: is its session key another one?');
      }
    }
  }

  /** Returns why the connection ended. */
  #receiveUntilEnd(opener: Opener): string {
    for (;;) {
      try {
        for (let frame = this.#buffer.next(opener); frame; frame = this.#buffer.next(opener)) {
          const end = takeAnswer(this.#shared, frame.header, frame.payload, this.#follower, this.#passOn);
          if (end !== null) return end;
        }
      } catch (error) {
        return `what the peer sent cannot be read: ${describeError(error).message}`;
      }
      if (this.#lull.turn(monotonicMs())) collectGarbage();
      const got = this.#buffer.receive(this.#fd);
      if (got === -errnos.EINTR) continue;
      if (got === 0) return 'the peer closed the connection';
      if (got < 0) return `the connection to the peer broke: ${errnoName(-got)}`;
    }
  }
}

try {
  setIoFlusher();
} catch {
  // Needs CAP_SYS_RESOURCE; without it memory pressure can slow the mirror down.
}
parentPort?.once('message', (setup: AckSetup | null) => {
  if (setup !== null) new AckThread(setup).run();
});
