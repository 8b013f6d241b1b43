/** What this agent knows of all modules, as far as it matters for where and when another one is started. */
import { cpus, totalmem } from 'node:os';
import { missingFor, shortfalls, sumOf, type Amount } from '../../schemas/capacity.ts';
import type { ResolvedModule } from '../../schemas/defaults.ts';
import type { CheckStatus, HostLoad } from '../../schemas/generated/api.ts';
import type { LinkModule } from '../../schemas/generated/link.ts';
import { isApart, placementOf, type PlacedModule, type PlacingHost } from '../core/placementRules.ts';
import { standingOf, type Standing } from '../core/standing.ts';
import type { ModuleCoreState, PeerStatus, Placement } from '../core/types.ts';
import type { EventLog } from './eventLog.ts';

/** While nothing is about to start, what is told to the other host is looked at anew so often. */
const lookMs = 250;

const nothing: Placement = { barred: null, waitsFor: null, avoids: null };

/** A module as the agent has it. */
export interface PlacementSlot {
  readonly module: ResolvedModule;
  /** Whether this host is of its pair, and why it could not be opened here. */
  readonly isOurs: boolean;
  readonly failure: string | null;
  /** Its server runs here, and a new program of the agent is about to open it. */
  readonly isServedAlready: boolean;
  /** Null: it is not open on this host. */
  readonly runtime: {
    readonly core: ModuleCoreState;
    status(): { readonly checks?: readonly CheckStatus[] };
    peerStatus(): PeerStatus;
  } | null;
}

export interface PlacementsOptions {
  readonly self: string;
  readonly slots: readonly PlacementSlot[];
  /** As far as the cluster file states it. */
  readonly stated: () => Readonly<Record<string, Partial<Amount>>>;
  /** What another host's system has counted; null: it was never heard. */
  readonly counted: (host: string) => Amount | null;
  /** What another host has told of a module a moment ago; null: nothing. */
  readonly heard: (host: string, module: string) => LinkModule | null;
  readonly log: EventLog;
}

/** What the system of this host counts. */
export function ownCapacity(): Amount {
  return { cpu: cpus().length, memoryBytes: totalmem() };
}

export class Placements {
  readonly #options: PlacementsOptions;
  readonly #own = ownCapacity();
  /** Since when a module has been a candidate here, and whether it was told that it goes without what it depends on. */
  readonly #waits = new Map<string, { readonly since: number; isTold: boolean }>();
  readonly #known = new Map<string, { readonly at: number; readonly placement: Placement }>();
  /** Of all modules on this host, when what is known was found. */
  #roles = '';

  constructor(options: PlacementsOptions) {
    this.#options = options;
  }

