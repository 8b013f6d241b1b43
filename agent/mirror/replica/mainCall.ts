import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { MirrorError } from '../mirrorError.ts';
import type { LineageEntry } from '../mirror.ts';
import type { RecordChange } from './record.ts';

/** What a blocking worker asks of the main thread, which owns the record. Each is durable before it is answered. */
export type MainCall =
  | { readonly op: 'enterEpoch'; readonly entry: LineageEntry }
  | { readonly op: 'updateRecord'; readonly change: RecordChange }
  | { readonly op: 'diskFailed'; readonly code: string };

/** A call on its way, as the main thread receives it. */
export interface CallMessage {
  readonly type: 'call';
  /** Tells its answer from one that comes later than its own call waited. */
  readonly number: number;
  readonly call: MainCall;
}

interface CallAnswer {
  readonly number: number;
  readonly error: { readonly code: string; readonly message: string } | null;
}

const LIMIT_MS = 30_000;

/** The worker's end: a call that blocks until the main thread has answered. */
export class MainCaller {
  readonly #port: MessagePort;
  readonly #flag: Int32Array;
  readonly #limitMs: number;
  #number = 0;

  constructor(port: MessagePort, flag: Int32Array, limitMs = LIMIT_MS) {
    this.#port = port;
    this.#flag = flag;
    this.#limitMs = limitMs;
  }

  /** @throws MirrorError what the main thread threw */
  call(call: MainCall): void {
    const number = ++this.#number;
    this.#port.postMessage({ type: 'call', number, call } satisfies CallMessage);
    const { error } = this.#answerTo(number);
    if (error) throw new MirrorError(error.code, error.message);
  }

  #answerTo(number: number): CallAnswer {
    const limit = performance.now() + this.#limitMs;
    for (;;) {
      // Before the look at the port: an answer that comes between the two is not slept through.
      Atomics.store(this.#flag, 0, 0);
      for (;;) {
        const received = receiveMessageOnPort(this.#port) as { message: CallAnswer } | undefined;
        if (!received) break;
        if (received.message.number === number) return received.message;
      }
      const left = limit - performance.now();
      if (left <= 0 || Atomics.wait(this.#flag, 0, 0, left) === 'timed-out') {
        const seconds = this.#limitMs / 1000;
        throw new MirrorError('state-slow', `writing the replica's record took longer than ${seconds} seconds`);
      }
    }
  }
}

/** The main thread's end: answers the call of this number. */
export function answerCall(
  port: MessagePort,
  flag: Int32Array,
  number: number,
  error: { code: string; message: string } | null,
): void {
  port.postMessage({ number, error } satisfies CallAnswer);
  Atomics.store(flag, 0, 1);
  Atomics.notify(flag, 0);
}
