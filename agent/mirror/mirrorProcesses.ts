import { close } from '../platform/libc.ts';
import { MirrorChild, type HandedChild, type MirrorSpawnOptions } from './childProcess.ts';
import { RESUME_VERSION, type MirrorMessage, type MirrorMethod } from './ipc.ts';
import { Keeper, type HandedKeeper, type Inheritance, type Successor } from './keeper.ts';
import type { MirrorEvent, MirrorOptions, MirrorSettings } from './mirror.ts';
import { MirrorCalls } from './mirrorCalls.ts';
import { MirrorError } from './mirrorError.ts';

/** A mirror that serves, for the program that takes the agent over. */
export interface HandedMirror {
  readonly child: HandedChild;
  readonly keeper: HandedKeeper;
  /** Numbers of calls go on from here. */
  readonly nextId: number;
  readonly guarded: readonly number[];
}

/** What another process has to go on with. */
export interface Carried {
  attached: boolean;
  holds: boolean;
  frozen: boolean;
  guarded: readonly number[];
}

/** A process that may take over. */
interface Prepared {
  readonly child: MirrorChild;
  readonly successor: Successor;
}

/** Another process has this long to take over from one that ended; then it is as if nobody could. */
const TAKE_OVER_LIMIT_MS = 4000;
/** And longer by what it has to read again of a journal, when the kernel knows hundreds of thousands of files: slowly, for a busy machine. */
const JOURNAL_BYTES_PER_MS = 10_000;
/** Calls that another process can be asked again: they say how things shall be, whatever was done of them. */
const ASKED_AGAIN = new Set<string>(['freeze', 'thaw', 'goAlone', 'guard', 'record', 'abort', 'reconfigure']);
/** A process that is to take over in order has this long to be ready, while the old one serves on. */
const READY_LIMIT_MS = 15_000;
/** After this long a process that was told to pause is not asked any more. */
const PAUSE_LIMIT_MS = 2000;
/** How long a mirror process may take to leave after `close`, milliseconds. */
const CLOSE_LIMIT_MS = 15_000;

/**
 * The processes that carry a mirror one after the other: starts the first one, has another one take over when it ends while it serves, and
 * hands over to another one in order.
 */
export class MirrorProcesses {
  #options: MirrorOptions;
  readonly #spawnOptions: MirrorSpawnOptions;
  readonly #carried: Carried;
  readonly #tell: (event: MirrorEvent) => void;
  readonly #keeper: Keeper;
  readonly #calls: MirrorCalls;
  #child: MirrorChild;
  #closing = false;
  #closed = false;
  /** Nobody takes over any more, whatever its process says, or had said, before it ends. */
  #destroyed = false;
  #gone: string | null = null;
  /** Calls wait for its end. */
  #takingOver: Promise<void> | null = null;
  /** Its end is asked for: another process is ready. */
  #leaving: MirrorChild | null = null;

