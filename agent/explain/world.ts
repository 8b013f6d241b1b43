/**
 * Two hosts and their arbiter on a clock of their own, with the agent's own failover core on each of them. Nothing is left to chance: the same
 * module and the same fault give the same run.
 */
import { witnessOf, type ResolvedCluster, type ResolvedModule } from '../../schemas/defaults.ts';
import { failbackOf, type FailbackPlan } from '../core/failback.ts';
import { initialState } from '../core/step.ts';
import type { Command } from '../core/types.ts';
import { coreConfig } from '../runtime/coreConfig.ts';
import { heartbeatMs } from '../runtime/liveness.ts';
import { Clock } from './clock.ts';
import { Cores, type Answered } from './cores.ts';
import { Heartbeats } from './heartbeats.ts';
import { Host } from './host.ts';
import { Ledger } from './ledger.ts';
import { Looks } from './looks.ts';
import { Mirror } from './mirror.ts';
import { elsewhere, Networks } from './network.ts';
import type { Pace } from './pace.ts';
import { aliveEveryMs, Servers } from './server.ts';
import { later, otherThan, type Surroundings } from './surroundings.ts';
import { ThirdVote } from './thirdVote.ts';
import { Trace } from './trace.ts';

const tickMs = 50;
/** How often it is looked whether two servers are there. */
const countMs = 10;
/** As long as the command line waits for what it asks for. */
const commandLimitMs = 120_000;

export interface WorldOptions {
  readonly module: ResolvedModule;
  readonly cluster: ResolvedCluster;
  readonly pace: Pace;
}

export class World {
  readonly clock = new Clock();
  readonly ledger = new Ledger();
  readonly trace: Trace;
  /** In order of preference. */
  readonly hosts: readonly [Host, Host];
  readonly networks: Networks;
  readonly looks: Looks;
  readonly servers: Servers;
  /** The arbiter's place among the hosts; null: there is none. */
  readonly arbiterPlace: string | null;
  readonly periodMs: number;
  /** For how long the writes of two servers counted at the same time. */
  twoServersMs = 0;
  /** For how long something was left of a server that must not run any more, beside one that runs. */
  leftoverMs = 0;
  readonly #options: WorldOptions;
  readonly #world: Surroundings;
  readonly #cores: Cores;
  readonly #mirror: Mirror;
  readonly #thirdVote: ThirdVote;
  readonly #heartbeats: Heartbeats;

