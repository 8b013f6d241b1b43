import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { MirrorMessage, MirrorMethod, MirrorRequest } from './ipc.ts';
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
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: MirrorError) => void;
}

/** How long a mirror process may take to leave after `close`, milliseconds. */
const CLOSE_LIMIT_MS = 15_000;

/**
 * The agent's end of one mirror process. Spawns the process, checks directory and state directory there, and turns calls into
 * messages. If the agent dies without a word, the channel between the two closes and the process brings itself down.
 */
export class MirrorController implements Mirror {
  readonly #child: ChildProcess;
  readonly #listeners: ((event: MirrorEvent) => void)[] = [];
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<void>;
  #nextId = 1;
  #closing = false;
  #gone: string | null = null;

  private constructor(child: ChildProcess, options: MirrorOptions, onLog: ((line: string) => void) | undefined) {
    this.#child = child;
    child.on('message', (message) => this.#onMessage(message as MirrorMessage));
    if (child.stderr && onLog) forwardLines(child.stderr, onLog);
    this.#exited = new Promise((resolve) => {
      const ended = (reason: string) => {
        this.#onExit(`the mirror process of ${options.module} ${reason}`);
        resolve();
      };
      child.once('exit', (code, signal) =>
        ended(signal ? `was killed by ${signal}` : `ended with code ${code ?? '?'}`),
      );
      child.once('error', (error) => ended(`could not be started: ${error.message}`));
    });
  }

  /**
   * Starts the mirror process of a module and opens the replica.
   * @throws MirrorError "directory-missing", "directory-not-writable", "already-mirrored", "nested", "state-version", …; the process
   * is gone then.
   */
  static async open(options: MirrorOptions, spawnOptions: MirrorSpawnOptions = {}): Promise<MirrorController> {
    const bundle = spawnOptions.bundle ?? findBundle();
    const [program = process.execPath, ...args] = [
      ...(spawnOptions.prefix ?? []),
      process.execPath,
      '--max-semi-space-size=64',
      bundle,
    ];
    const child = spawn(program, args, {
      stdio: ['ignore', 'inherit', spawnOptions.onLog ? 'pipe' : 'inherit', 'ipc'],
      // A signal to the agent's group (Ctrl-C) must not take the data plane down before the agent has stopped in order.
      detached: true,
    });
    const controller = new MirrorController(child, options, spawnOptions.onLog);
    try {
      await controller.#call('open', [options]);
    } catch (error) {
      controller.#closing = true;
      child.kill('SIGKILL');
      await controller.#exited;
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
    await this.#call('attach', [address, endpoint, epoch]);
  }

  async onPeerLoss(mode: 'hold' | 'continue'): Promise<void> {
    await this.#call('onPeerLoss', [mode]);
  }

  async freeze(): Promise<void> {
    await this.#call('freeze', []);
  }

  async thaw(): Promise<void> {
    await this.#call('thaw', []);
  }

  async goAlone(entry: LineageEntry): Promise<void> {
    await this.#call('goAlone', [entry]);
  }

  async verify(bandwidth: number | null): Promise<void> {
    await this.#call('verify', [bandwidth]);
  }

  async stopVerify(): Promise<boolean> {
    return (await this.#call('stopVerify', [])) as boolean;
  }

  async abort(): Promise<void> {
    await this.#call('abort', []);
  }

  async release(): Promise<void> {
    await this.#call('release', []);
  }

  async keepAside(name: string, about: AsideFacts): Promise<string> {
    return (await this.#call('keepAside', [name, about])) as string;
  }

  async guard(processGroups: readonly number[]): Promise<void> {
    await this.#call('guard', [processGroups]);
  }

  destroy(): void {
    this.#child.kill('SIGKILL');
  }

  async close(): Promise<void> {
    if (this.#gone === null) {
      this.#closing = true;
      const limit = setTimeout(() => this.#child.kill('SIGKILL'), CLOSE_LIMIT_MS);
      try {
        await this.#call('close', []);
      } catch (error) {
        if (this.#gone === null) throw error;
      } finally {
        clearTimeout(limit);
      }
      if (this.#child.connected) this.#child.disconnect();
    }
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), CLOSE_LIMIT_MS);
    await this.#exited;
    clearTimeout(limit);
  }

  #call(method: MirrorMethod | 'open', params: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#gone !== null) {
        reject(new MirrorError('process-gone', this.#gone));
        return;
      }
      const request: MirrorRequest = { id: this.#nextId++, method, params };
      this.#waiting.set(request.id, { resolve, reject });
      this.#child.send(request, (error) => {
        if (error === null || !this.#waiting.delete(request.id)) return;
        reject(new MirrorError('process-gone', `the mirror process does not take calls any more: ${error.message}`));
      });
    });
  }

  #onMessage(message: MirrorMessage): void {
    if ('event' in message) {
      for (const listener of this.#listeners) listener(message.event);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if ('error' in message) waiting?.reject(new MirrorError(message.error.code, message.error.message));
    else waiting?.resolve(message.result);
  }

  #onExit(reason: string): void {
    if (this.#gone !== null) return;
    this.#gone = reason;
    for (const waiting of this.#waiting.values()) waiting.reject(new MirrorError('process-gone', reason));
    this.#waiting.clear();
    if (this.#closing) return;
    for (const listener of this.#listeners) listener({ type: 'failed', reason });
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