  constructor(
    options: MirrorOptions,
    spawnOptions: MirrorSpawnOptions,
    handed: HandedMirror | null,
    carried: Carried,
    tell: (event: MirrorEvent) => void,
  ) {
    this.#options = options;
    this.#spawnOptions = spawnOptions;
    this.#carried = carried;
    this.#tell = tell;
    this.#keeper = new Keeper(options.module, handed?.keeper ?? null);
    this.#calls = new MirrorCalls(() => this.#child, handed?.nextId ?? 1);
    if (handed === null) {
      this.#child = this.#start(this.#keeper.forFirst());
      this.#keeper.started();
    } else {
      this.#child = MirrorChild.adopt(handed.child, spawnOptions, (message) =>
        this.#onMessage(message as MirrorMessage),
      );
    }
    this.#watch(this.#child);
  }

  #start({ stdio }: Inheritance): MirrorChild {
    return MirrorChild.start(this.#spawnOptions, stdio, (message) => this.#onMessage(message as MirrorMessage));
  }

  #watch(child: MirrorChild): void {
    void child.exited.then((how) => {
      if (child === this.#child && child !== this.#leaving) {
        this.#onExit(`the mirror process of ${this.#options.module} ${how}`);
      }
    });
  }

  /** Has the first process open the replica; when it cannot, it is gone. */
  async open(): Promise<void> {
    try {
      await this.#calls.send('open', [this.#options, this.#keeper.forFirst().inherited, null]);
    } catch (error) {
      this.#closing = true;
      this.#child.kill();
      await this.#child.exited;
      this.#keeper.close();
      throw error;
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** To whichever process carries the mirror, once it does. */
  async call(method: MirrorMethod, params: readonly unknown[]): Promise<unknown> {
    await this.#nobodyTakesOver();
    return this.#calls.send(method, params);
  }

  /** Tells the process that carries the mirror, and opens every later one by it. */
  async reconfigure(settings: MirrorSettings): Promise<void> {
    this.#options = { ...this.#options, ...settings };
    await this.call('reconfigure', [settings]);
  }

  /** To the process that is there now. */
  send(method: MirrorMethod, params: readonly unknown[]): Promise<unknown> {
    return this.#calls.send(method, params);
  }

  destroy(): void {
    this.#destroyed = true;
    this.#keeper.listen();
    this.#keeper.letGo();
    this.#child.kill();
  }

  /** Leaves the process as the end of this one would: it freezes, kills what it guards, and unmounts. Resolves when it has ended. */
  async abandon(): Promise<void> {
    this.#closing = true;
    this.#child.channel.close();
    await this.#child.exited;
    this.#keeper.close();
  }

  /** Whether another process can go on with what this one serves. */
  get isResumable(): boolean {
    this.#keeper.listen();
    return this.#keeper.isResumable;
  }

  /** What the program needs that takes the agent over; null when something is under way, then a moment later may be better. */
  handOver(): HandedMirror | null {
    this.#keeper.listen();
    const isQuiet = this.#gone === null && !this.#closing && !this.#takingOver && !this.#calls.areUnderWay;
    const child = this.#child.handOver();
    const { frozen, attached, holds, guarded } = this.#carried;
    if (!isQuiet || frozen || attached || holds || !this.#keeper.isResumable || child === null) return null;
    return { child, keeper: this.#keeper.handOver(), nextId: this.#calls.nextId, guarded };
  }

  async close(): Promise<void> {
    if (this.#gone === null) {
      this.#closing = true;
      const limit = setTimeout(() => this.#child.kill(), CLOSE_LIMIT_MS);
      try {
        await this.call('close', []);
      } catch (error) {
        // A process that was killed a moment ago takes no calls any more before its end is known.
        const isEnding = error instanceof MirrorError && error.code === 'process-gone';
        if (this.#gone === null && !isEnding) throw error;
      } finally {
        clearTimeout(limit);
      }
      this.#child.channel.close();
    }
    const limit = setTimeout(() => this.#child.kill(), CLOSE_LIMIT_MS);
    await this.#child.exited;
    clearTimeout(limit);
    if (!this.#closed) this.#keeper.close();
    this.#closed = true;
  }

  #onMessage(message: MirrorMessage): void {
    this.#keeper.listen();
    if (!('event' in message)) {
      this.#calls.answered(message);
      return;
    }
    if (message.event.type === 'peerLost') this.#carried.attached = false;
    this.#tell(message.event);
  }

  #onExit(reason: string): void {
    if (this.#gone !== null) return;
    this.#keeper.listen();
    const isWanted = !this.#closing && !this.#destroyed;
    if (isWanted && !this.#takingOver && this.#keeper.canResume) {
      this.#takingOver = this.#takeOver(reason).finally(() => (this.#takingOver = null));
    } else this.#end(reason);
  }

  #end(reason: string): void {
    if (this.#gone !== null) return;
    this.#gone = reason;
    // The kernel fails at once whatever waits for a mount that nobody holds any more.
    this.#keeper.letGo();
    this.#calls.end(reason);
    if (!this.#closing) this.#tell({ type: 'failed', reason });
  }

  async #takeOver(reason: string): Promise<void> {
    const since = performance.now();
    const again = this.#calls.which(({ method }) => ASKED_AGAIN.has(method));
    this.#calls.refuse(reason, ({ method }) => !ASKED_AGAIN.has(method));
    let next: Prepared;
    try {
      next = this.#prepare();
    } catch (error) {
      this.#end(`${reason}, and no other could be started: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    if (!(await this.#goOnWith(next, reason))) return;
    for (const request of again) this.#calls.post(request);
    this.#tookOver(false, reason, since);
  }

  /** Starts a process that may take over. */
  #prepare(): Prepared {
    const successor = this.#keeper.forNext();
    try {
      return { child: this.#start(successor), successor };
    } catch (error) {
      close(successor.socket);
      throw error;
    } finally {
      close(successor.childSocket);
    }
  }

  /** The process that served has ended: another one goes on. Returns false when it could not, and this mirror is gone. */
  async #goOnWith({ child, successor }: Prepared, reason: string): Promise<boolean> {
    const limit = setTimeout(
      () => {
        this.#keeper.letGo();
        child.kill();
      },
      TAKE_OVER_LIMIT_MS + this.#keeper.journalBytes / JOURNAL_BYTES_PER_MS,
    );
    try {
      this.#child = child;
      this.#watch(child);
      // The program on disk may be another one than that of the process which ended.
      await this.#isReady(child);
      if (this.#destroyed) throw new MirrorError('process-gone', 'the mirror was destroyed meanwhile');
      const resumed = this.#keeper.handTo(successor, this.#carried.holds);
      // First of all: should the agent end now, nothing may be left behind.
      await this.#calls.send('guard', [this.#carried.guarded]);
      await this.#calls.send('open', [this.#options, successor.inherited, resumed]);
      if (this.#carried.frozen) await this.#calls.send('freeze', []);
      return true;
    } catch (error) {
      this.#keeper.letGo();
      child.kill();
      await child.exited;
      const why = error instanceof Error ? error.message : String(error);
      this.#end(`${reason}, and no other could take over: ${why}`);
      return false;
    } finally {
      clearTimeout(limit);
    }
  }

  #tookOver(asked: boolean, reason: string, since: number): number {
    const { attached } = this.#carried;
    this.#carried.attached = false;
    const durationMs = Math.round(performance.now() - since);
    this.#tell({ type: 'tookOver', asked, reason, durationMs });
    if (attached) this.#tell({ type: 'peerLost', reason });
    return durationMs;
  }

  async #nobodyTakesOver(): Promise<void> {
    while (this.#takingOver) await this.#takingOver;
  }

  /** Hands over to a new process in order. Returns for how long writes had to wait, milliseconds. */
  async renew(): Promise<number> {
    await this.#nobodyTakesOver();
    this.#mayRenew();
    const old = this.#child;
    const next = this.#prepare();
    try {
      await this.#isReady(next.child);
      await this.#nobodyTakesOver();
      this.#mayRenew();
      if (old !== this.#child) throw new MirrorError('busy', 'another mirror process has just taken over');
      const turn = this.#takeTurn(old, next);
      this.#takingOver = turn.then(
        () => undefined,
        () => undefined,
      );
      return await turn.finally(() => (this.#takingOver = null));
    } catch (error) {
      if (next.child !== this.#child) {
        next.child.kill();
        next.child.channel.close();
        close(next.successor.socket);
      }
      throw error;
    }
  }

  /** @throws MirrorError when no other process can take over now */
  #mayRenew(): void {
    const { module } = this.#options;
    if (this.#gone !== null) throw new MirrorError('process-gone', this.#gone);
    if (!this.isResumable) {
      throw new MirrorError('not-resumable', `no other process can take over what the mirror of ${module} serves`);
    }
    if (this.#carried.frozen || this.#closing || this.#calls.areUnderWay) {
      throw new MirrorError('busy', `the mirror of ${module} is frozen or at work: try again in a moment`);
    }
  }

  /** Waits until a process that was prepared runs, and sees whether it knows what it would take over. */
  async #isReady(child: MirrorChild): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const ended = child.exited.then((how) => {
      throw new MirrorError('not-started', `the new mirror process ${how}`);
    });
    const late = new Promise<never>((_, reject) => {
      const told = `the new mirror process was not ready within ${READY_LIMIT_MS / 1000} s`;
      timer = setTimeout(() => reject(new MirrorError('not-started', told)), READY_LIMIT_MS);
    });
    ended.catch(() => undefined);
    try {
      const version = await Promise.race([this.#calls.send('resumes', [], child), ended, late]);
      if (version === RESUME_VERSION) return;
      throw new MirrorError(
        'other-version',
        `the program on disk takes over version ${String(version)} of a mirror, the one that runs leaves version ${RESUME_VERSION}: stop and start the module to run it`,
      );
    } finally {
      clearTimeout(timer);
    }
  }

  /** The old process ends between two requests, and the new one goes on. */
  async #takeTurn(old: MirrorChild, next: Prepared): Promise<number> {
    const since = performance.now();
    const reason = `the mirror process of ${this.#options.module} was renewed`;
    this.#leaving = old;
    try {
      // If it ends by itself in this moment, the new one is ready all the same.
      const ended = old.exited.then(() => true);
      // A process that does not answer is killed all the same: nothing is done twice then either.
      const paused = await Promise.race([this.#calls.send('pause', []), ended, after(PAUSE_LIMIT_MS, true)]);
      if (paused !== true) {
        throw new MirrorError(
          'busy',
          `the mirror of ${this.#options.module} waits for its disk: try again in a moment`,
        );
      }
      old.kill();
      if (!(await Promise.race([ended, after(TAKE_OVER_LIMIT_MS, false)]))) {
        this.#keeper.letGo();
        this.#end(`${reason}, and the old one does not end: it waits for its disk`);
        throw new MirrorError('process-gone', this.#gone ?? reason);
      }
      this.#keeper.listen();
      this.#calls.refuse(reason, () => true);
      if (!(await this.#goOnWith(next, reason))) throw new MirrorError('process-gone', this.#gone ?? reason);
    } finally {
      this.#leaving = null;
    }
    return this.#tookOver(true, reason, since);
  }
}

function after<T>(ms: number, value: T): Promise<T> {
  return new Promise((resolve) => setTimeout(() => resolve(value), ms).unref());
}
