import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { ApiMethod, ApiMethods } from '../../../schemas/apiMethods.ts';
import type { LogEntry, ModuleStatus, Refusal, ReplicaStatus, Snapshot } from '../../../schemas/generated/api.ts';
import type { Lab } from './lab.ts';
import { LabError } from './labError.ts';
import { repositoryRoot } from './paths.ts';
import type { WatchedHost, WatchMessage, WatchRequest } from './watchMessages.ts';

/** An agent refused a request. */
export class RefusedRequest extends Error {
  override readonly name = 'RefusedRequest';
  constructor(readonly refusal: Refusal) {
    super(refusal.reason);
  }
}

type Waiter = { readonly isDone: () => boolean; readonly done: () => void };

/** What every agent of the lab says, as it says it, and requests to them; through the program at the operator's desk. */
export class ClusterView {
  readonly #process: ChildProcess;
  readonly #snapshots = new Map<string, Snapshot>();
  readonly #answers = new Map<number, (message: Extract<WatchMessage, { kind: 'answer' }>) => void>();
  readonly #log: LogEntry[] = [];
  readonly #waiters = new Set<Waiter>();
  readonly #listeners = new Set<() => void>();
  readonly #lost = new Map<string, string>();
  #nextId = 1;

  constructor(lab: Lab, hosts: readonly WatchedHost[]) {
    const program = path.join(repositoryRoot, 'dist/test/clusterWatch.mjs');
    const [file, ...args] = [...lab.operatorPrefix, process.execPath, program, JSON.stringify(hosts)];
    this.#process = spawn(file ?? 'nsenter', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#process.pid !== undefined) lab.adopt(this.#process.pid);
    this.#process.stdin?.on('error', () => undefined);
    if (this.#process.stdout === null) throw new LabError('The watching program has no output.');
    createInterface({ input: this.#process.stdout }).on('line', (line) => this.#receive(line));
  }

  /** What an agent said last; null while it is not reachable. */
  snapshot(host: string): Snapshot | null {
    return this.#snapshots.get(host) ?? null;
  }

  /** Why an agent is not reachable. */
  whyLost(host: string): string | null {
    return this.#lost.get(host) ?? null;
  }

  /** A module as one agent sees it. */
  module(host: string, module: string): ModuleStatus | null {
    return this.#snapshots.get(host)?.modules.find((each) => each.name === module) ?? null;
  }

  /** What a host's own agent says of the module on that host; null while it is not reachable. */
  replica(host: string, module: string): ReplicaStatus | null {
    return this.module(host, module)?.onHosts.find((each) => each.host === host) ?? null;
  }

  /** Log entries of all agents since the lab began, oldest first. */
  get log(): readonly LogEntry[] {
    return this.#log;
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Resolves once the condition holds; it is asked whenever an agent says something new. Rejects with what everybody said last. */
  waitFor(what: string, isDone: () => boolean, timeoutMs = 60_000): Promise<void> {
    if (isDone()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        isDone,
        done: () => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(new LabError(`After ${timeoutMs / 1000} s it is still not true that ${what}.\n${this.describe()}`));
      }, timeoutMs);
      this.#waiters.add(waiter);
    });
  }

  /** Calls a method of an agent's API with the rights of root on that host. Rejects with RefusedRequest when it says no. */
  request<Method extends ApiMethod>(
    host: string,
    method: Method,
    params: ApiMethods[Method]['params'],
  ): Promise<ApiMethods[Method]['result']> {
    const id = this.#nextId++;
    this.#send({ kind: 'call', id, host, method, params });
    return new Promise<object>((resolve, reject) => {
      this.#answers.set(id, ({ result, error, refusal }) => {
        if (result !== null) resolve(result);
        else reject(refusal === null ? new LabError(error ?? 'no answer') : new RefusedRequest(refusal));
      });
    }) as Promise<ApiMethods[Method]['result']>;
  }

  /** A host that lost its power closes no connection: nobody should wait for it. */
  drop(host: string): void {
    this.#send({ kind: 'drop', host });
    this.#snapshots.delete(host);
    this.#changed();
  }

  /** Everything known, for error messages. */
  describe(): string {
    const states = [...this.#snapshots].flatMap(([host, snapshot]) =>
      snapshot.modules.map((module) => {
        const own = module.onHosts.find((each) => each.host === host);
        const server = own === undefined ? '' : ` server ${own.server.state} ${own.server.detail ?? ''}`;
        const state =
          own === undefined ? '' : ` ${own.state} ${own.transition ?? 'ready'} (${own.reason ?? '-'})${server}`;
        return `${host}: ${module.name} epoch ${module.epoch} in sync [${module.inSync.join(' ')}]${state}`;
      }),
    );
    const lost = [...this.#lost].filter(([host]) => !this.#snapshots.has(host)).map(([host, why]) => `${host}: ${why}`);
    const log = this.#log.slice(-25).map((entry) => `${entry.time} ${entry.host} ${entry.code}: ${entry.message}`);
    return [...states, ...lost, ...log].join('\n');
  }

  close(): void {
    this.#process.stdin?.end();
    this.#process.kill('SIGKILL');
  }

  #send(request: WatchRequest): void {
    this.#process.stdin?.write(`${JSON.stringify(request)}\n`);
  }

  #receive(line: string): void {
    const message = JSON.parse(line) as WatchMessage;
    if (message.kind === 'answer') {
      this.#answers.get(message.id)?.(message);
      this.#answers.delete(message.id);
    } else if (message.kind === 'log') {
      // Agents pass on one another's entries; each counts once.
      this.#log.push(...message.entries.filter((entry) => entry.host === message.host));
    } else if (message.kind === 'snapshot') {
      this.#snapshots.set(message.host, message.snapshot);
    } else {
      this.#snapshots.delete(message.host);
      this.#lost.set(message.host, message.reason);
    }
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
    for (const waiter of this.#waiters) if (waiter.isDone()) waiter.done();
  }
}
