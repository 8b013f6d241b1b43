import type { Actor, AgentFacade, EventCount, Outcome } from '../../agent/api/facade.ts';
import type {
  ChangedEvent,
  LogEntry,
  LogEvent,
  ModuleStatus,
  ReplicaStatus,
  ResyncBandwidth,
  Snapshot,
  UpgradeResult,
} from '../../schemas/generated/api.ts';

import { MemoryFiles } from './memoryFiles.ts';

const time = '2026-11-22T12:00:00.000Z';

export function replicaStatus(
  host: string,
  state: ReplicaStatus['state'],
  extra: Partial<ReplicaStatus> = {},
): ReplicaStatus {
  return {
    host,
    known: true,
    ageMs: 0,
    state,
    transition: null,
    reason: null,
    since: time,
    epoch: 7,
    server: {
      state: state === 'PRIM' || state === 'ALONE' ? 'running' : 'stopped',
      detail: null,
      startedAt: null,
      restarts: 0,
    },
    traffic: null,
    resync: null,
    ...extra,
  };
}

export function moduleStatus(name: string, extra: Partial<ModuleStatus> = {}): ModuleStatus {
  return {
    name,
    hosts: ['alpha', 'beta'],
    desired: 'started',
    epoch: 7,
    primary: 'alpha',
    inSync: ['alpha', 'beta'],
    directory: `/srv/vm/${name}`,
    serverKind: 'qemu',
    automaticFailover: true,
    warnings: [],
    onHosts: [
      replicaStatus('alpha', 'PRIM', {
        traffic: {
          writesPerSecond: 12,
          bytesPerSecond: 4096,
          flushesPerSecond: 3,
          unacknowledged: 2,
          lagMicros: 850,
          markedBytes: 65536,
        },
      }),
      replicaStatus('beta', 'SECOND'),
    ],
    lastFailover: null,
    lastResync: null,
    ...extra,
  };
}

export function snapshotOf(modules: ModuleStatus[] = [moduleStatus('web')]): Snapshot {
  return {
    revision: 1,
    time,
    cluster: 'site',
    self: 'alpha',
    arbiter: { kind: 'witness', host: 'gamma', reachable: true },
    hosts: [
      {
        name: 'alpha',
        role: 'host',
        reachable: true,
        lastSeen: time,
        agentVersion: '0.1.0',
        networks: [
          { name: 'lan', address: '10.77.0.1', up: true, rttMs: null },
          { name: 'link', address: '10.78.0.1', up: true, rttMs: null },
        ],
      },
      {
        name: 'beta',
        role: 'host',
        reachable: true,
        lastSeen: time,
        agentVersion: '0.1.0',
        networks: [
          { name: 'lan', address: '10.77.0.2', up: true, rttMs: 0.41 },
          { name: 'link', address: '10.78.0.2', up: false, rttMs: null },
        ],
      },
      {
        name: 'gamma',
        role: 'witness',
        reachable: false,
        lastSeen: null,
        agentVersion: null,
        networks: [{ name: 'lan', address: '10.77.0.3', up: false, rttMs: null }],
      },
    ],
    modules,
  };
}

/** An agent that keeps everything in memory: what the API and the command line are tested against. */
export class MemoryFacade implements AgentFacade {
  readonly host = 'alpha';
  readonly cluster = 'site';
  readonly agentVersion = '0.1.0';
  readonly commands: string[] = [];
  readonly entries: LogEntry[] = [];
  counts: EventCount[] = [];
  state: Snapshot = snapshotOf();
  answer: (command: string) => Outcome | Promise<Outcome> = (command) => ({
    ok: true,
    result: { durationMs: 5, message: `${command} done` },
  });
  readonly #changeListeners = new Set<(event: ChangedEvent) => void>();
  readonly #logListeners = new Set<(event: LogEvent) => void>();

  snapshot(): Snapshot {
    return this.state;
  }