  /** What other modules mean for a start of this one here; undefined: no module says anything that could matter. */
  of(name: string): Placement | undefined {
    const core = this.#slot(name)?.runtime?.core;
    if (!core) return undefined;
    // What was told before a change of the files must not go on holding anything back.
    if (!this.#isUsed) return core.placement === null ? undefined : nothing;
    const now = performance.now();
    this.#forgetWhenOneMoved();
    const known = this.#known.get(name);
    const isAtRest = core.role.at !== 'waiting' && standingOf(core, now) !== 'candidate';
    if (isAtRest && known && now - known.at < lookMs) return known.placement;
    const modules = this.#modules(now);
    const { self } = this.#options;
    const host = { name: self, capacity: this.#capacity(self) };
    const found = placementOf(name, modules, host);
    const isFollowing = core.role.at === 'following';
    const placement = isFollowing ? { ...found, heldBackWithAll: this.#heldBackWithAll(core, modules, host) } : found;
    this.#known.set(name, { at: now, placement });
    this.#tellWhatIsMissing(modules.find((module) => module.name === name));
    return placement;
  }

  /** Null: no module states what it needs. @param primaryOf where a module is served, as far as known */
  load(host: string, primaryOf: (module: string) => string | null): HostLoad | null {
    const modules = this.#all;
    if (!modules.some(({ needs }) => isStated(needs))) return null;
    const used = sumOf(modules.filter(({ name }) => primaryOf(name) === host).map(({ needs }) => needs));
    const { cpu = null, memoryBytes = null } = this.#capacity(host);
    return { cpu: used.cpu, memory: used.memoryBytes, cpuCapacity: cpu, memoryCapacity: memoryBytes };
  }

  /** Standing risks of a module, for people. */
  warnings(name: string, primaryOf: (module: string) => string | null): string[] {
    const module = this.#slot(name)?.module;
    if (!module || !this.#isUsed) return [];
    const host = primaryOf(name);
    const missing = host === null ? [] : module.dependsOn.flatMap((other) => this.#missing(name, other));
    const beside = this.#all
      .filter((other) => other.name !== name && host !== null && primaryOf(other.name) === host)
      .filter((other) => isApart(module, other, 'preferred') || isApart(module, other, 'required'))
      .map((other) => `${name} and ${other.name} both run on ${String(host)}, and should be kept apart.`);
    return [...missing, ...beside, ...this.#shortfalls(name)];
  }

  /** Why one host cannot take all of these modules of this one; null: it can. */
  whyNotAll(to: string, names: readonly string[], primaryOf: (module: string) => string | null): string | null {
    const needs = sumOf(names.flatMap((name) => this.#slot(name)?.module.needs ?? []));
    const there = this.#all.filter(({ name }) => primaryOf(name) === to && !names.includes(name));
    const missing = missingFor(needs, sumOf(there.map((module) => module.needs)), this.#capacity(to));
    return missing === null
      ? null
      : `${to} has no room for ${names.join(' and ')}${names.length > 1 ? ' together' : ''}: ${missing}`;
  }

  /** The host that is followed may have ended, and be believed to serve all of them still. */
  #heldBackWithAll({ config }: ModuleCoreState, modules: readonly PlacedModule[], host: PlacingHost): string | null {
    const follows = (name: string): boolean => {
      const core = this.#slot(name)?.runtime?.core;
      return core?.role.at === 'following' && core.config.peer === config.peer;
    };
    const all = modules.map((each): PlacedModule =>
      follows(each.name) ? { ...each, standing: 'candidate', unready: notYet(each.name) } : each,
    );
    const { barred, waitsFor } = placementOf(config.module, all, host);
    return barred ?? waitsFor;
  }

  /** What one module has just taken, the next one must not take in the same moment. */
  #forgetWhenOneMoved(): void {
    const roles = this.#options.slots.map(({ runtime }) => runtime?.core.role.at ?? '').join();
    if (roles === this.#roles) return;
    this.#roles = roles;
    this.#known.clear();
  }

  get #all(): readonly ResolvedModule[] {
    return this.#options.slots.map(({ module }) => module);
  }

  get #isUsed(): boolean {
    return this.#all.some(
      ({ needs, priority, dependsOn, antiAffinity }) =>
        isStated(needs) ||
        priority !== 0 ||
        dependsOn.length + antiAffinity.preferred.length + antiAffinity.required.length > 0,
    );
  }

  #slot(name: string): PlacementSlot | undefined {
    return this.#options.slots.find(({ module }) => module.name === name);
  }

  #capacity(host: string): Partial<Amount> {
    const { self, stated, counted } = this.#options;
    return { ...(host === self ? this.#own : counted(host)), ...stated()[host] };
  }

  #modules(now: number): PlacedModule[] {
    const needed = new Set(this.#all.flatMap(({ dependsOn }) => dependsOn));
    const known = this.#options.slots.map(({ module, runtime, isOurs, failure, isServedAlready }): PlacedModule => {
      // What is still being opened may be about to start, and come before others.
      const opening = isOurs && failure === null ? 'candidate' : 'away';
      const unopened = isServedAlready ? 'here' : opening;
      const standing = runtime ? standingOf(runtime.core, now) : unopened;
      // What is yet to start here is ready nowhere, whatever was heard last of the host that has just died.
      const isComing = runtime !== null && (standing === 'candidate' || standing === 'starting');
      const whyUnready = (): string | null => (isComing ? notYet(module.name) : this.#whyUnready(module.name));
      return {
        ...module,
        standing,
        unready: needed.has(module.name) ? whyUnready() : null,
        waitedMs: this.#waitedMs(module.name, standing, now),
      };
    });
    // A file that is broken, or missing here: nobody depends on it blindly.
    const missing = [...needed].filter((name) => this.#slot(name) === undefined);
    return [...known, ...missing.map((name) => stranger(name, this.#whyUnready(name)))];
  }

  #waitedMs(name: string, standing: Standing, now: number): number {
    if (standing !== 'candidate') {
      this.#waits.delete(name);
      return 0;
    }
    const wait = this.#waits.get(name);
    if (wait) return now - wait.since;
    this.#waits.set(name, { since: now, isTold: false });
    return 0;
  }

  #tellWhatIsMissing(module: PlacedModule | undefined): void {
    const wait = module && this.#waits.get(module.name);
    if (!module || !wait || wait.isTold || module.dependencyTimeoutMs === null) return;
    if (module.waitedMs < module.dependencyTimeoutMs) return;
    wait.isTold = true;
    const missing = module.dependsOn.flatMap((other) => this.#missing(module.name, other));
    if (missing.length === 0) return;
    const message = `${module.name} has waited for long enough and is started all the same: ${missing.join(' ')}`;
    this.#options.log.add('warn', module.name, 'STARTED_WITHOUT_DEPENDENCY', message);
  }

  #missing(name: string, other: string): string[] {
    const why = this.#whyUnready(other);
    return why === null ? [] : [`${name} depends on ${other}: ${why}.`];
  }

  /** Why a module is of no use to those that depend on it; null: its server runs, and its checks are well. */
  #whyUnready(name: string): string | null {
    const { self, heard } = this.#options;
    const slot = this.#slot(name);
    if (!slot) return `${self} has no valid file of ${name}`;
    const { hosts } = slot.module;
    const told = hosts.flatMap((host) => {
      if (host === self) {
        const { runtime } = slot;
        return runtime ? [{ host, status: runtime.peerStatus(), checks: runtime.status().checks ?? [] }] : [];
      }
      const from = heard(host, name);
      const shown = from?.shown as { readonly checks?: readonly CheckStatus[] } | undefined;
      return from ? [{ host, status: from.status, checks: shown?.checks ?? [] }] : [];
    });
    if (told.length === 0) return `nothing is heard of ${name} from ${hosts.join(' and ')}`;
    const running = told.find(({ status }) => status.role === 'primary' && status.serverRunning);
    if (running) {
      const unwell = running.checks.find(({ state }) => state !== 'well');
      return unwell ? `check ${unwell.name} of ${name} is ${unwell.state} on ${running.host}` : null;
    }
    const desired = told.map(({ status }) => status.desired).sort((a, b) => b.sequence - a.sequence)[0];
    return desired?.value === 'stopped' ? `${name} is stopped` : notYet(name);
  }

  #shortfalls(name: string): string[] {
    const hosts = [...new Set(this.#all.flatMap((module) => module.hosts))];
    const capacity = Object.fromEntries(hosts.map((host) => [host, this.#capacity(host)]));
    return shortfalls(this.#all, capacity)
      .filter(({ failed, modules, coming }) => (failed === null ? modules : coming).includes(name))
      .map(({ host, failed, modules, what }) => {
        const when = failed === null ? '' : `If ${failed} fails, `;
        return `${when}${host} is to run ${modules.join(', ')}, which need ${what}: not all of them are started.`;
      });
  }
}

function isStated({ cpu, memoryBytes }: Amount): boolean {
  return cpu > 0 || memoryBytes > 0;
}

function notYet(name: string): string {
  return `${name} does not run yet`;
}

function stranger(name: string, unready: string | null): PlacedModule {
  return {
    name,
    needs: { cpu: 0, memoryBytes: 0 },
    priority: 0,
    dependsOn: [],
    antiAffinity: { preferred: [], required: [] },
    standing: 'away',
    unready,
    waitedMs: 0,
    dependencyTimeoutMs: null,
  };
}