  constructor(options: WorldOptions) {
    this.#options = options;
    const { module, cluster, pace } = options;
    const [first, second] = module.hosts;
    this.hosts = [new Host(first, second, module.name), new Host(second, first, module.name)];
    this.arbiterPlace = cluster.arbiter.kind === 'none' ? null : (witnessOf(cluster, module.hosts) ?? elsewhere);
    this.networks = new Networks(cluster, (place) => this.#isUp(place));
    this.trace = new Trace(this.clock, (host) => Mirror.isFrozen(host, this.clock.now));
    const world: Surroundings = {
      module: module.name,
      serverKind: module.server.kind,
      aliveEveryMs: aliveEveryMs(module),
      acknowledgeTimeoutMs: module.mirror.acknowledgeTimeoutMs,
      clock: this.clock,
      pace,
      networks: this.networks,
      hosts: this.hosts,
      ledger: this.ledger,
      trace: this.trace,
      feed: (host, event) => {
        const before = host.core;
        this.#cores.feed(host, event);
        this.looks.notice(host);
        const { core } = host;
        if (core === before || core === null || before === null) return;
        if (core.role.at !== before.role.at || core.record !== before.record) this.#heartbeats.hurry(host);
      },
    };
    this.#world = world;
    this.#thirdVote = new ThirdVote(world, this.arbiterPlace);
    this.servers = new Servers(world);
    this.#mirror = new Mirror(world, (host, done) => this.servers.kill(host, done));
    this.looks = new Looks(world, module);
    const parts = { thirdVote: this.#thirdVote, mirror: this.#mirror, servers: this.servers };
    this.#cores = new Cores(world, parts, (host) => this.#fence(host));
    // The module began as plain files in the directory of its preferred host.
    this.hosts[0].writes.add(0);
    this.clock.every(tickMs, () => this.hosts.forEach((host) => this.#tick(host)));
    this.clock.every(countMs, () => this.#countServers());
    this.periodMs = heartbeatMs(cluster, [module]);
    this.#heartbeats = new Heartbeats(world, this.periodMs);
  }

  get answered(): Answered[] {
    return this.#cores.answered;
  }

  host(name: string): Host {
    const found = this.hosts.find((host) => host.name === name);
    if (!found) throw new Error(`${name} is no host of ${this.#options.module.name}`);
    return found;
  }

  /** Where a server runs, or is about to. */
  get runsOn(): readonly string[] {
    return this.hosts.filter((host) => host.hasServer).map(({ name }) => name);
  }

  /** Whether it goes back to its preferred host by itself, as the core plans it; null: it does not. */
  get failback(): FailbackPlan | null {
    const plans = this.hosts.map(({ core }) => core && failbackOf(core, this.clock.now));
    return plans.find((plan) => plan !== null) ?? null;
  }

  // --- time

  /** From two hosts that were just started until their pair is whole and the server runs, or `atMostMs`. */
  runUntilWhole(atMostMs: number): void {
    const { clock, hosts } = this;
    clock.runUntil(clock.now + atMostMs, () =>
      hosts.some(
        ({ core }) =>
          core?.role.at === 'primary' && core.role.link.kind === 'both' && core.role.server.kind === 'running',
      ),
    );
    // Both have to have heard of it.
    clock.runUntil(clock.now + 4 * this.periodMs);
  }

  /** Runs until nothing has changed for `calmMs`, `atMostMs` at the longest. @returns whether it is calm */
  runUntilCalm(calmMs: number, atMostMs: number): boolean {
    const { clock, trace } = this;
    const begin = clock.now;
    const isCalm = (): boolean => clock.now - Math.max(begin, trace.changedAt) >= calmMs;
    clock.runUntil(begin + atMostMs, isCalm);
    return isCalm();
  }

  /** Runs to the moment at which the pace says that a fault comes, between two of what happens every so often. */
  runToPhase(everyMs: number): void {
    const { clock } = this;
    const { phase } = this.#options.pace;
    clock.runUntil((Math.floor(clock.now / everyMs) + 1 + phase) * everyMs);
  }

  // --- what befalls it

  boot(name: string): void {
    const host = this.host(name);
    if (host.core !== null) return;
    host.hasPower = true;
    host.life += 1;
    // What an earlier life of the agent has left is ended first.
    this.#mirror.isGone(host, true);
    this.servers.kill(host, () => this.#begin(host));
  }

  #begin(host: Host): void {
    const { module, cluster } = this.#options;
    const { desired, facts, resolution, promisedDetectionMs, failovers, name, life } = host;
    const config = coreConfig(cluster, module, name);
    const incarnation = `${name} ${String(life)}`;
    const core = initialState(
      config,
      desired,
      facts,
      this.clock.now,
      incarnation,
      resolution,
      null,
      promisedDetectionMs,
      failovers,
    );
    host.core = core;
    host.promisedDetectionMs = core.detection.promisedMs;
    for (const network of this.networks.joining(name, host.peer)) host.heardOn.set(network, null);
    this.looks.begins(host);
    if (host.isDrained) this.#world.feed(host, { type: 'hostDrain', drain: 'drained' });
    const { failback, failbackWindow } = module.failover;
    if (failback === 'automatic' && failbackWindow !== 'always') {
      // Nothing here knows what time it is.
      this.#world.feed(host, { type: 'failbackHindered', hindrance: `the window ${failbackWindow}` });
    }
    this.trace.look(host);
  }

  powerOff(name: string): void {
    const host = this.host(name);
    this.#agentIsGone(host);
    host.hasPower = false;
    host.pausedUntil = 0;
    this.servers.powerIsGone(host);
    this.#mirror.isGone(host, false);
    this.trace.look(host);
  }

  #agentIsGone(host: Host): void {
    host.core = null;
    host.life += 1;
    host.queue = [];
    this.looks.begins(host);
  }

  #fence(host: Host): void {
    if (!host.hasPower) return;
    this.trace.say(host.name, 'FAULT', `${host.name} is powered off by its fencing device`);
    this.powerOff(host.name);
  }

  /** The agent dies without a word. Its mirror process ends the server that it guards; the service manager starts another agent. */
  agentDies(name: string): void {
    const { pace } = this.#options;
    const host = this.host(name);
    const hadServer = host.hasServer;
    this.#agentIsGone(host);
    this.#mirror.freeze(host);
    if (!hadServer) this.#mirror.isGone(host, true);
    else if (this.#options.module.server.kind === 'qemu') {
      this.servers.kill(host, () =>
        // Somebody has to have seen that it is gone.
        later(this.#world, host, 20 * pace.momentMs, () => {
          this.#mirror.tellEnd(host);
          this.#mirror.isGone(host, true);
        }),
      );
    } else {
      // No process stands for what scripts have started: its files are gone from under it, until the next agent has its stop script run.
      this.#mirror.isGone(host, true);
      this.servers.isOrphaned(host);
    }
    this.trace.look(host);
    later(this.#world, host, pace.agentMs, () => this.boot(name));
  }

  setArbiter(isUp: boolean): void {
    this.#thirdVote.isUp = isUp;
  }

  /** Cuts a host off from the other one and from the arbiter, or ends that. */
  setIsolated(name: string, isIsolated: boolean): void {
    const [first, second] = this.hosts;
    this.networks.setCut(first.name, second.name, isIsolated);
    if (this.arbiterPlace !== null) this.networks.setCut(name, this.arbiterPlace, isIsolated);
  }

  crashServer(name: string): void {
    this.servers.crash(this.host(name));
  }

  setDiskBad(name: string, isBad: boolean): void {
    const host = this.host(name);
    if (isBad) this.#mirror.diskFails(host);
    else host.isDiskBad = false;
  }

  /** A host stands still, with everything on it. */
  pause(name: string, forMs: number): void {
    const host = this.host(name);
    host.pausedUntil = this.clock.now + forMs;
    later(this.#world, host, forMs, () => {
      for (const event of host.queue.splice(0)) this.#world.feed(host, event);
    });
  }

  command(name: string, kind: Command['kind']): void {
    this.#cores.command(this.host(name), kind, commandLimitMs);
  }

  setDrained(name: string, isDrained: boolean): void {
    const host = this.host(name);
    host.isDrained = isDrained;
    this.#world.feed(host, { type: 'hostDrain', drain: isDrained ? 'drained' : null });
    if (isDrained) this.command(name, 'drain');
  }

  // --- inside

  #isUp(place: string): boolean {
    if (place === this.arbiterPlace) return this.#thirdVote.isUp;
    const host = this.host(place);
    return host.hasPower && (host.core !== null || host.serving !== null || host.following !== null);
  }

  #tick(host: Host): void {
    this.#world.feed(host, { type: 'tick' });
    if (host.core?.shuttingDown !== true || host.core.role.at !== 'stopped') return;
    this.#agentIsGone(host);
    this.#mirror.isGone(host, true);
    this.trace.look(host);
  }

  #countServers(): void {
    const moving = this.hosts.filter((host) => !host.standsStill(this.clock.now));
    if (moving.filter((host) => host.hasServer && this.#mirror.answers(host)).length > 1) this.twoServersMs += countMs;
    else if (moving.filter(({ hasAnyServer }) => hasAnyServer).length > 1) this.leftoverMs += countMs;
  }

  /** The other host of the pair. */
  peerOf(name: string): Host {
    return otherThan(this, this.host(name));
  }
}
