import type {
  ArbiterStatus,
  ChangedEvent,
  ConfigurationStatus,
  FenceStatus,
  HostStatus,
  ModuleStatus,
  ReplicaStatus,
  Snapshot,
} from '../../schemas/generated/api.ts';
import { witnessesOf, type ResolvedModule } from '../../schemas/defaults.ts';
import type { LinkModule, LinkVersion } from '../../schemas/generated/link.ts';
import type { Configuration } from '../config/configuration.ts';
import type { ArbiterRecord, HostDrain, PeerStatus } from '../core/types.ts';
import type { HostLinks } from '../host/hostLinks.ts';
import { driftOf } from './fileDrift.ts';
import type { ModuleSlot } from './moduleSlot.ts';
import type { Placements } from './placements.ts';

/** Changes are gathered for this long before clients are told. */
const gatherMs = 100;
/** What nobody tells of, such as the age of what was heard, is looked at this often. */
const lookMs = 1000;
/** A host that was not heard for this long is shown as unreachable. */
const staleMs = 2000;

interface Heard {
  readonly modules: Record<string, LinkModule>;
  readonly version: LinkVersion;
  readonly at: number;
}

export interface ClusterViewOptions {
  readonly configuration: Configuration;
  readonly agentVersion: string;
  readonly links: HostLinks;
  readonly slots: readonly ModuleSlot[];
  readonly placements: Placements;
  /** Whether this host is drained. */
  readonly hostDrain: () => HostDrain | null;
  /** Whether another host could be powered off from here; null: the cluster file has nothing for that. */
  readonly fenceStatus: (host: string) => FenceStatus | null;
  /** Which files this host runs by. */
  readonly version: () => LinkVersion;
  /** Of all witnesses, or of etcd; from this host, now. */
  readonly arbiterReachable: () => boolean;
}

/** What this agent knows of the whole cluster, put together from its own modules and from what the others tell with their heartbeats. */
export class ClusterView {
  readonly #options: ClusterViewOptions;
  readonly #heard = new Map<string, Heard>();
  readonly #listeners = new Set<(event: ChangedEvent) => void>();
  readonly #told = new Map<string, string>();
  #revision = 0;
  #timer: NodeJS.Timeout | null = null;
  #lookTimer: NodeJS.Timeout | null = null;

  constructor(options: ClusterViewOptions) {
    this.#options = options;
  }

  heard(host: string, modules: Record<string, LinkModule>, version: LinkVersion): void {
    const before = this.#heard.get(host);
    const isNews = before?.modules !== modules || before.version !== version;
    this.#heard.set(host, { modules, version, at: performance.now() });
    if (isNews) this.changed();
  }

  /** What a host last told of a module. */
  told(host: string, module: string): LinkModule | null {
    return this.#heard.get(host)?.modules[module] ?? null;
  }

  /** What a host told of a module a moment ago; null: it is silent. @param withinMs where two seconds ago are too long ago */
  lately(host: string, module: string, withinMs = staleMs): LinkModule | null {
    const heard = this.#heard.get(host);
    const isLate = !heard || performance.now() - heard.at > Math.min(withinMs, staleMs);
    return isLate ? null : (heard.modules[module] ?? null);
  }

  /** The host that serves a module now, as far as known. */
  primaryOf(module: string): string | null {
    const slot = this.#options.slots.find((each) => each.module.name === module);
    return slot?.module.hosts.find((host) => this.#peerStatus(slot, host)?.role === 'primary') ?? null;
  }

  /** Which files a host runs by, as it last told. */
  versionOf(host: string): LinkVersion | null {
    return this.#heard.get(host)?.version ?? null;
  }

  onChange(listener: (event: ChangedEvent) => void): () => void {
    this.#listeners.add(listener);
    this.#lookTimer ??= setInterval(() => this.changed(), lookMs);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stopLooking();
    };
  }

  #stopLooking(): void {
    if (this.#lookTimer) clearInterval(this.#lookTimer);
    this.#lookTimer = null;
  }

