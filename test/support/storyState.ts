import type {
  ChangedEvent,
  ConfigurationStatus,
  HostStatus,
  LastVerify,
  LogEntry,
  LogEvent,
  ModuleStatus,
  ReplicaStatus,
  ResyncStatus,
  Snapshot,
  VerifyStatus,
} from '../../schemas/generated/api.ts';
import { replicaStatus } from './memoryFacade.ts';
import { MemoryFiles } from './memoryFiles.ts';

/** Loopback addresses stand for the hosts: all of them have the API on the same port, as in a real cluster. */
export const addresses = { alpha: '127.0.0.1', beta: '127.0.0.2' } as const;
export type StoryHost = keyof typeof addresses;

/** What a {@link StoryCluster} is at the moment, and what can happen to it. Everybody who listens is told. */
export class StoryState {
  readonly modules = new Map<string, ModuleStatus>();
  readonly files: MemoryFiles;
  readonly entries: LogEntry[] = [];
  witnessReachable = true;
  /** What hosts carry, by their names. */
  readonly loads = new Map<string, HostStatus['load']>();
  #revision = 1;
  readonly #changes = new Set<(event: ChangedEvent) => void>();
  readonly #logs = new Set<(event: LogEvent) => void>();
  protected readonly drained = new Set<string>();
  protected readonly down = new Set<string>();

  /** @param files that the hosts run by, by their names */
  constructor(files: Readonly<Record<string, string>>) {
    this.files = new MemoryFiles(files);
  }

  /** Clients that are subscribed now. */
  get clients(): number {
    return this.#changes.size;
  }

  onChange(listener: (event: ChangedEvent) => void): () => void {
    return subscribe(this.#changes, listener);
  }

  onLog(listener: (event: LogEvent) => void): () => void {
    return subscribe(this.#logs, listener);
  }

  /** Changes a module and tells every client. */
  change(name: string, edit: (module: ModuleStatus) => void): void {
    const module = this.modules.get(name);
    if (module === undefined) throw new Error(`There is no module ${name}.`);
    const next = structuredClone(module);
    edit(next);
    this.modules.set(name, next);
    this.tell([next]);
  }

  log(module: string | null, code: string, message: string, level: LogEntry['level'] = 'info'): void {
    const entry: LogEntry = { time: new Date().toISOString(), host: 'alpha', module, level, code, message };
    this.entries.push(entry);
    for (const listener of this.#logs) listener({ entries: [entry] });
  }

  /** Makes `host` the primary, with the other one as its secondary in sync. */
  serveOn(name: string, host: string): void {
    this.change(name, (module) => {
      module.desired = 'started';
      module.primary = host;
      module.epoch += 1;
      module.warnings = [];
      module.inSync = [...module.hosts];
      module.onHosts = module.hosts.map((other) =>
        replicaStatus(other, other === host ? 'PRIM' : 'SECOND', {
          epoch: module.epoch,
          since: new Date().toISOString(),
          traffic: other === host ? trafficNow(0) : null,
        }),
      );
    });
  }

  /** Sends a new measurement of a running module. `step` makes it vary. */
  traffic(name: string, step: number): void {
    this.change(name, (module) => {
      for (const replica of module.onHosts) if (replica.traffic !== null) replica.traffic = trafficNow(step);
    });
  }

  snapshot(self: string): Snapshot {
    return {
      revision: this.#revision,
      time: new Date().toISOString(),
      cluster: 'site',
      self,
      arbiter: { kind: 'witness', host: 'gamma', reachable: this.witnessReachable },
      configuration: this.#configuration(),
      hosts: this.#hosts(),
      modules: [...this.modules.values()],
    };
  }

  #configuration(): ConfigurationStatus {
    const hosts = this.#hosts().map(({ name }) => name);
    return { version: this.files.newest, drift: [], modules: [...this.modules.keys()], hosts };
  }

  #hosts(): HostStatus[] {
    const lastSeen = new Date().toISOString();
    const host = (name: string, role: HostStatus['role'], address: string, reachable: boolean): HostStatus => ({
      name,
      role,
      reachable,
      lastSeen,
      agentVersion: '0.1.0',
      drain: this.drained.has(name) ? 'drained' : null,
      load: this.loads.get(name) ?? null,
      networks: [{ name: 'lan', address, up: reachable, rttMs: reachable ? 0.4 : null }],
    });
    return [
      host('alpha', 'host', addresses.alpha, !this.down.has('alpha')),
      host('beta', 'host', addresses.beta, !this.down.has('beta')),
      host('gamma', 'witness', '127.0.0.3', this.witnessReachable),
    ];
  }

  /** Tells every client of modules that have changed, and of everything that is told with each change. */
  protected tell(modules: ModuleStatus[]): void {
    this.#revision += 1;
    const { revision, time, arbiter, configuration, hosts } = this.snapshot('alpha');
    const event = { revision, time, arbiter, ...(configuration && { configuration }), hosts, modules };
    for (const listener of this.#changes) listener(event);
  }

  verifyProgress(module: string, progress: Pick<VerifyStatus, 'toCheck' | 'checked' | 'secondsLeft'>): void {
    this.change(module, (status) => {
      const primary = status.onHosts.find(({ host }) => host === status.primary);
      if (primary === undefined) return;
      const startedAt = primary.verify?.startedAt ?? new Date().toISOString();
      primary.verify = { startedAt, names: 8, differences: 0, rate: 52_428_800, ...progress };
    });
  }

  endVerify(
    module: string,
    by: string,
    differences: LastVerify['differences'],
    outcome: LastVerify['outcome'] = 'complete',
  ): void {
    this.change(module, (status) => {
      for (const replica of status.onHosts) replica.verify = null;
      status.lastVerify = {
        ...{ at: new Date().toISOString(), host: status.primary ?? '', by, outcome },
        ...{ reason: outcome === 'stopped' ? 'it was stopped' : null, names: 8, checked: 2_147_483_648 },
        ...{ durationMs: 41_000, total: differences.length, differences },
      };
    });
  }

  /** A resync from the primary goes on until {@link serveOn}. */
  resyncProgress(module: string, progress: Partial<ResyncStatus>): void {
    this.change(module, (status) => {
      status.inSync = [status.primary ?? ''];
      for (const replica of status.onHosts) {
        const serves = replica.host === status.primary;
        replica.state = serves ? 'ALONE' : 'SECOND';
        replica.transition = serves ? null : 'resynchronising';
        if (!serves) continue;
        replica.resync = {
          ...{ kind: 'full', cause: 'alpha holds no data of the module yet', toCheck: 0, checked: 0, sent: 0 },
          ...{ startedAt: new Date().toISOString(), holes: 0, content: 0, names: 8, bandwidth: 'adaptive' },
          ...{ rate: 0, sentRate: 0, secondsLeft: null, ...replica.resync, ...progress },
        };
      }
    });
  }
}

function subscribe<T>(set: Set<T>, listener: T): () => void {
  set.add(listener);
  return () => void set.delete(listener);
}

function trafficNow(step: number): NonNullable<ReplicaStatus['traffic']> {
  const wave = 1 + Math.sin(step / 3) * 0.4 + Math.sin(step * 1.7) * 0.15;
  return {
    writesPerSecond: 240 * wave,
    bytesPerSecond: 3_400_000 * wave,
    flushesPerSecond: 31 * wave,
    unacknowledged: Math.round(2 * wave),
    lagMicros: 420 + 180 * wave,
    markedBytes: Math.round(1_310_720 * wave),
  };
}
