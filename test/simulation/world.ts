/**
 * Two hosts and a witness on a virtual clock and network, with the agent's own failover core. Mirror and server are modelled by what the
 * core may rely on. Every step checks the promises.
 */
import { primaryLeaseEnd } from '../../agent/core/primary.ts';
import { initialState, step } from '../../agent/core/step.ts';
import { shownState } from '../../agent/core/status.ts';
import type {
  CoreEvent,
  ModuleConfig,
  ModuleCoreState,
  Outcome,
  Placement,
  UnhealthyAction,
} from '../../agent/core/types.ts';
import { Arbiter } from './arbiter.ts';
import { Checker } from './checker.ts';
import { Clock } from './clock.ts';
import { CoreDriver } from './coreDriver.ts';
import { Costs } from './costs.ts';
import { Coverage } from './coverage.ts';
import type { Backup } from './disk.ts';
import { FenceDevice } from './fenceDevice.ts';
import { Heartbeats } from './heartbeats.ts';
import { factsOf, newHost, nothingElse, ownTime, runsServer, setClockRate, wallTime, type Host } from './host.ts';
import { killOfOverloadedMs, Mirror } from './mirror.ts';
import { Networks, type CutOptions, type HostName, type Network, type Place, type Trouble } from './network.ts';
import { Operators } from './operators.ts';
import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import { Upgrades } from './upgrades.ts';
import { isWhole, lookMs, Watch } from './watch.ts';

export { Violation } from './checker.ts';
export type { HostName } from './network.ts';

const tickMs = 50;
const writePeriodMs = 100;
/** A guest that is idle writes for a twentieth of this time. */
const idleMs = 10_000;

export interface WorldOptions {
  readonly random: Random;
  readonly config?: Partial<ModuleConfig>;
  /** Where the file of the module is another one on each host. */
  readonly detectionMs?: Partial<Record<HostName, number>>;
  readonly trace?: (line: string) => void;
  /** Writes that lie in a host's directory before the module ever ran. */
  readonly files?: Partial<Record<HostName, readonly number[]>>;
  /** Shared by several worlds: what any of them reached. */
  readonly coverage?: Pick<Coverage, 'add'>;
}

export class World {
  readonly hosts: Record<HostName, Host> = { alpha: this.#newHost('alpha'), beta: this.#newHost('beta') };
  readonly networks: Networks;
  readonly arbiter: Arbiter;
  readonly mirror: Mirror;
  readonly checker: Checker;
  readonly driver: CoreDriver;
  readonly operators: Operators;
  readonly fenceDevice: FenceDevice;
  readonly #clock = new Clock();
  readonly #random: Random;
  readonly #upgrades: Upgrades;
  readonly #watch: Watch;
  readonly #trace: (line: string) => void;
  readonly #config: (self: HostName) => ModuleConfig;
  /** What the files of each host say since they were changed. */
  readonly #changed: Record<HostName, Partial<ModuleConfig>> = { alpha: {}, beta: {} };
  /** Of the witness's program. */
  #witnessVersion = 1;
  #isIdle = false;
  readonly #backups: Record<HostName, Backup | null> = { alpha: null, beta: null };

  #newHost(name: HostName): Host {
    // What is about to follow of it comes later than the end of its power.
    return newHost(
      name,
      () => this.now,
      () => this.#clock.after(0, () => this.crash(name)),
    );
  }

