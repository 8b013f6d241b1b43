import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { MirrorMessage, MirrorMethod, MirrorRequest } from './ipc.ts';
import { Keeper, type Inheritance } from './keeper.ts';
import type {
  AsideFacts,
  FollowerEndpoint,
  LineageEntry,
  Mirror,
  MirrorEvent,
  MirrorOptions,
  ReplicaRecord,
} from './mirror.ts';
import { MirrorError } from './mirrorError.ts';

/** How the mirror process is found and run. */
export interface MirrorSpawnOptions {
  /** The bundle `mirror.mjs`; by default the one beside this program, else `dist/agent/mirror.mjs` above it. */
  readonly bundle?: string;
  /** Receives the process's own log lines (standard error); by default they go to this process's standard error. */
  readonly onLog?: (line: string) => void;
  /** A command that runs the rest of its arguments as a program, such as nsenter(1): for hosts that are namespaces of this machine. */
  readonly prefix?: readonly string[];
}

interface Waiting {
  readonly request: MirrorRequest;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: MirrorError) => void;
}

/** Another process has this long to take over from one that ended; then it is as if nobody could. */
const TAKE_OVER_LIMIT_MS = 4000;
/** Calls that another process can be asked again: they say how things shall be, whatever was done of them. */
const ASKED_AGAIN = new Set<string>(['freeze', 'thaw', 'goAlone', 'guard', 'record', 'abort']);
/** How long a mirror process may take to leave after `close`, milliseconds. */
const CLOSE_LIMIT_MS = 15_000;

/**
 * The agent's end of one mirror process. Spawns the process, checks directory and state directory there, and turns calls into
 * messages. If the agent dies without a word, the channel between the two closes and the process brings itself down. If the process dies
 * while it serves, another one takes its mount over, where the kernel allows: programs that use it wait for that, and notice nothing else.
 */
export class MirrorController implements Mirror {
  readonly #options: MirrorOptions;
  readonly #spawnOptions: MirrorSpawnOptions;
  readonly #keeper: Keeper;
  #child: ChildProcess;
  readonly #listeners: ((event: MirrorEvent) => void)[] = [];
  readonly #waiting = new Map<number, Waiting>();
  #exited: Promise<void> = Promise.resolve();
  #nextId = 1;
  #closing = false;
  #closed = false;
  #gone: string | null = null;
  /** Calls wait for its end. */
  #takingOver: Promise<void> | null = null;
  /** What another process has to go on with. */
  #attached = false;
  #holds = false;
  #frozen = false;
  #guarded: readonly number[] = [];

  private constructor(options: MirrorOptions, spawnOptions: MirrorSpawnOptions) {
    this.#options = options;
    this.#spawnOptions = spawnOptions;
    this.#keeper = new Keeper(options.module);
    this.#child = this.#spawn(this.#keeper.forFirst());
  }

  #spawn({ stdio }: Inheritance): ChildProcess {
    const { onLog } = this.#spawnOptions;
    const bundle = this.#spawnOptions.bundle ?? findBundle();
    const [program = process.execPath, ...args] = [
      ...(this.#spawnOptions.prefix ?? []),
      process.execPath,
      '--max-semi-space-size=64',
      bundle,
    ];
    const child = spawn(program, args, {
      stdio: ['ignore', 'inherit', onLog ? 'pipe' : 'inherit', 'ipc', ...stdio],
      // A signal to the agent's group (Ctrl-C) must not take the data plane down before the agent has stopped in order.
      detached: true,
    });
    this.#keeper.started();
    child.on('message', (message) => this.#onMessage(message as MirrorMessage));
    if (child.stderr && onLog) forwardLines(child.stderr, onLog);
    this.#exited = new Promise((resolve) => {
      const ended = (reason: string) => {
        if (child === this.#child) this.#onExit(`the mirror process of ${this.#options.module} ${reason}`);
        resolve();
      };
      child.once('exit', (code, signal) =>
        ended(signal ? `was killed by ${signal}` : `ended with code ${code ?? '?'}`),
      );
      child.once('error', (error) => ended(`could not be started: ${error.message}`));
    });
    return child;
  }

