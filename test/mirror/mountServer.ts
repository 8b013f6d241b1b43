/** A process that serves one mount, for the tests of the mount: `node mountServer.mjs '{"directory":…}'`. */
import fs from 'node:fs';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { Mutation, MutationSink, PreparedReply } from '../../agent/mirror/mutation.ts';
import { serveColdReads } from '../../agent/mirror/mount/coldReads.ts';
import type { ColdReadSetup } from '../../agent/mirror/mount/coldReads.ts';
import { mountFuse } from '../../agent/mirror/mount/mountFuse.ts';
import { FuseSession } from '../../agent/mirror/mount/session.ts';
import type { FuseOptions } from '../../agent/mirror/mount/context.ts';
import * as libc from '../../agent/platform/libc.ts';

export interface ServerOptions {
  readonly directory: string;
  readonly fsName: string;
  /** Where mutations go, one JSON object a line; the answer is immediate without. */
  readonly log?: string;
  /** Replies are written by another thread, this many milliseconds later. */
  readonly deferMs?: number;
  /** Names that the sink refuses with ENOSPC. */
  readonly refuse?: string;
  /** Idle steps that report more to do. */
  readonly idleSteps?: number;
  readonly session?: Partial<FuseOptions>;
}

interface ThreadData {
  readonly role: 'session' | 'replies';
  readonly options: ServerOptions;
  readonly fuseFd: number;
  readonly backingFd: number;
  readonly wakeFd: number;
  /** Replies from the session to the thread that answers later. */
  readonly replyFd: number;
}

const json = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) => {
    if (typeof each === 'bigint') return { ns: each.toString() };
    if (each instanceof Uint8Array) return { base64: Buffer.from(each).toString('base64') };
    return each;
  });

class TestSink implements MutationSink {
  readonly #data: ThreadData;
  readonly #log: number;
  readonly calls: string[] = [];
  readonly #begun = new Map<number, Buffer>();
  #lastBegun = 0;

  constructor(data: ThreadData) {
    this.#data = data;
    this.#log = data.options.log === undefined ? -1 : fs.openSync(data.options.log, 'a');
  }

  #record(entry: unknown): void {
    if (this.#log !== -1) fs.writeSync(this.#log, `${json(entry)}\n`);
  }

  prepare(mutation: Mutation): void {
    const { refuse } = this.#data.options;
    const path = 'path' in mutation ? mutation.path : 'file' in mutation ? mutation.file.path : mutation.to;
    if (refuse !== undefined && path === refuse) throw new libc.ErrnoError(libc.errnos.ENOSPC, 'prepare');
  }

  #reply(reply: PreparedReply): boolean {
    if (this.#data.options.deferMs === undefined) return false;
    const frame = Buffer.alloc(4 + reply.bytes.byteLength);
    frame.writeUInt32LE(reply.bytes.byteLength);
    frame.set(reply.bytes, 4);
    libc.write(this.#data.replyFd, frame);
    return true;
  }

  commit(mutations: readonly Mutation[], reply: PreparedReply): boolean {
    for (const mutation of mutations) this.#record(mutation);
    return this.#reply(reply);
  }

  begin(mutation: Mutation, reply: PreparedReply): number {
    this.#record(mutation);
    this.#begun.set(++this.#lastBegun, Buffer.from(reply.bytes));
    return this.#lastBegun;
  }

  beginFlush(file: { ino: number; path: string | null }, _datasync: boolean, reply: PreparedReply): number {
    this.#record({ kind: 'flush', file });
    this.#begun.set(++this.#lastBegun, Buffer.from(reply.bytes));
    return this.#lastBegun;
  }

  finish(begun: number, errno: number, repair: readonly Mutation[] | null): void {
    for (const mutation of repair ?? []) this.#record(mutation);
    let bytes = this.#begun.get(begun) ?? Buffer.alloc(0);
    this.#begun.delete(begun);
    if (errno !== 0) {
      bytes = bytes.subarray(0, 16);
      bytes.writeUInt32LE(16, 0);
      bytes.writeInt32LE(-errno, 4);
    }
    if (!this.#reply({ bytes })) libc.tryWrite(this.#data.fuseFd, bytes);
  }

  unknown(): void {
    this.#record({ kind: 'unknown' });
  }

  gather(): void {}

  settle(): void {}

  released(ino: number): void {
    this.#record({ kind: 'released', ino });
  }
}

function serve(data: ThreadData): void {
  const sink = new TestSink(data);
  const log = (message: string): void => parentPort?.postMessage({ type: 'log', message });
  const session = new FuseSession(data.fuseFd, data.backingFd, sink, {
    log,
    coldReadScript: import.meta.filename,
    ...data.options.session,
  });
  let steps = data.options.idleSteps ?? 0;
  const idleStep = (): boolean => {
    if (--steps === 0) parentPort?.postMessage({ type: 'idle work done' });
    return steps > 0;
  };
  const end = session.run({
    wakeFd: data.wakeFd,
    onWake: () => {
      libc.clearEvent(data.wakeFd);
      parentPort?.postMessage({ type: 'woken' });
      return !fs.existsSync(`${data.options.log ?? ''}.stop`);
    },
    idleStep: data.options.idleSteps === undefined ? null : idleStep,
  });
  session.close();
  parentPort?.postMessage({ type: 'ended', end });
}

/** Answers what the session handed over, after a while. */
function answerLater(data: ThreadData): void {
  const header = Buffer.alloc(4);
  const pause = new Int32Array(new SharedArrayBuffer(4));
  while (libc.read(data.replyFd, header) === 4) {
    const bytes = Buffer.alloc(header.readUInt32LE());
    libc.read(data.replyFd, bytes);
    Atomics.wait(pause, 0, 0, data.options.deferMs);
    libc.tryWrite(data.fuseFd, bytes);
  }
}

function main(options: ServerOptions): void {
  const mounted = mountFuse(options.directory, { fsName: options.fsName });
  const wakeFd = libc.eventfd();
  const { readFd, writeFd } = libc.pipe();
  const common = { options, fuseFd: mounted.fuseFd, backingFd: mounted.backingFd, wakeFd };
  const start = (role: ThreadData['role'], replyFd: number): Worker => {
    const workerDataOf: ThreadData = { ...common, role, replyFd };
    return new Worker(import.meta.filename, { workerData: workerDataOf });
  };
  const session = start('session', writeFd);
  start('replies', readFd);
  session.on('message', (message) => process.send?.(message));
  session.on('error', (error) => process.send?.({ type: 'log', message: `session died: ${error.stack ?? ''}` }));
  process.on('message', (command) => {
    if (command === 'wake') libc.signalEvent(wakeFd);
    else if (command === 'unmount') process.send?.({ type: 'unmounted', result: mounted.unmount() });
    else if (command === 'abort') mounted.abort();
    else process.kill(process.pid, 'SIGKILL'); // process.exit would wait for threads that block in the kernel
  });
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.send?.({ type: 'ready', connection: mounted.connection });
}

if (isMainThread) {
  main(JSON.parse(process.argv[2] ?? '{}') as ServerOptions);
} else {
  const data = workerData as ThreadData | ColdReadSetup;
  if (data.role === 'coldReads') serveColdReads(data);
  else if (data.role === 'session') serve(data);
  else answerLater(data);
}