  constructor({ random, config, detectionMs, trace, files, coverage = new Coverage() }: WorldOptions) {
    this.#trace = trace ? (line) => trace(`${(this.now / 1000).toFixed(3)} ${line}`) : () => undefined;
    this.#config = (self) => ({
      module: 'web',
      self,
      peer: self === 'alpha' ? 'beta' : 'alpha',
      hosts: ['alpha', 'beta'],
      arbiter: 'witness',
      automatic: true,
      withoutArbiter: 'manual',
      restarts: 3,
      restartPeriodMs: 600_000,
      maxFailovers: 1000,
      failoverPeriodMs: 86_400_000,
      onDiskError: 'switchover',
      failback: 'manual',
      failbackAfterMs: 600_000,
      conditionsSettleMs: 5000,
      fencePeer: 'never',
      ...config,
      ...this.#changed[self],
      detectionMs: this.hosts[self].detectionMs,
    });
    for (const host of this.#all) {
      host.detectionMs = detectionMs?.[host.name] ?? config?.detectionMs ?? host.detectionMs;
    }
    this.#random = random;
    const isNone = this.#config('alpha').arbiter === 'none';
    this.checker = new Checker(this.hosts, this.#config('alpha'), () => this.now);
    this.networks = new Networks(this.#clock, random, {
      isUp: (place) =>
        place === 'gamma' ? this.arbiter.isUp : this.hosts[place].core !== null || this.hosts[place].isEnding,
      version: (place) => (place === 'gamma' ? this.#witnessVersion : this.hosts[place].version),
    });
    const surroundings: Surroundings = {
      clock: this.#clock,
      random,
      networks: this.networks,
      hosts: this.hosts,
      checker: this.checker,
      costs: new Costs(this.#clock, this.checker),
      feed: (host, event) => this.#feed(host, event),
      trace: this.#trace,
    };
    this.arbiter = new Arbiter(surroundings, isNone);
    this.mirror = new Mirror(surroundings);
    this.#upgrades = new Upgrades(surroundings, (host) => this.#begin(host));
    this.fenceDevice = new FenceDevice(surroundings, {
      off: (name) => this.crash(name),
      on: (name) => this.boot(name),
    });
    const { arbiter, mirror, fenceDevice } = this;
    const parts = { arbiter, mirror, fenceDevice, coverage, isTraced: trace !== undefined };
    this.driver = new CoreDriver(surroundings, parts, (id, ok) => this.#upgrades.commandDone(id, ok));
    this.#watch = new Watch(surroundings, this.arbiter, this.driver);
    this.operators = new Operators(surroundings, this.arbiter, () => this.#watch.disturb());
    for (const host of this.#all) {
      for (const write of files?.[host.name] ?? []) host.disk.log.add(write);
      this.boot(host.name);
    }
    this.#clock.every(tickMs, () => {
      for (const host of this.#all) if (host.core) this.#feed(host, { type: 'tick' });
      for (const host of this.#all) this.#watch.lookAtLease(host);
    });
    new Heartbeats(surroundings);
    this.#clock.every(writePeriodMs, () => this.#guestsWrite());
    this.#clock.every(lookMs, () => this.#watch.look());
  }

  get now(): number {
    return this.#clock.now;
  }

  get outcomes(): Outcome[] {
    return this.driver.outcomes;
  }

  get acknowledged(): ReadonlySet<number> {
    return this.checker.acknowledged;
  }

  get upgrades(): number {
    return this.#upgrades.done;
  }

  get #all(): readonly Host[] {
    return [this.hosts.alpha, this.hosts.beta];
  }

  /** Runs the virtual clock. */
  run(forMs: number): void {
    this.#clock.run(forMs, (ms) => this.checker.passes(ms));
  }

  /** A fault that takes its time; none comes after they have ended. */
  later(ms: number, run: () => void): void {
    this.#clock.after(ms, () => {
      if (this.now >= this.driver.peaceUntil) run();
    });
  }

  boot(name: HostName): void {
    const host = this.hosts[name];
    if (host.core) return;
    this.#watch.disturb();
    // What is left of an earlier life of the agent is ended first.
    host.isEnding = false;
    host.server = 'stopped';
    host.life += 1;
    host.clock = { shown: 0, at: this.now, rate: host.clock.rate };
    host.heard = -1;
    host.heardOn = { lan: null, link: null };
    host.reachedArbiter = false;
    this.#trace(`${name} boots`);
    this.mirror.boots(host);
    host.core = this.#begin(host);
  }

  #begin(host: Host): ModuleCoreState {
    host.program += 1;
    host.owed.clear();
    const {
      desired,
      resolution,
      maintenance: stored,
      drained,
      promisedDetectionMs: promised,
      failovers: counted,
    } = host.disk;
    const incarnation = `${host.name}${String(host.program)}`;
    const now = ownTime(host, this.now);
    const config = this.#config(host.name);
    const maintenance = stored && {
      ...stored,
      // At most what it was to be is left of it, whatever the clock on the wall says.
      until: stored.until === null ? null : now + Math.min(stored.until - wallTime(host, this.now), stored.forMs),
    };
    const wallNow = wallTime(host, this.now);
    // Whatever the clock on the wall says, none is yet to come.
    host.disk.failovers = counted.map((at) => Math.min(at, wallNow));
    const failovers = host.disk.failovers.map((at) => now - (wallNow - at));
    const known = [resolution, maintenance, promised, failovers] as const;
    const core = initialState(config, desired, factsOf(host), now, incarnation, ...known);
    host.disk.promisedDetectionMs = core.detection.promisedMs;
    return drained ? step(core, { type: 'hostDrain', drain: 'drained', now }).state : core;
  }

  /** The module's file is another one on this host, while it runs or is off. */
  changeDetection(name: HostName, detectionMs: number): void {
    const host = this.hosts[name];
    this.#trace(`detection on ${name}: ${String(detectionMs)} ms`);
    host.detectionMs = detectionMs;
    // A program that is about to be replaced does not read it any more: the next one begins with it.
    if (!host.core || host.awayUntil > this.now) return;
    this.#feed(host, { type: 'configChanged', config: this.#config(name) });
  }

  /** The files of a host say something else, while it runs or is off. @param settings null: they are again what they were at first */
  changeFiles(name: HostName, settings: Partial<ModuleConfig> | null): void {
    const host = this.hosts[name];
    if (settings === null && Object.keys(this.#changed[name]).length === 0) return;
    this.#trace(
      `the files of ${name} say: ${settings === null ? 'what they said at first' : JSON.stringify(settings)}`,
    );
    this.#changed[name] = settings === null ? {} : { ...this.#changed[name], ...settings };
    if (!host.core || host.awayUntil > this.now) return;
    this.#feed(host, { type: 'configChanged', config: this.#config(name) });
  }

  // Each of these returns whether there was anything for it to befall.

  /** What was not flushed may be lost. */
  crash(name: HostName): boolean {
    const host = this.hosts[name];
    if (!host.core) return false;
    this.#watch.disturb();
    this.#trace(`${name} loses power`);
    host.disk.losePower(this.#random);
    this.arbiter.losesPower(host);
    this.#gone(host, this.#random.next() < 0.5);
    return true;
  }

  /** The agent dies without a word: its mirror processes kill the server and unmount. */
  agentDies(name: HostName): boolean {
    const host = this.hosts[name];
    if (!host.core) return false;
    this.#watch.disturb();
    this.#trace(`the agent of ${name} dies`);
    const { server } = host;
    const ends = this.mirror.agentDies(host);
    this.#gone(host, false);
    if (ends !== null) {
      host.server = server;
      ends();
    }
    return true;
  }

  #gone(host: Host, silently: boolean): void {
    this.mirror.hostIsGone(host, silently);
    host.core = null;
    host.life += 1;
    host.program += 1;
    host.queue = [];
    host.pausedUntil = 0;
    host.awayUntil = 0;
    host.server = 'stopped';
  }

  pause(name: HostName, forMs: number): void {
    this.#watch.disturb();
    const host = this.hosts[name];
    host.pausedUntil = Math.max(host.pausedUntil, this.now + forMs);
    if (this.#isMissed(host, host.pausedUntil)) {
      // Its server is killed soon after its agent goes on.
      const killedMs = 2 * tickMs + host.detectionMs / 8 + killOfOverloadedMs;
      this.checker.excuseServerUntil(name, host.pausedUntil + killedMs);
    }
    this.#trace(`${name} stands still for ${String(Math.round(forMs))} ms`);
  }

  /** In which the last host that stands still has gone on, whole milliseconds; 0: none does. */
  get standsStillMs(): number {
    return Math.max(0, ...this.#all.map(({ pausedUntil }) => Math.ceil(pausedUntil - this.now)));
  }

  /** Whether a host that stands still until then may find that the other one has taken over what runs on it. */
  #isMissed(host: Host, until: number): boolean {
    const { core } = host;
    if (host.server === 'stopped') return false;
    // What its agent left, or was about to kill, is killed when it goes on.
    return core === null || core.role.at !== 'primary' || ownTime(host, until) > primaryLeaseEnd(core.role, core);
  }

  setCut(a: Place, b: Place, isCut: boolean, options: CutOptions = {}): boolean {
    if (a !== 'gamma' && b !== 'gamma') this.#watch.disturb();
    const isOther = this.networks.setCut(a, b, isCut, options);
    const where = options.network ? ` on ${options.network}` : '';
    const arrow = options.oneWay ? '>' : '-';
    const what = options.oneWay ? `${a}${arrow}${b}` : [a, b].sort().join('-');
    this.#trace(`${what}${where} ${isCut ? 'cut' : 'healed'}`);
    return isOther;
  }

  setFenceDevice({
    isDead = this.fenceDevice.isDead,
    slowMs = this.fenceDevice.slowMs,
    hasSpare = this.fenceDevice.hasSpare,
  }): void {
    const also = hasSpare ? ', and there is another one' : '';
    this.#trace(`the power switch ${isDead ? 'does not answer' : `takes ${String(slowMs)} ms longer`}${also}`);
    this.fenceDevice.isDead = isDead;
    this.fenceDevice.slowMs = slowMs;
    this.fenceDevice.hasSpare = hasSpare;
  }

  setTrouble(network: Network, trouble?: Trouble): void {
    this.#trace(`${network}: ${trouble ? JSON.stringify(trouble) : 'sound'}`);
    this.networks.setTrouble(network, trouble);
  }

  setClockRate(name: HostName, rate: number): void {
    this.#trace(`the clock of ${name} runs at ${rate.toFixed(2)}`);
    setClockRate(this.hosts[name], this.now, rate);
  }

  /** Somebody sets the clock on its wall. */
  setWallClock(name: HostName, aheadMs: number): void {
    this.#trace(`the clock on the wall of ${name} is ${String(Math.round(aheadMs / 1000))} s ahead`);
    this.hosts[name].wallAheadMs = aheadMs;
  }

  /** The file of the module is changed on one host; the next program there reads it. */
  setDetection(name: HostName, detectionMs: number): void {
    this.#trace(`the file of ${name} says detection ${String(detectionMs)} ms`);
    this.hosts[name].detectionMs = detectionMs;
  }

  guestDies(name: HostName): boolean {
    const host = this.hosts[name];
    if (host.server !== 'running' || !host.core || host.awayUntil > this.now) return false;
    this.#watch.disturb();
    host.server = 'stopped';
    this.#feed(host, { type: 'serverFailed', reason: 'the guest crashed', lasting: false });
    return true;
  }

  /** A check of the server has failed as often as counts. */
  checkFails(name: HostName, action: UnhealthyAction, isFirst = true): boolean {
    const host = this.hosts[name];
    if (host.server !== 'running') return false;
    this.#watch.disturb();
    const reason = 'check tcp 10.0.0.50:80 failed 3 times in 30 s (connection refused)';
    this.#feed(host, { type: 'serverUnhealthy', reason, action, isFirst });
    return true;
  }

  /** @param unmet which conditions to be primary a host does not meet; null: it meets all of them */
  conditions(name: HostName, unmet: string | null): boolean {
    const host = this.hosts[name];
    if (!host.core) return false;
    this.#watch.disturb();
    this.#trace(`${name} ${unmet === null ? 'meets its conditions' : 'does not meet a condition'}`);
    this.#feed(host, { type: 'conditions', unmet });
    return true;
  }

  /** What the agent of a host knows of other modules is another thing now. */
  place(name: HostName, what: Partial<Placement>): void {
    this.#watch.disturb();
    const host = this.hosts[name];
    host.placement = { ...nothingElse, ...what };
    this.#trace(`${name} other modules: ${Object.values(what).filter(Boolean).join('; ') || 'nothing'}`);
    // Any event will do.
    if (host.core) this.#feed(host, { type: 'hostDrain', drain: host.core.drain });
  }

  /** The mirror process ends, and no other one can take its place. */
  mirrorDies(name: HostName): boolean {
    const host = this.hosts[name];
    if (!host.core || host.awayUntil > this.now) return false;
    this.#watch.disturb();
    this.#trace(`the mirror process of ${name} ends`);
    this.mirror.dies(host);
    this.#feed(host, { type: 'mirrorFailed', reason: 'the mirror process ended' });
    return true;
  }

  /** The disk of a host loses something that it had taken, and says so. */
  diskFails(name: HostName): boolean {
    const host = this.hosts[name];
    if (!host.core || host.serving === null || host.serving.isOver) return false;
    this.#watch.disturb();
    this.#trace(`the disk of ${name} fails`);
    this.mirror.diskFails(host);
    return true;
  }

  /** For a while nothing can be made durable, beside what the guests write. */
  diskRefuses(name: HostName, forMs: number): void {
    this.#trace(`the disk of ${name} takes nothing for ${String(Math.round(forMs))} ms`);
    this.hosts[name].disk.refusesUntil = this.now + forMs;
  }

  /** A copy of the host's replica, from which its disk may be restored. */
  makeBackup(name: HostName): boolean {
    const backup = this.hosts[name].disk.backUp();
    this.#backups[name] = backup ?? this.#backups[name];
    return backup !== null;
  }

  /** The host comes back with another disk, empty or restored from the backup. The other host serves and has everything. */
  replaceDisk(name: HostName, fromBackup: boolean): boolean {
    const host = this.hosts[name];
    const other = this.hosts[name === 'alpha' ? 'beta' : 'alpha'];
    if (!this.checker.holdsAll(other)) return false;
    this.crash(name);
    this.#trace(`${name} has another disk${fromBackup ? ', restored from a backup' : ''}`);
    const backup = this.#backups[name];
    host.disk.replace(fromBackup && backup !== null && !isTakenForReplica(name, backup, other) ? backup : null);
    this.boot(name);
    return true;
  }

  /** The guests write now and then only. */
  setIdle(isIdle: boolean): void {
    this.#isIdle = isIdle;
  }

  setDiskSlow(name: HostName, slowMs: number): void {
    this.#trace(`the disk of ${name} takes ${String(Math.round(slowMs))} ms longer`);
    this.hosts[name].disk.slowMs = slowMs;
  }

  setDiskFull(name: HostName, isFull: boolean): void {
    this.#trace(`the disk of ${name} ${isFull ? 'is full' : 'has room'}`);
    this.hosts[name].disk.isFull = isFull;
  }

  /** The agent is replaced by another program, which is there after `awayMs`. */
  upgrade(name: HostName, awayMs: number, version = this.hosts[name].version): boolean {
    const host = this.hosts[name];
    if (!host.core || this.#upgrades.isUnderWay(host)) return false;
    this.#upgrades.add(this.operators.next, host, awayMs, version);
    this.operators.command(name, 'detach');
    return true;
  }

  /** Stops the agent in whatever it does, and starts another program. */
  upgradeAtOnce(name: HostName, version: number): void {
    const host = this.hosts[name];
    if (host.version === version) return;
    this.agentDies(name);
    host.version = version;
    this.boot(name);
  }

  /** An agent that was stopped in order is started again. */
  restartIfStopped(name: HostName): void {
    if (this.hosts[name].core?.shuttingDown !== true) return;
    this.agentDies(name);
    this.boot(name);
  }

  upgradeWitness(version: number): void {
    this.#trace(`the witness runs version ${String(version)}`);
    this.#witnessVersion = version;
  }

  describe(): string {
    return this.#all
      .map(({ name, core, server }) => {
        if (!core) return `${name}: off`;
        const shown = shownState(core);
        return `${name}: ${shown.state}${shown.transition ? ` ${shown.transition}` : ''} server ${server}${shown.reason ? ` (${shown.reason})` : ''}`;
      })
      .join('; ');
  }

  /** Whether the module runs on one host, and the other one is in sync. */
  get isWhole(): boolean {
    return isWhole(this);
  }

  #feed(host: Host, event: CoreEvent): void {
    this.driver.feed(host, event);
  }

  #guestsWrite(): void {
    if (this.#isIdle && this.now % idleMs > idleMs / 20) return;
    for (const host of this.#all) {
      const isServed = host.serving !== null && !host.serving.isOver;
      if (runsServer(host) && isServed && host.pausedUntil <= this.now) this.mirror.write(host);
    }
  }
}

/**
 * Nothing tells a copy that was made since the last resync from what it is a copy of. A secondary that has joined its new primary began another
 * synchronisation without one: then a copy from before that is taken for the replica, too, as the record counts it.
 */
function isTakenForReplica(name: HostName, backup: Backup, other: Host): boolean {
  if (backup.syncId === other.disk.syncId) return true;
  const record = other.core?.record ?? null;
  const reached = backup.lineage.at(-1)?.epoch ?? 0;
  return record !== null && record.inSync.includes(name) && reached >= record.base;
}