  /** Something may have changed: clients are told soon, and only of what really did. */
  changed(): void {
    if (this.#timer !== null || this.#listeners.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#tell();
    }, gatherMs);
  }

  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#stopLooking();
    this.#listeners.clear();
  }

  snapshot(): Snapshot {
    return {
      revision: this.#revision,
      time: new Date().toISOString(),
      cluster: this.#options.configuration.cluster.name,
      self: this.#options.configuration.self.name,
      arbiter: this.arbiter(),
      configuration: this.#files(),
      hosts: this.#hosts(),
      modules: this.#options.slots.map((slot) => this.#module(slot)),
    };
  }

  arbiter(): ArbiterStatus {
    const { arbiter } = this.#options.configuration.cluster;
    switch (arbiter.kind) {
      case 'none':
        return { kind: 'none', host: null, reachable: false };
      case 'witness': {
        const { hosts } = arbiter;
        const host = hosts.length === 1 ? (hosts[0] ?? null) : null;
        return { kind: 'witness', host, hosts: [...hosts], reachable: this.#options.arbiterReachable() };
      }
      case 'etcd': {
        const endpoints = [...arbiter.endpoints];
        return { kind: 'etcd', host: null, endpoints, reachable: this.#options.arbiterReachable() };
      }
    }
  }

  #files(): ConfigurationStatus {
    const { configuration, links, version } = this.#options;
    const own = { host: configuration.self.name, version: version(), isReachable: true };
    const others = configuration.cluster.hosts.flatMap(({ name }) => {
      const told = this.versionOf(name);
      return told === null ? [] : [{ host: name, version: told, isReachable: links.reachable(name) }];
    });
    return {
      version: own.version.number,
      drift: driftOf(own, others),
      modules: this.#options.slots.map(({ module }) => module.name),
      hosts: configuration.cluster.hosts.map(({ name }) => name),
    };
  }

  #tell(): void {
    const { hosts, modules, arbiter, time, configuration = this.#files() } = this.snapshot();
    const changedHosts = hosts.filter((host) =>
      this.#isNew(`host ${host.name}`, {
        ...host,
        lastSeen: null,
        networks: host.networks.map((each) => ({ ...each, rttMs: null })),
      }),
    );
    const changedModules = modules.filter((module) =>
      this.#isNew(`module ${module.name}`, {
        ...module,
        onHosts: module.onHosts.map((each) => ({ ...each, ageMs: 0 })),
      }),
    );
    const arbiterChanged = this.#isNew('arbiter', arbiter);
    const filesChanged = this.#isNew('configuration', configuration);
    if (changedHosts.length === 0 && changedModules.length === 0 && !arbiterChanged && !filesChanged) return;
    this.#revision += 1;
    for (const listener of this.#listeners) {
      const changed = { hosts: changedHosts, modules: changedModules };
      listener({ revision: this.#revision, time, arbiter, configuration, ...changed });
    }
  }

  #isNew(key: string, value: unknown): boolean {
    const text = JSON.stringify(value);
    if (this.#told.get(key) === text) return false;
    this.#told.set(key, text);
    return true;
  }

  #hosts(): HostStatus[] {
    const { configuration, links, agentVersion, slots, placements } = this.#options;
    return configuration.cluster.hosts.map((host): HostStatus => {
      const isOfPair = slots.some(({ module }) => module.hosts.includes(host.name));
      const role = witnessesOf(configuration.cluster).includes(host.name) && !isOfPair ? 'witness' : 'host';
      const load = isOfPair ? placements.load(host.name, (module) => this.primaryOf(module)) : null;
      if (host.name === configuration.self.name) {
        const networks = host.addresses.map(({ network, address }) => ({
          name: network,
          address,
          up: true,
          rttMs: null,
        }));
        const [lastSeen, drain] = [new Date().toISOString(), this.#options.hostDrain()];
        const { number: version } = this.#options.version();
        const seen = { reachable: true, liveness: 'alive', lastSeen } as const;
        return { name: host.name, role, ...seen, agentVersion, version, drain, load, networks };
      }
      return {
        name: host.name,
        role,
        reachable: links.reachable(host.name),
        liveness: links.liveness(host.name),
        lastSeen: links.lastSeen(host.name)?.toISOString() ?? null,
        agentVersion: links.version(host.name),
        version: this.versionOf(host.name)?.number ?? null,
        drain: this.#drainOf(host.name),
        fence: this.#options.fenceStatus(host.name),
        load,
        networks: links.networks(host.name).map(({ network, address, up, rttMs }) => ({
          name: network,
          address,
          up,
          rttMs: rttMs === null ? null : Math.round(rttMs * 100) / 100,
        })),
      };
    });
  }

  /** As it was last told: a drained host is one that may be off now. */
  #drainOf(host: string): HostDrain | null {
    const told = Object.values(this.#heard.get(host)?.modules ?? {}).map(({ status }) => status.drain);
    return told.find((drain) => drain !== null && drain !== undefined) ?? null;
  }

  #module(slot: ModuleSlot): ModuleStatus {
    const { module } = slot;
    const { cluster, self } = this.#options.configuration;
    const statuses = module.hosts.map((host) => ({ host, status: this.#peerStatus(slot, host) }));
    const primary = this.primaryOf(module.name);
    const record = newest(statuses.map(({ status }) => status?.record ?? null));
    const desired = newestDesired(statuses.map(({ status }) => status));
    const told = module.hosts.flatMap((host) => (host === self.name ? [] : [this.told(host, module.name)]));
    const reports = <T extends { at: string }>(own: T | null, others: (object | null | undefined)[]): T | null =>
      [own, ...(others as (T | null | undefined)[])].reduce<T | null>(
        (best, each) => (each && (!best || each.at > best.at) ? each : best),
        null,
      );
    const onHosts = module.hosts.map((host) => this.#replica(slot, host));
    const maintained =
      onHosts.find(({ host }) => host === self.name) ?? onHosts.find((each) => each.known && each.maintenance);
    return {
      name: module.name,
      hosts: [...module.hosts],
      desired,
      epoch: record?.epoch ?? 0,
      primary,
      inSync: [...(record?.inSync ?? [])],
      directory: module.mirror.directory,
      directories: [...module.mirror.directories],
      serverKind: module.server.kind,
      virtualAddresses: module.virtualAddresses.map(({ address }) => address),
      automaticFailover:
        module.failover.automatic &&
        (cluster.arbiter.kind !== 'none' || module.failover.withoutArbiter === 'risk-split-brain'),
      warnings: [
        ...warnings(slot, cluster.arbiter.kind),
        ...this.#options.placements.warnings(module.name, (name) => this.primaryOf(name)),
        ...this.#suspects(module),
        ...this.#unfenceable(module),
      ],
      maintenance: maintained?.maintenance ?? null,
      onHosts,
      lastFailover: reports(
        slot.runtime?.lastFailover ?? null,
        told.map((each) => each?.lastFailover),
      ),
      lastResync: reports(
        slot.runtime?.lastResync ?? null,
        told.map((each) => each?.lastResync),
      ),
      lastVerify: reports(
        slot.runtime?.lastVerify ?? null,
        told.map((each) => each?.lastVerify),
      ),
    };
  }

  #suspects({ hosts, failover }: ResolvedModule): string[] {
    const { self } = this.#options.configuration;
    const seconds = String(failover.detectionMs / 1000);
    return hosts
      .filter((host) => host !== self.name && this.#options.links.liveness(host) === 'suspect')
      .map((host) => `${host} is suspect: late, or slow. It is taken for failed when it is silent for ${seconds} s.`);
  }

  #unfenceable({ hosts }: ResolvedModule): string[] {
    const { self } = this.#options.configuration;
    return hosts.flatMap((host) => {
      const status = this.#options.fenceStatus(host);
      return status?.answers === false
        ? [`${self.name} could not fence ${host} now: ${status.reason ?? 'no answer'}`]
        : [];
    });
  }

  #peerStatus(slot: ModuleSlot, host: string): PeerStatus | null {
    if (host === this.#options.configuration.self.name) return slot.runtime?.peerStatus() ?? null;
    return (this.lately(host, slot.module.name)?.status as PeerStatus | undefined) ?? null;
  }

  #replica(slot: ModuleSlot, host: string): ReplicaStatus {
    if (host === this.#options.configuration.self.name) {
      if (slot.runtime) return { host, known: true, ageMs: 0, ...slot.runtime.status() };
      return { ...unknownReplica(host), known: true, reason: slot.failure ?? 'starting' };
    }
    const heard = this.#heard.get(host);
    const shown = heard?.modules[slot.module.name]?.shown as
      Omit<ReplicaStatus, 'host' | 'known' | 'ageMs'> | undefined;
    if (!heard || !shown) return unknownReplica(host);
    const ageMs = Math.round(performance.now() - heard.at);
    return { ...shown, host, known: ageMs <= staleMs && this.#options.links.reachable(host), ageMs };
  }
}

function unknownReplica(host: string): ReplicaStatus {
  return {
    host,
    known: false,
    ageMs: 0,
    state: 'WAIT',
    transition: null,
    reason: `nothing heard from ${host} yet`,
    since: new Date(0).toISOString(),
    epoch: 0,
    server: { state: 'stopped', detail: null, startedAt: null, restarts: 0 },
    traffic: null,
    resync: null,
  };
}

function warnings(slot: ModuleSlot, arbiter: ArbiterStatus['kind']): string[] {
  const { module, failure } = slot;
  const found: string[] = [];
  if (failure !== null) found.push(failure);
  if (arbiter === 'none') {
    found.push(
      module.failover.withoutArbiter === 'risk-split-brain'
        ? 'No arbiter, and "risk-split-brain" is chosen: when only the network between the hosts fails, both run the server.'
        : 'No arbiter: automatic failover is off, an operator has to force the other host.',
    );
  }
  return found;
}

function newest(records: readonly (ArbiterRecord | null)[]): ArbiterRecord | null {
  return records.reduce((best, each) => (each && (!best || each.epoch > best.epoch) ? each : best), null);
}

function newestDesired(statuses: readonly (PeerStatus | null)[]): 'started' | 'stopped' {
  const known = statuses.flatMap((status) => (status ? [status.desired] : []));
  return known.reduce(
    (best, each) => (each.sequence > best.sequence ? each : best),
    known[0] ?? { value: 'started' as const, sequence: 0 },
  ).value;
}