  /**
   * Starts the mirror process of a module and opens the replica.
   * @throws MirrorError "directory-missing", "directory-not-writable", "already-mirrored", "nested", "state-version", …; the process
   * is gone then.
   */
  static async open(options: MirrorOptions, spawnOptions: MirrorSpawnOptions = {}): Promise<MirrorController> {
    const controller = new MirrorController(options, spawnOptions);
    try {
      await controller.#send('open', [options, controller.#keeper.forFirst().inherited, null]);
    } catch (error) {
      controller.#closing = true;
      controller.#child.kill('SIGKILL');
      await controller.#exited;
      controller.#keeper.close();
      throw error;
    }
    return controller;
  }

  /** The process's id, for logs and fault tests; undefined if it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  readonly events = (listener: (event: MirrorEvent) => void): void => {
    this.#listeners.push(listener);
  };

  async record(): Promise<ReplicaRecord> {
    return (await this.#call('record', [])) as ReplicaRecord;
  }

  async enterEpoch(entry: LineageEntry): Promise<void> {
    await this.#call('enterEpoch', [entry]);
  }

  async follow(address: string, epoch: number): Promise<FollowerEndpoint> {
    return (await this.#call('follow', [address, epoch])) as FollowerEndpoint;
  }

  async serve(epoch: number): Promise<void> {
    await this.#call('serve', [epoch]);
  }

  async attach(address: string, endpoint: FollowerEndpoint, epoch: number): Promise<void> {
    this.#attached = true;
    await this.#call('attach', [address, endpoint, epoch]);
  }

  async onPeerLoss(mode: 'hold' | 'continue'): Promise<void> {
    await this.#call('onPeerLoss', [mode]);
    this.#holds = mode === 'hold';
  }

  async freeze(): Promise<void> {
    this.#frozen = true;
    await this.#call('freeze', []);
  }

  async thaw(): Promise<void> {
    await this.#call('thaw', []);
    this.#frozen = false;
  }

  async goAlone(entry: LineageEntry): Promise<void> {
    await this.#call('goAlone', [entry]);
    this.#holds = this.#frozen = this.#attached = false;
  }

  async verify(bandwidth: number | null): Promise<void> {
    await this.#call('verify', [bandwidth]);
  }

  async stopVerify(): Promise<boolean> {
    return (await this.#call('stopVerify', [])) as boolean;
  }

  async abort(): Promise<void> {
    await this.#call('abort', []);
    this.#holds = this.#frozen = this.#attached = false;
  }

  async release(): Promise<void> {
    await this.#call('release', []);
    this.#holds = this.#frozen = this.#attached = false;
  }

  async keepAside(name: string, about: AsideFacts): Promise<string> {
    return (await this.#call('keepAside', [name, about])) as string;
  }

  async guard(processGroups: readonly number[]): Promise<void> {
    this.#guarded = processGroups;
    await this.#call('guard', [processGroups]);
  }

  destroy(): void {
    this.#keeper.listen();
    this.#keeper.letGo();
    this.#child.kill('SIGKILL');
  }

  async close(): Promise<void> {
    if (this.#gone === null) {
      this.#closing = true;
      const limit = setTimeout(() => this.#child.kill('SIGKILL'), CLOSE_LIMIT_MS);
      try {
        await this.#call('close', []);
      } catch (error) {
        // A process that was killed a moment ago takes no calls any more before its end is known.
        const isEnding = error instanceof MirrorError && error.code === 'process-gone';
        if (this.#gone === null && !isEnding) throw error;
      } finally {
        clearTimeout(limit);
      }
      if (this.#child.connected) this.#child.disconnect();
    }
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), CLOSE_LIMIT_MS);
    await this.#exited;
    clearTimeout(limit);
    if (!this.#closed) this.#keeper.close();
    this.#closed = true;
  }

  async #call(method: MirrorMethod, params: readonly unknown[]): Promise<unknown> {
    while (this.#takingOver) await this.#takingOver;
    return this.#send(method, params);
  }

  #send(method: MirrorMethod | 'open', params: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#gone !== null) {
        reject(new MirrorError('process-gone', this.#gone));
        return;
      }
      const request: MirrorRequest = { id: this.#nextId++, method, params };
      this.#waiting.set(request.id, { request, resolve, reject });
      this.#post(request);
    });
  }

  #post(request: MirrorRequest): void {
    const child = this.#child;
    child.send(request, (error) => {
      // A process that has ended is noticed by its end.
      if (error === null || child !== this.#child || child.exitCode !== null || child.signalCode !== null) return;
      const waiting = this.#waiting.get(request.id);
      if (!this.#waiting.delete(request.id)) return;
      waiting?.reject(
        new MirrorError('process-gone', `the mirror process does not take calls any more: ${error.message}`),
      );
    });
  }

  #onMessage(message: MirrorMessage): void {
    this.#keeper.listen();
    if ('event' in message) {
      if (message.event.type === 'peerLost') this.#attached = false;
      this.#tell(message.event);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if ('error' in message) waiting?.reject(new MirrorError(message.error.code, message.error.message));
    else waiting?.resolve(message.result);
  }

  #tell(event: MirrorEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #onExit(reason: string): void {
    if (this.#gone !== null) return;
    this.#keeper.listen();
    if (!this.#closing && !this.#takingOver && this.#keeper.canResume) {
      this.#takingOver = this.#takeOver(reason).finally(() => (this.#takingOver = null));
    } else this.#end(reason);
  }

  #end(reason: string): void {
    if (this.#gone !== null) return;
    this.#gone = reason;
    // The kernel fails at once whatever waits for a mount that nobody holds any more.
    this.#keeper.letGo();
    this.#refuse(reason, () => true);
    if (!this.#closing) this.#tell({ type: 'failed', reason });
  }

  #refuse(reason: string, which: (request: MirrorRequest) => boolean): void {
    for (const [id, { request, reject }] of this.#waiting) {
      if (!which(request)) continue;
      this.#waiting.delete(id);
      reject(new MirrorError('process-gone', reason));
    }
  }

  async #takeOver(reason: string): Promise<void> {
    const since = performance.now();
    const attached = this.#attached;
    this.#attached = false;
    const again = [...this.#waiting.values()]
      .map(({ request }) => request)
      .filter(({ method }) => ASKED_AGAIN.has(method));
    this.#refuse(reason, ({ method }) => !ASKED_AGAIN.has(method));
    const inheritance = this.#keeper.forNext(this.#holds);
    const limit = setTimeout(() => {
      this.#keeper.letGo();
      this.#child.kill('SIGKILL');
    }, TAKE_OVER_LIMIT_MS);
    try {
      this.#child = this.#spawn(inheritance);
      // First of all: should the agent end now, nothing may be left behind.
      await this.#send('guard', [this.#guarded]);
      await this.#send('open', [this.#options, inheritance.inherited, inheritance.resumed]);
      if (this.#frozen) await this.#send('freeze', []);
    } catch (error) {
      this.#keeper.letGo();
      this.#child.kill('SIGKILL');
      await this.#exited;
      const why = error instanceof Error ? error.message : String(error);
      this.#end(`${reason}, and no other could take over: ${why}`);
      return;
    } finally {
      clearTimeout(limit);
    }
    for (const request of again) this.#post(request);
    this.#tell({ type: 'tookOver', reason, durationMs: Math.round(performance.now() - since) });
    if (attached) this.#tell({ type: 'peerLost', reason });
  }
}

function findBundle(): string {
  const candidates = [
    join(import.meta.dirname, 'mirror.mjs'),
    join(import.meta.dirname, '..', '..', 'dist', 'agent', 'mirror.mjs'),
    join(import.meta.dirname, '..', 'agent', 'mirror.mjs'),
  ];
  const found = candidates.find((candidate) => existsSync(candidate));
  if (!found) {
    throw new MirrorError('bundle-missing', 'dist/agent/mirror.mjs is missing: build the agent first (npm run build)');
  }
  return found;
}

function forwardLines(stream: NodeJS.ReadableStream, onLog: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLog(line);
  });
}
