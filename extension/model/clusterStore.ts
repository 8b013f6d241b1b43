import type { ArbiterStatus, ChangedEvent, HostStatus, ModuleStatus, Snapshot } from '../../schemas/generated/api.ts';

/** What an update touched. */
export interface StoreChange {
  /** The list of modules or hosts, or everything after a reconnect. */
  readonly structure: boolean;
  readonly modules: readonly string[];
  readonly hosts: readonly string[];
}

/** The last known state of a cluster and its age. */
export class ClusterStore {
  #snapshot: Snapshot | null = null;
  #receivedAt = 0;
  #connected = false;

  /** @param now milliseconds of a clock that does not jump */
  constructor(private readonly now: () => number) {}

  get snapshot(): Snapshot | null {
    return this.#snapshot;
  }

  /** Milliseconds since the state was last known to be true; 0 while connected, null before the first snapshot. */
  get age(): number | null {
    if (this.#snapshot === null) return null;
    return this.#connected ? 0 : this.now() - this.#receivedAt;
  }

  module(name: string): ModuleStatus | undefined {
    return this.#snapshot?.modules.find((module) => module.name === name);
  }

  host(name: string): HostStatus | undefined {
    return this.#snapshot?.hosts.find((host) => host.name === name);
  }

  get arbiter(): ArbiterStatus | null {
    return this.#snapshot?.arbiter ?? null;
  }

  /** Replaces everything. */
  replace(snapshot: Snapshot): StoreChange {
    this.#connected = true;
    this.#snapshot = snapshot;
    this.#receivedAt = this.now();
    return {
      structure: true,
      modules: snapshot.modules.map((module) => module.name),
      hosts: snapshot.hosts.map((host) => host.name),
    };
  }

  /** Applies a change; one older than what is known is ignored (null). */
  apply(event: ChangedEvent): StoreChange | null {
    const before = this.#snapshot;
    if (before === null || event.revision <= before.revision) return null;
    this.#connected = true;
    this.#receivedAt = this.now();
    const { revision, time, arbiter, configuration = before.configuration } = event;
    const modules = merge(before.modules, event.modules, configuration?.modules);
    const hosts = merge(before.hosts, event.hosts, configuration?.hosts);
    this.#snapshot = { ...before, revision, time, arbiter, ...(configuration && { configuration }), modules, hosts };
    return {
      structure: modules.length !== before.modules.length || hosts.length !== before.hosts.length,
      modules: event.modules.map((module) => module.name),
      hosts: event.hosts.map((host) => host.name),
    };
  }

  /** From now on what is known grows old. */
  disconnected(): void {
    if (!this.#connected) return;
    this.#connected = false;
    this.#receivedAt = this.now();
  }
}

/** @param names those that there are; undefined: nobody said */
function merge<T extends { readonly name: string }>(
  before: readonly T[],
  changed: readonly T[],
  names: readonly string[] | undefined,
): T[] {
  const byName = new Map(before.map((item) => [item.name, item]));
  for (const item of changed) byName.set(item.name, item);
  return [...byName.values()].filter(({ name }) => names === undefined || names.includes(name));
}
