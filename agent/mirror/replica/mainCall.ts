import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { MirrorError } from '../mirrorError.ts';
import type { LineageEntry } from '../mirror.ts';
import type { RecordChange } from './record.ts';

/** What a blocking worker asks of the main thread, which owns the record. Each is durable before it is answered. */
export type RecordCall =
  | { readonly op: 'enterEpoch'; readonly entry: LineageEntry }
  | { readonly op: 'updateRecord'; readonly change: RecordChange }
  | { readonly op: 'diskFailed'; readonly code: string };
/** Make the data of an open file, or the whole file system that it is on, durable: the worker can say meanwhile that it is alive. */
export type DurableCall = { readonly op: 'syncData' | 'syncFileSystem'; readonly fd: number };
export type MainCall = RecordCall | DurableCall;

/** A call that goes on while the worker does something else. */
export interface BegunCall {
  /** Whether it has been answered by now. */
  readonly over: () => boolean;
  /**
   * Waits for its end.
   * @param onWait called now and then meanwhile; what it throws ends the waiting
   * @throws MirrorError what the disk reported
   */
  readonly wait: (onWait: () => void) => void;
}

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
/** How often whoever waits for a disk says that it is alive. */
const ALIVE_EVERY_MS = 200;

/** The worker's end: a call that blocks until the main thread has answered. */
export class MainCaller {
  readonly #port: MessagePort;
  readonly #flag: Int32Array;
  readonly #limitMs: number;
  #number = 0;
  /** Calls that were begun, with their answers once they are there. */
  readonly #begun = new Map<number, CallAnswer | null>();

  constructor(port: MessagePort, flag: Int32Array, limitMs = LIMIT_MS) {
    this.#port = port;
    this.#flag = flag;
    this.#limitMs = limitMs;
  }

  /** @throws MirrorError what the main thread threw */
  call(call: RecordCall): void {
    this.#ask(call, this.#limitMs, () => {
      const seconds = this.#limitMs / 1000;
      throw new MirrorError('state-slow', `writing the replica's record took longer than ${seconds} seconds`);
    });
  }

  /**
   * Waits for the disk, however slow it is.
   * @param onWait called now and then meanwhile; what it throws ends the waiting
   * @throws MirrorError what the disk reported
   */
  makeDurable(call: DurableCall, onWait: () => void): void {
    this.#ask(call, ALIVE_EVERY_MS, onWait);
  }

  /** As {@link makeDurable}, but whoever has to know of its end waits for it later. */
  beginDurable(call: DurableCall): BegunCall {
    const number = this.#post(call);
    this.#begun.set(number, null);
    return {
      over: () => {
        this.#take(0);
        return this.#begun.get(number) !== null;
      },
      wait: (onWait) => {
        if (!this.#begun.has(number)) throw new Error('the end of this call was waited for already');
        const answer = this.#begun.get(number) ?? this.#answerTo(number, ALIVE_EVERY_MS, onWait);
        this.#begun.delete(number);
        throwError(answer);
      },
    };
  }

  #post(call: MainCall): number {
    const number = ++this.#number;
    this.#port.postMessage({ type: 'call', number, call } satisfies CallMessage);
    return number;
  }

  #ask(call: MainCall, waitMs: number, onWait: () => void): void {
    throwError(this.#answerTo(this.#post(call), waitMs, onWait));
  }

  /** Takes what has come. Answers to calls that were begun are kept for whoever asks; those that nobody waits for any more are dropped. */
  #take(wanted: number): CallAnswer | null {
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { message: CallAnswer } | undefined;
      if (!received) return null;
      const { message } = received;
      if (this.#begun.has(message.number)) this.#begun.set(message.number, message);
      if (message.number === wanted) return message;
    }
  }

  #answerTo(number: number, waitMs: number, onWait: () => void): CallAnswer {
    let next = performance.now() + waitMs;
    for (;;) {
      // Before the look at the port: an answer that comes between the two is not slept through.
      Atomics.store(this.#flag, 0, 0);
      const answer = this.#take(number);
      if (answer) return answer;
      const left = next - performance.now();
      if (left <= 0 || Atomics.wait(this.#flag, 0, 0, left) === 'timed-out') {
        onWait();
        next = performance.now() + waitMs;
      }
    }
  }
}

function throwError({ error }: CallAnswer): void {
  if (error) throw new MirrorError(error.code, error.message);
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