  onChange(listener: (event: ChangedEvent) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  onLog(listener: (event: LogEvent) => void): () => void {
    this.#logListeners.add(listener);
    return () => this.#logListeners.delete(listener);
  }

  get listeners(): number {
    return this.#changeListeners.size + this.#logListeners.size;
  }

  change(modules: ModuleStatus[]): void {
    const merged = this.state.modules.map((module) => modules.find(({ name }) => name === module.name) ?? module);
    this.state = { ...this.state, revision: this.state.revision + 1, modules: merged };
    const { revision, arbiter } = this.state;
    for (const listener of this.#changeListeners) listener({ revision, time, arbiter, hosts: [], modules });
  }

  /** By a change of the files. */
  remove(module: string): void {
    const modules = this.state.modules.filter(({ name }) => name !== module);
    this.state = { ...this.state, revision: this.state.revision + 1, modules };
    const { revision, arbiter, hosts } = this.state;
    const names = { modules: modules.map(({ name }) => name), hosts: hosts.map(({ name }) => name) };
    const configuration = { version: 1, drift: [], ...names };
    for (const listener of this.#changeListeners) {
      listener({ revision, time, arbiter, configuration, hosts: [], modules: [] });
    }
  }

  append(message: string, module: string | null = null): void {
    const entry: LogEntry = { time, host: 'alpha', module, level: 'info', code: 'TEST', message };
    this.entries.push(entry);
    for (const listener of this.#logListeners) listener({ entries: [entry] });
  }

  eventCounts(): readonly EventCount[] {
    return this.counts;
  }

  readLog({ module, limit }: { readonly module?: string; readonly limit: number }): readonly LogEntry[] {
    return this.entries.filter((entry) => module === undefined || entry.module === module).slice(-limit);
  }

  start(module: string, anyway: boolean, by: Actor): Promise<Outcome> {
    return this.#command(`start ${module}${anyway ? ' anyway' : ''}`, by);
  }

  stop(module: string, by: Actor): Promise<Outcome> {
    return this.#command(`stop ${module}`, by);
  }

  switchover(module: string, to: string | null, by: Actor): Promise<Outcome> {
    return this.#command(`switchover ${module} to ${to ?? 'the other host'}`, by);
  }

  forcePrimary(module: string, host: string, by: Actor): Promise<Outcome> {
    return this.#command(`force ${module} on ${host}`, by);
  }

  resolve(module: string, keep: string, by: Actor): Promise<Outcome> {
    return this.#command(`resolve ${module} keeping ${keep}`, by);
  }

  verify(module: string, bandwidth: number | null | undefined, by: Actor): Promise<Outcome> {
    return this.#command(
      `verify ${module} at ${bandwidth === undefined ? 'the rate of its file' : (bandwidth ?? 'any rate')}`,
      by,
    );
  }

  stopVerify(module: string, by: Actor): Promise<Outcome> {
    return this.#command(`stop the verify of ${module}`, by);
  }

  pauseResync(module: string, by: Actor): Promise<Outcome> {
    return this.#command(`pause the resync of ${module}`, by);
  }

  resumeResync(module: string, bandwidth: ResyncBandwidth | undefined, by: Actor): Promise<Outcome> {
    const at = bandwidth === undefined ? '' : ` at ${bandwidth ?? 'any rate'}`;
    return this.#command(`resume the resync of ${module}${at}`, by);
  }

  paceResync(module: string, bandwidth: ResyncBandwidth, by: Actor): Promise<Outcome> {
    return this.#command(`pace the resync of ${module} at ${bandwidth ?? 'any rate'}`, by);
  }

  repair(module: string, verifiedAt: string, by: Actor): Promise<Outcome> {
    return this.#command(`repair ${module} as verified at ${verifiedAt}`, by);
  }

  beginMaintenance(module: string, forMs: number, reason: string | null, by: Actor): Promise<Outcome> {
    return this.#command(`maintain ${module} for ${forMs} ms${reason === null ? '' : `: ${reason}`}`, by);
  }

  endMaintenance(module: string, by: Actor): Promise<Outcome> {
    return this.#command(`end the maintenance of ${module}`, by);
  }

  drain(host: string, by: Actor): Promise<Outcome> {
    return this.#command(`drain ${host}`, by);
  }

  fence(host: string, confirm: string, by: Actor): Promise<Outcome> {
    return this.#command(`fence ${host} confirmed by ${confirm}`, by);
  }

  testFence(host: string, by: Actor): Promise<Outcome> {
    return this.#command(`testFence ${host}`, by);
  }

  undrain(host: string, by: Actor): Promise<Outcome> {
    return this.#command(`undrain ${host}`, by);
  }

  async upgrade(onlyLook: boolean, by: Actor): Promise<Outcome<UpgradeResult>> {
    const outcome = await this.#command(onlyLook ? 'look at the upgrade' : 'upgrade', by);
    if (!outcome.ok) return outcome;
    const upgrade = onlyLook ? null : 'upgrade-1';
    return { ok: true, result: { ...outcome.result, upgrade, toVersion: '0.2.0', modules: ['web'] } };
  }

  readonly files = new MemoryFiles({ 'web.module.jsonc': '{\n  "name": "web"\n}\n' });
  readonly applyFiles = this.files.applyFiles;
  readonly restoreFiles = this.files.restoreFiles;
  readonly versions = this.files.versions;
  readonly version = this.files.version;

  isServing(module: string): boolean {
    return this.state.modules.some(({ name, primary }) => name === module && primary === this.host);
  }

  async #command(command: string, by: Actor): Promise<Outcome> {
    this.commands.push(`${by.name}: ${command}`);
    return this.answer(command);
  }
}
