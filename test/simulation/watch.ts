import { detectionMsOf } from '../../agent/core/detectionTimes.ts';
import type { Role } from '../../agent/core/types.ts';
import type { Arbiter } from './arbiter.ts';
import type { CoreDriver } from './coreDriver.ts';
import { hasLostWrites, isFrozen, ownTime, type Host } from './host.ts';
import { otherThan, type Surroundings } from './surroundings.ts';

/** How often it is to look. */
export const lookMs = 250;
/** A host that was heard within this time goes on telling. */
const heardMs = 1000;
/** In which a secondary goes on to become primary by itself. */
const takesOver: ReadonlySet<Role['at']> = new Set(['following', 'asking', 'fencingPeer', 'entering', 'mounting']);

/** Whether the module runs on one host, which answers its writes, and the other one is in sync. */
export function isWhole({ hosts }: Pick<Surroundings, 'hosts'>): boolean {
  return Object.values(hosts).some(
    (host) =>
      host.server === 'running' &&
      !isFrozen(host) &&
      host.core?.role.at === 'primary' &&
      host.core.role.link.kind === 'both',
  );
}

/** What agents notice without being told; and what the checker has to know. */
export class Watch {
  /** By something else than the witness, since that was last looked at. */
  #isDisturbed = false;
  /** Since when it has known of a later record than its own copy, and could have kept it. */
  readonly #copyOldSince = new Map<Host, number>();
  readonly #world: Surroundings;
  readonly #arbiter: Arbiter;
  readonly #driver: CoreDriver;

  constructor(world: Surroundings, arbiter: Arbiter, driver: CoreDriver) {
    this.#world = world;
    this.#arbiter = arbiter;
    this.#driver = driver;
  }

  disturb(): void {
    this.#isDisturbed = true;
  }

  /** @param host whose primary may have fallen silent */
  lookAtLease(host: Host): void {
    const { core } = host;
    if (!core || this.#arbiter.isNone || !core.config.automatic || core.peer.heardAt === null) return;
    if (!takesOver.has(core.role.at) || !this.#acts(host)) return;
    if (core.role.at === 'asking' && this.#arbiter.refuses(core.role.proposal)) return;
    const ms = ownTime(host, this.#world.clock.now) - core.peer.heardAt;
    this.#world.checker.lookAtLease(otherThan(this.#world, host), { ms, detectionMs: detectionMsOf(core) });
  }

  #acts({ pausedUntil, awayUntil }: Host): boolean {
    return Math.max(pausedUntil, awayUntil) <= this.#world.clock.now;
  }

  look(): void {
    const { checker, networks } = this.#world;
    const hosts = Object.values(this.#world.hosts);
    const act = hosts.every((host) => host.core && this.#acts(host));
    // Those that were just started have to hear each other once.
    const met = hosts.every(({ core }) => core?.peer.heardAt !== null);
    const doHear = act && met && networks.isSound && networks.between('alpha', 'beta') !== null;
    checker.lookAtHosts(doHear);
    checker.lookAtWitness(doHear && !this.#isDisturbed && this.#hasWhatItNeeds, isWhole(this.#world));
    this.#isDisturbed = false;
    for (const host of hosts) {
      const reached = host.core !== null && !this.#arbiter.isNone && this.#arbiter.reaches(host);
      if (reached && !host.reachedArbiter) {
        if (!this.#acts(host)) continue;
        this.#arbiter.read(host);
      }
      host.reachedArbiter = reached;
    }
    for (const host of hosts) this.#lookAtCutOff(host);
    for (const host of hosts) this.#lookAtCopy(host);
  }

  #lookAtCopy(host: Host): void {
    const { clock, checker } = this.#world;
    const { core, disk } = host;
    const isHeard = core !== null && ownTime(host, clock.now) - (core.peer.heardAt ?? -Infinity) < heardMs;
    if (!isHeard || !this.#acts(host) || disk.refusesUntil > clock.now || !this.#arbiter.isCopyOld(host)) {
      this.#copyOldSince.delete(host);
      return;
    }
    const since = this.#copyOldSince.get(host) ?? clock.now;
    this.#copyOldSince.set(host, since);
    checker.lookAtCopy(host, clock.now - since);
  }

  #lookAtCutOff(host: Host): void {
    const { networks, clock, checker } = this.#world;
    const reaches = networks.between('alpha', 'beta') !== null || networks.between(host.name, 'gamma') !== null;
    if (!host.core || !this.#acts(host) || reaches || this.#arbiter.isNone) host.cutOffSince = null;
    else {
      host.cutOffSince ??= clock.now;
      checker.lookAtCutOff(host, clock.now - host.cutOffSince);
    }
  }

  /** Nothing keeps the module from being served where it is, whatever becomes of the witness. */
  get #hasWhatItNeeds(): boolean {
    const { networks, clock, hosts } = this.#world;
    return (
      !this.#driver.imageMissing &&
      networks.isWholeBetween('alpha', 'beta') &&
      Object.values(hosts).every(
        (host) =>
          host.core?.desired.value === 'started' &&
          host.core.commands.length === 0 &&
          host.core.config.failback === 'manual' &&
          (host.core.conditions?.unmet ?? null) === null &&
          host.core.maintenance === null &&
          host.disk.slowMs === 0 &&
          host.disk.refusesUntil <= clock.now &&
          !hasLostWrites(host),
      )
    );
  }
}
