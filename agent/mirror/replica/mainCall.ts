import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { MirrorError } from '../mirrorError.ts';
import type { LineageEntry, ReplicaRecord } from '../mirror.ts';

/** What a blocking worker asks of the main thread, which owns the record. Each is durable before it is answered. */
export type MainCall =
  | { readonly op: 'enterEpoch'; readonly entry: LineageEntry }
  | { readonly op: 'updateRecord'; readonly change: Partial<Pick<ReplicaRecord, 'lineage' | 'syncId' | 'consistent'>> };

/** A call on its way, as the main thread receives it. */
export interface CallMessage {
  readonly type: 'call';
  readonly call: MainCall;
}

interface CallAnswer {
  readonly error: { readonly code: string; readonly message: string } | null;
}

const LIMIT_MS = 30_000;

/** The worker's end: a call that blocks until the main thread has answered. */
export class MainCaller {
  readonly #port: MessagePort;
  readonly #flag: Int32Array;

  constructor(port: MessagePort, flag: Int32Array) {
    this.#port = port;
    this.#flag = flag;
  }

  /** @throws MirrorError what the main thread threw */
  call(call: MainCall): void {
    Atomics.store(this.#flag, 0, 0);
    this.#port.postMessage({ type: 'call', call } satisfies CallMessage);
    if (Atomics.wait(this.#flag, 0, 0, LIMIT_MS) === 'timed-out') {
      throw new MirrorError('state-slow', `writing the replica's record took longer than ${LIMIT_MS / 1000} seconds`);
    }
    const answer = receiveMessageOnPort(this.#port) as { message: CallAnswer } | undefined;
    const error = answer?.message.error;
    if (error) throw new MirrorError(error.code, error.message);
  }
}

/** The main thread's end: answers the worker that waits. */
export function answerCall(port: MessagePort, flag: Int32Array, error: { code: string; message: string } | null): void {
  port.postMessage({ error } satisfies CallAnswer);
  Atomics.store(flag, 0, 1);
  Atomics.notify(flag, 0);
}
