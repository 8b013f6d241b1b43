/**
 * Two hosts and a witness on a virtual clock and network, with the agent's own failover core. Mirror and server are modelled by what the
 * core may rely on: what is acknowledged when, what a crash leaves. Every step checks the promises.
 */
import { Draft } from '../../agent/core/draft.ts';
import { continued, handedCore } from '../../agent/core/handOver.ts';
import { isHeld } from '../../agent/core/maintenance.ts';
import { initialState, step } from '../../agent/core/step.ts';
import { quietUntil } from '../../agent/core/quiet.ts';
import { divergenceOf, isToldTheSame, peerStatusOf, shownState } from '../../agent/core/status.ts';
import type {
  ArbiterRecord,
  Command,
  CoreEvent,
  Effect,
  LineageEntry,
  Maintenance,
  ModuleConfig,
  ModuleCoreState,
  Operation,
  Outcome,
  PeerStatus,
  ReplicaFacts,
  Resolution,
  UnhealthyAction,
} from '../../agent/core/types.ts';
import type { Random } from './random.ts';

export type HostName = 'alpha' | 'beta';
type Place = HostName | 'gamma';

const heartbeatMs = 250;
const tickMs = 50;
const acknowledgeTimeoutMs = 1000;
const writePeriodMs = 40;

interface Session {
  readonly id: string;
  readonly primary: HostName;
  inStep: boolean;
  mode: 'hold' | 'continue';
  /** The follower has given it up, and the primary cannot know yet. */
  followerGone: boolean;
}

/** What survives a crash. */
interface Disk {
  desired: ModuleCoreState['desired'];
  resolution: Resolution | null;
  drained: boolean;
  maintenance: Maintenance | null;
  /** Without an arbiter: this host's copy of the record. */
  record: ArbiterRecord | null;
  lineage: LineageEntry[];
  consistent: boolean;
  diskError: ReplicaFacts['diskError'];
  /** Numbers of the writes in the replica, in order. */
  log: number[];
  /** What was kept aside, by its name. */
  aside: Record<string, number[]>;
}

interface Host {
  readonly name: HostName;
  readonly disk: Disk;
  core: ModuleCoreState | null;
  mirror: 'idle' | 'following' | 'serving';
  frozen: boolean;
  followSession: string | null;
  server: 'stopped' | 'starting' | 'running' | 'stopping';
  epoch: number;
  /** Writes applied here and sent, not acknowledged to the guest yet. */
  held: number[];
  life: number;
  pausedUntil: number;
  /** One program of the agent has ended and the next is not there yet; mirror and server go on. */
  awayUntil: number;
  queue: CoreEvent[];
}

interface Planned {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export class Violation extends Error {
  override readonly name = 'Violation';
}

export interface WorldOptions {
  readonly random: Random;
  readonly config?: Partial<ModuleConfig>;
  readonly trace?: (line: string) => void;
  /** Writes that lie in a host's directory before the module ever ran. */
  readonly files?: Partial<Record<HostName, readonly number[]>>;
}

export class World {
  now = 0;
  readonly hosts: Record<HostName, Host>;
  readonly cut = new Set<string>();
  /** Beyond the usual: there is much to compare. */
  resyncTakesMs = 0;
  /** Beyond the usual: programs that still use the mount hold it up. */
  releaseTakesMs = 0;
  arbiterUp = true;
  arbiterRecord: ArbiterRecord | null = null;
  readonly acknowledged = new Set<number>();
  /** A forced primary may lack acknowledged writes: the operator was told. */
  forced = false;
  /** The server's image is missing: no start succeeds. */
  imageMissing = false;
  /** A host that was paused longer than the detection time may answer its own guest for a moment; never the disk. */
  longPause = false;
  highestAcknowledgingEpoch = 0;
  /** Ticks that an agent would not have asked for. */
  sparedTicks = 0;
  twoServersMs = 0;
  readonly outcomes: Outcome[] = [];
  /** Upgrades that went through with a server running. */
  upgrades = 0;
  readonly #upgrading = new Map<number, { readonly host: Host; readonly life: number; readonly awayMs: number }>();
  #planned: Planned[] = [];
  #order = 0;
  #session: Session | null = null;
  #nextWrite = 1;
  #nextSession = 1;
  readonly #random: Random;
  readonly #trace: (line: string) => void;
  readonly #config: (self: HostName) => ModuleConfig;

  constructor(options: WorldOptions) {
    this.#random = options.random;
    this.#trace = options.trace ?? (() => undefined);
    this.#config = (self) => ({
      module: 'web',
      self,
      peer: self === 'alpha' ? 'beta' : 'alpha',
      hosts: ['alpha', 'beta'],
      arbiter: 'witness',
      automatic: true,
      withoutArbiter: 'manual',
      detectionMs: 3000,
      restarts: 3,
      restartPeriodMs: 600_000,
      maxFailovers: 1000,
      failoverPeriodMs: 86_400_000,
      onDiskError: 'switchover',
      failback: 'manual',
      failbackAfterMs: 600_000,
      conditionsSettleMs: 5000,
      ...options.config,
    });
    this.hosts = { alpha: this.#newHost('alpha'), beta: this.#newHost('beta') };
    for (const name of ['alpha', 'beta'] as const) {
      this.hosts[name].disk.log.push(...(options.files?.[name] ?? []));
      this.boot(name);
    }
    this.#every(tickMs, () => this.#tick());
    this.#every(heartbeatMs, () => this.#heartbeats());
    this.#every(writePeriodMs, () => this.#guestsWrite());
  }

  #newHost(name: HostName): Host {
    return {
      name,
      disk: {
        desired: { value: 'started', sequence: 0 },
        resolution: null,
        drained: false,
        maintenance: null,
        record: null,
        lineage: [],
        consistent: true,
        diskError: null,
        log: [],
        aside: {},
      },
      core: null,
      mirror: 'idle',
      frozen: false,
      followSession: null,
      server: 'stopped',
      epoch: 0,
      held: [],
      life: 0,
      pausedUntil: 0,
      awayUntil: 0,
      queue: [],
    };
  }

  boot(name: HostName): void {
    const host = this.hosts[name];
    if (host.core) return;
    host.life += 1;
    this.#trace(`${this.#time()} ${name} boots`);
    host.core = initialState(
      this.#config(name),
      host.disk.desired,
      this.#facts(host),
      this.now,
      `${name}${String(host.life)}`,
      host.disk.resolution,
      host.disk.maintenance,
    );
    if (host.disk.drained) this.#feed(host, { type: 'hostDrain', drain: 'drained' });
  }

  crash(name: HostName): void {
    const host = this.hosts[name];
    if (!host.core) return;
    this.#trace(`${this.#time()} ${name} loses power`);
    host.core = null;
    host.life += 1;
    host.queue = [];
    host.pausedUntil = 0;
    host.awayUntil = 0;
    host.mirror = 'idle';
    host.frozen = false;
    host.server = 'stopped';
    host.held = [];
    host.followSession = null;
    this.#sessionEnds('the other host is gone');
  }

  pause(name: HostName, forMs: number): void {
    const host = this.hosts[name];
    host.pausedUntil = Math.max(host.pausedUntil, this.now + forMs);
    if (forMs > this.#config(name).detectionMs * 0.2) this.longPause = true;
    this.#trace(`${this.#time()} ${name} stands still for ${String(Math.round(forMs))} ms`);
  }

  setCut(a: Place, b: Place, isCut: boolean): void {
    const key = [a, b].sort().join('-');
    if (isCut) this.cut.add(key);
    else this.cut.delete(key);
    this.#trace(`${this.#time()} ${key} ${isCut ? 'cut' : 'healed'}`);
    if (isCut && key === 'alpha-beta' && this.#session) {
      const session = this.#session;
      // A silent cut: noticed when acknowledgements fail to come, on the other side when the connection times out.
      this.#after(acknowledgeTimeoutMs, () => {
        if (this.#session === session && this.cut.has(key)) this.#sessionEnds('no acknowledgement');
      });
    }
  }

  guestDies(name: HostName): void {
    const host = this.hosts[name];
    if (host.server !== 'running' || !host.core || host.awayUntil > this.now) return;
    host.server = 'stopped';
    this.#feed(host, { type: 'serverFailed', reason: 'the guest crashed', lasting: false });
  }

  /** A check of the server has failed as often as counts. */
  checkFails(name: HostName, action: UnhealthyAction): void {
    const host = this.hosts[name];
    if (host.server !== 'running') return;
    const reason = 'check tcp 10.0.0.50:80 failed 3 times in 30 s (connection refused)';
    this.#feed(host, { type: 'serverUnhealthy', reason, action });
  }

  /** @param unmet which conditions to be primary a host does not meet; null: it meets all of them */
  conditions(name: HostName, unmet: string | null): void {
    const host = this.hosts[name];
    if (!host.core) return;
    this.#trace(`${this.#time()} ${name} ${unmet === null ? 'meets its conditions' : 'does not meet a condition'}`);
    this.#feed(host, { type: 'conditions', unmet });
  }

  /** The disk of a host loses something that it had taken, and says so. */
  diskFails(name: HostName): void {
    const host = this.hosts[name];
    if (!host.core || host.mirror !== 'serving') return;
    this.#trace(`${this.#time()} the disk of ${name} fails`);
    host.disk.diskError = { code: 'EIO', at: 'some time' };
    this.#feed(host, { type: 'replica', replica: this.#facts(host) });
  }

  /** An operator drains a host, or takes that back. */
  drain(name: HostName, drain: boolean): void {
    const host = this.hosts[name];
    if (!host.core) return;
    this.#trace(`${this.#time()} ${name} is ${drain ? 'drained' : 'undrained'}`);
    host.disk.drained = drain;
    this.#feed(host, { type: 'hostDrain', drain: drain ? 'drained' : null });
    if (drain) this.command(name, 'drain');
  }

  /** An operator begins a maintenance, or ends it (null). */
  maintain(name: HostName, forMs: number | null, reason: string | null = null): void {
    const host = this.hosts[name];
    if (!host.core) return;
    const kind = forMs === null ? 'endMaintenance' : 'beginMaintenance';
    this.#trace(`${this.#time()} command ${kind} on ${name}`);
    this.#feed(host, {
      type: 'command',
      id: this.#order++,
      kind,
      maintenance: { forMs: forMs ?? 0, reason, by: 'an operator' },
      deadline: this.now + 60_000,
      arbiterReachable: true,
    });
  }

  /** Something that only the agent knows of stands in the way of a failback. */
  hinderFailback(name: HostName, hindrance: string | null): void {
    this.#trace(`${this.#time()} failback from ${name} ${hindrance === null ? 'is free' : `waits for ${hindrance}`}`);
    this.#feed(this.hosts[name], { type: 'failbackHindered', hindrance });
  }

  /** The agent is replaced by another program, which is there after `awayMs`. */
  upgrade(name: HostName, awayMs: number): void {
    const host = this.hosts[name];
    if (!host.core || [...this.#upgrading.values()].some((each) => each.host === host)) return;
    this.#upgrading.set(this.#order, { host, life: host.life, awayMs });
    this.command(name, 'detach');
  }

  #detached(id: number, ok: boolean): void {
    const upgrade = this.#upgrading.get(id);
    if (!upgrade) return;
    this.#upgrading.delete(id);
    const { host, life, awayMs } = upgrade;
    this.#after(ok ? 100 : 0, () => {
      if (host.life !== life || !host.core) return;
      const handed = ok && host.pausedUntil <= this.now ? handedCore(host.core, this.now) : null;
      if (handed === null) {
        this.#feed(host, { type: 'attachAgain' });
        return;
      }
      this.#trace(`${this.#time()} ${host.name} is replaced, for ${String(Math.round(awayMs))} ms nobody is there`);
      host.awayUntil = this.now + awayMs;
      this.#after(awayMs, () => {
        if (host.life !== life || !host.core) return;
        host.life += 1;
        this.upgrades += 1;
        const { desired, resolution, maintenance } = host.disk;
        const config = this.#config(host.name);
        const incarnation = `${host.name}${String(host.life)}`;
        const initial = initialState(
          config,
          desired,
          this.#facts(host),
          this.now,
          incarnation,
          resolution,
          maintenance,
        );
        host.core = continued(initial, handed, this.now);
        if (host.disk.drained) this.#feed(host, { type: 'hostDrain', drain: 'drained' });
      });
    });
  }

  command(name: HostName, kind: Command['kind'], keep: HostName | null = null): void {
    const host = this.hosts[name];
    if (!host.core) return;
    if (kind === 'force') this.forced = true;
    this.#trace(`${this.#time()} command ${kind} on ${name}${keep ? ` keep ${keep}` : ''}`);
    this.#feed(host, {
      type: 'command',
      id: this.#order++,
      kind,
      keep,
      deadline: this.now + 60_000,
      arbiterReachable: this.#withoutArbiter || this.#connected(name, 'gamma'),
    });
  }

  /** Runs the virtual clock. */
  run(forMs: number): void {
    const end = this.now + forMs;
    for (;;) {
      let best = -1;
      for (let i = 0; i < this.#planned.length; i += 1) {
        const each = this.#planned[i];
        const chosen = this.#planned[best];
        if (
          each &&
          each.at <= end &&
          (!chosen || each.at < chosen.at || (each.at === chosen.at && each.order < chosen.order))
        ) {
          best = i;
        }
      }
      const next = this.#planned[best];
      if (!next) break;
      this.#planned.splice(best, 1);
      const before = this.now;
      this.now = Math.max(this.now, next.at);
      if (this.hosts.alpha.server === 'running' && this.hosts.beta.server === 'running') {
        this.twoServersMs += this.now - before;
      }
      next.run();
    }
    this.now = end;
  }

  describe(): string {
    return (['alpha', 'beta'] as const)
      .map((name) => {
        const { core, server } = this.hosts[name];
        if (!core) return `${name}: off`;
        const shown = shownState(core);
        return `${name}: ${shown.state}${shown.transition ? ` ${shown.transition}` : ''} server ${server}${shown.reason ? ` (${shown.reason})` : ''}`;
      })
      .join('; ');
  }

  #time(): string {
    return (this.now / 1000).toFixed(3);
  }

  #after(ms: number, run: () => void): void {
    this.#planned.push({ at: this.now + ms, order: this.#order++, run });
  }

  #every(ms: number, run: () => void): void {
    const again = (): void => {
      run();
      this.#after(ms, again);
    };
    this.#after(ms, again);
  }

  #facts(host: Host) {
    const { lineage, consistent, diskError, log } = host.disk;
    return { lineage: [...lineage], consistent, diskError: diskError ?? null, content: log.length > 0 };
  }

  #connected(a: Place, b: Place): boolean {
    if (this.cut.has([a, b].sort().join('-'))) return false;
    return [a, b].every((place) => (place === 'gamma' ? this.arbiterUp : this.hosts[place].core !== null));
  }

  #other(name: HostName): Host {
    return this.hosts[name === 'alpha' ? 'beta' : 'alpha'];
  }

  #latency(): number {
    return this.#random.between(1, 20);
  }

  #tick(): void {
    for (const host of Object.values(this.hosts)) if (host.core) this.#feed(host, { type: 'tick' });
  }

  #heartbeats(): void {
    for (const host of Object.values(this.hosts)) {
      if (!host.core || Math.max(host.pausedUntil, host.awayUntil) > this.now) continue;
      const peer = this.#other(host.name);
      const sentAt = this.now;
      const status: PeerStatus = peerStatusOf(host.core, this.now);
      const { life } = host;
      if (!this.#connected(host.name, peer.name)) continue;
      this.#after(this.#latency(), () => {
        if (!peer.core || !this.#connected(host.name, peer.name)) return;
        this.#feed(peer, { type: 'peerStatus', status });
        if (Math.max(peer.pausedUntil, peer.awayUntil) > this.now) return;
        this.#after(this.#latency(), () => {
          if (host.core && host.life === life && this.#connected(host.name, peer.name)) {
            this.#feed(host, { type: 'heartbeatAnswered', sentAt });
          }
        });
      });
    }
  }

  /** A paused host acts on what it was sent, in order, when it goes on. */
  #feed(host: Host, event: CoreEvent): void {
    if (host.awayUntil > this.now) return;
    if (host.pausedUntil > this.now) {
      if (event.type === 'tick') return;
      if (host.queue.length === 0) {
        const { life } = host;
        this.#after(host.pausedUntil - this.now, () => {
          if (host.life !== life) return;
          const queued = host.queue;
          host.queue = [];
          for (const each of queued) this.#feed(host, each);
        });
      }
      host.queue.push(event);
      return;
    }
    if (!host.core) return;
    const before = shownState(host.core);
    const { state, effects } = step(host.core, { ...event, now: this.now });
    this.#checkShortcuts(host, host.core, event, { state, effects });
    host.core = state;
    const after = shownState(state);
    if (before.state !== after.state || before.transition !== after.transition) {
      this.#trace(`${this.#time()} ${host.name} ${after.state} ${after.transition ?? ''} ${after.reason ?? ''}`);
    }
    for (const effect of effects) this.#carryOut(host, effect);
  }

  /** The agent spares ticks that change nothing, and tells anew only what may have changed. */
  #checkShortcuts(
    host: Host,
    before: ModuleCoreState,
    event: CoreEvent,
    { state, effects }: { state: ModuleCoreState; effects: readonly Effect[] },
  ): void {
    const isSame = (Object.keys(state) as (keyof ModuleCoreState)[]).every((key) => before[key] === state[key]);
    if (event.type === 'tick' && this.now < quietUntil(before)) {
      this.sparedTicks += 1;
      if (!isSame || effects.length > 0) {
        throw new Violation(`${this.#time()} ${host.name}: a tick that was to change nothing changed something`);
      }
    }
    if (isSame || !isToldTheSame(before, state)) return;
    const told = (of: ModuleCoreState) =>
      JSON.stringify([peerStatusOf(of, this.now), shownState(of), divergenceOf(of)]);
    if (told(before) !== told(state)) {
      throw new Violation(`${this.#time()} ${host.name}: ${event.type} changed what is told, and nobody would be told`);
    }
  }

  #carryOut(host: Host, effect: Effect): void {
    switch (effect.type) {
      case 'saveDesired':
        host.disk.desired = effect.desired;
        return;
      case 'saveResolution':
        host.disk.resolution = effect.resolution;
        return;
      case 'saveMaintenance': {
        // The virtual clock goes on over crashes: it is what a wall's clock is for agents.
        const { leftMs, ...rest } = effect.maintenance;
        host.disk.maintenance = { ...rest, until: leftMs === null ? null : this.now + leftMs };
        return;
      }
      case 'readArbiter':
        this.#askArbiter(host, () => ({ type: 'arbiterRead', record: this.#recordFor(host) }));
        return;
      case 'propose': {
        const { expect, record } = effect.proposal;
        this.#checkMaintenance(host);
        this.#askArbiter(host, () => {
          const current = this.#recordFor(host);
          if (current?.proposal === record.proposal) return { type: 'proposalGranted', record: current };
          if ((current?.epoch ?? null) !== expect || record.epoch <= (current?.epoch ?? 0)) {
            return { type: 'proposalRefused', proposal: record.proposal, current };
          }
          if (this.#withoutArbiter) host.disk.record = record;
          else this.arbiterRecord = record;
          this.#trace(
            `${this.#time()} arbiter grants epoch ${String(record.epoch)} primary ${record.primary} in sync ${record.inSync.join(',')}`,
          );
          return { type: 'proposalGranted', record };
        });
        return;
      }
      case 'operation':
        this.#operate(host, effect.number, effect.operation);
        return;
      case 'freeze':
        host.frozen = true;
        return;
      case 'startServer':
        this.#startServer(host, effect.epoch);
        return;
      case 'stopServer': {
        host.server = 'stopping';
        const { life } = host;
        this.#after(this.#random.between(100, 800), () => {
          if (host.life !== life || host.server !== 'stopping') return;
          host.server = 'stopped';
          this.#feed(host, { type: 'serverStopped', how: 'graceful' });
        });
        return;
      }
      case 'commandDone':
        this.outcomes.push(effect.outcome);
        this.#detached(effect.id, effect.outcome.ok);
        return;
      case 'log':
        this.#trace(`${this.#time()} ${host.name} ${effect.code} ${effect.message}`);
        return;
      case 'reportFailover':
        return;
    }
  }

  #feedSoon(host: Host, event: CoreEvent): void {
    const { life } = host;
    this.#after(1, () => {
      if (host.life === life) this.#feed(host, event);
    });
  }

  get #withoutArbiter(): boolean {
    return this.#config('alpha').arbiter === 'none';
  }

  /** Without an arbiter the record lives on both hosts, each of which learns of a newer one with the other's heartbeats. */
  #recordFor(host: Host): ArbiterRecord | null {
    if (!this.#withoutArbiter) return this.arbiterRecord;
    const told = host.core?.peer.status?.record ?? null;
    const own = host.disk.record;
    if (told && told.epoch > (own?.epoch ?? 0)) host.disk.record = told;
    return host.disk.record;
  }

  /** Question and answer may each be lost; the arbiter decides when the question arrives. */
  #askArbiter(host: Host, decide: () => CoreEvent): void {
    const { life } = host;
    const answer = (event: CoreEvent): void => {
      if (host.life === life) this.#feed(host, event);
    };
    this.#after(this.#latency(), () => {
      if (this.#withoutArbiter) {
        answer(decide());
        return;
      }
      if (!this.#connected(host.name, 'gamma') || this.#random.next() < 0.02) {
        this.#after(1000, () => answer({ type: 'arbiterUnreachable' }));
        return;
      }
      const event = decide();
      this.#after(this.#latency(), () => {
        if (this.#connected(host.name, 'gamma') && this.#random.next() >= 0.02) answer(event);
        else this.#after(1000, () => answer({ type: 'arbiterUnreachable' }));
      });
    });
  }

  #startServer(host: Host, epoch: number): void {
    host.server = 'starting';
    const { life } = host;
    this.#after(this.#random.between(50, 400), () => {
      if (host.life !== life || host.server !== 'starting') return;
      if (this.imageMissing) {
        host.server = 'stopped';
        this.#feed(host, { type: 'serverFailed', reason: 'disk.raw does not exist', lasting: true });
        return;
      }
      host.server = 'running';
      host.epoch = epoch;
      this.#checkHoldsEverything(host);
      this.#feed(host, { type: 'serverRunning' });
    });
  }

  #checkHoldsEverything(host: Host): void {
    if (this.forced) return;
    const held = new Set(host.disk.log);
    for (const write of this.acknowledged) {
      if (!held.has(write)) {
        throw new Violation(
          `${this.#time()}: the server starts on ${host.name} without acknowledged write ${String(write)}`,
        );
      }
    }
  }

  /** Nobody begins to take over by himself during a maintenance. */
  #checkMaintenance({ name, core }: Host): void {
    if (core?.role.at !== 'asking' || core.role.forced || core.role.since !== this.now) return;
    if (isHeld(new Draft(core, this.now))) {
      throw new Violation(`${this.#time()}: ${name} takes over by itself during a maintenance`);
    }
  }

  #operate(host: Host, number: number, operation: Operation): void {
    const { life } = host;
    const later = (
      ms: number,
      run: () => { endpoint?: { session: string } | null; note?: string } | null | string,
    ): void => {
      this.#after(ms, () => {
        if (host.life !== life) return;
        const result = run();
        if (typeof result === 'string') {
          this.#feed(host, { type: 'operationFailed', operation: number, reason: result });
        } else {
          const { endpoint = null, note = null } = result ?? {};
          this.#feed(host, { type: 'operationDone', operation: number, replica: this.#facts(host), endpoint, note });
        }
      });
    };
    switch (operation.kind) {
      case 'enterEpoch':
        later(this.#random.between(2, 30), () => {
          this.#enter(host, operation.entry);
          if (this.#session?.primary === host.name) {
            if (!this.#connected('alpha', 'beta')) return 'the follower does not answer';
            this.#enter(this.#other(host.name), operation.entry);
          }
          return null;
        });
        return;
      case 'serve':
        later(this.#random.between(20, 150), () => {
          if (!host.disk.consistent) return 'a resync into this replica was not completed';
          if (host.mirror === 'following' && this.#session) {
            if (this.#connected('alpha', 'beta')) this.#sessionEnds('the follower was promoted');
            else this.#session.followerGone = true;
          }
          host.mirror = 'serving';
          host.followSession = null;
          host.frozen = false;
          host.held = [];
          return null;
        });
        return;
      case 'attach':
        later(this.#random.between(5, 50), () => this.#attach(host, operation.endpoint.session));
        return;
      case 'holdOnPeerLoss':
        later(2, () => {
          if (this.#session?.primary !== host.name || !this.#session.inStep) return 'there is no follower in step';
          this.#session.mode = 'hold';
          return null;
        });
        return;
      case 'goAlone':
        later(this.#random.between(5, 40), () => {
          if (this.#session?.primary === host.name) this.#sessionEnds('given up by the primary', false);
          this.#enter(host, operation.entry);
          for (const write of host.held) this.#acknowledge(host, write);
          host.held = [];
          host.frozen = false;
          return null;
        });
        return;
      case 'release':
        later(this.#random.between(10, 100) + this.releaseTakesMs, () => {
          if (host.mirror === 'serving' && this.#session?.primary === host.name && !this.#connected('alpha', 'beta')) {
            return 'the follower does not answer';
          }
          if (host.mirror === 'serving' && host.frozen) return 'the other host was lost while the mirror was released';
          host.mirror = 'idle';
          if (this.#session?.primary === host.name) this.#sessionEnds('released', false);
          return null;
        });
        return;
      case 'fence':
        host.frozen = true;
        host.server = 'stopped';
        later(this.#random.between(20, 100), () => {
          host.held = [];
          host.mirror = 'idle';
          host.frozen = false;
          if (this.#session?.primary === host.name) this.#sessionEnds('aborted', false);
          return null;
        });
        return;
      case 'keepAside':
        later(200, () => {
          host.disk.aside[operation.name] = [...host.disk.log];
          return { note: operation.name };
        });
        return;
      case 'follow':
        later(this.#random.between(10, 60), () => {
          // Offering another session ends the one there is.
          if (this.#session && this.#session.primary !== host.name) this.#sessionEnds('the follower left');
          host.mirror = 'following';
          host.followSession = `s${String(this.#nextSession++)}`;
          return { endpoint: { session: host.followSession } };
        });
        return;
      case 'unfollow':
        later(20, () => {
          host.mirror = 'idle';
          host.followSession = null;
          if (this.#session && this.#session.primary !== host.name) this.#sessionEnds('the follower left');
          return null;
        });
        return;
    }
  }

  #enter(host: Host, entry: LineageEntry): void {
    const last = host.disk.lineage.at(-1);
    if (last && last.epoch >= entry.epoch) return;
    host.disk.lineage.push(entry);
    this.#feedSoon(host, { type: 'replica', replica: this.#facts(host) });
  }

  #attach(host: Host, sessionId: string): string | null {
    const follower = this.#other(host.name);
    if (!this.#connected('alpha', 'beta') || follower.followSession !== sessionId || follower.mirror !== 'following') {
      return 'the follower cannot be reached';
    }
    if (host.mirror !== 'serving') return 'not serving';
    const session: Session = {
      id: sessionId,
      primary: host.name,
      inStep: false,
      mode: 'continue',
      followerGone: false,
    };
    this.#session = session;
    this.#feedSoon(follower, { type: 'mirrorFollowerLink', connected: true });
    const differs =
      follower.disk.log.length !== host.disk.log.length || follower.disk.log.at(-1) !== host.disk.log.at(-1);
    if (differs) {
      this.#checkNothingIsDestroyed(host, follower);
      follower.disk.consistent = false;
      this.#feedSoon(follower, { type: 'replica', replica: this.#facts(follower) });
    }
    const { life } = host;
    this.#after((differs ? this.#random.between(100, 2000) : 30) + this.resyncTakesMs, () => {
      if (this.#session !== session || host.life !== life || !this.#connected('alpha', 'beta')) return;
      follower.disk.log = [...host.disk.log];
      follower.disk.lineage = [...host.disk.lineage];
      follower.disk.consistent = true;
      follower.disk.diskError = null;
      this.#feedSoon(follower, { type: 'replica', replica: this.#facts(follower) });
      session.inStep = true;
      this.#feed(host, { type: 'mirrorInStep', replica: this.#facts(host) });
    });
    return null;
  }

  /** Nothing is destroyed to settle a disagreement: what only the follower holds was kept aside before. */
  #checkNothingIsDestroyed(host: Host, follower: Host): void {
    const kept = new Set([host.disk.log, ...[host, follower].flatMap(({ disk }) => Object.values(disk.aside))].flat());
    // An unfinished resync holds nothing of its own.
    if (!follower.disk.consistent) return;
    const lost = follower.disk.log.find((write) => this.acknowledged.has(write) && !kept.has(write));
    if (lost !== undefined) {
      throw new Violation(
        `${this.#time()}: acknowledged write ${String(lost)} of ${follower.name} is overwritten and nowhere kept`,
      );
    }
  }

  #sessionEnds(reason: string, tellPrimary = true): void {
    const session = this.#session;
    if (!session) return;
    this.#session = null;
    const primary = this.hosts[session.primary];
    const follower = this.#other(session.primary);
    if (follower.core) this.#feedSoon(follower, { type: 'mirrorFollowerLink', connected: false });
    if (!primary.core || !tellPrimary) return;
    if (session.mode === 'hold') {
      primary.frozen = true;
    } else {
      for (const write of primary.held) this.#acknowledge(primary, write);
      primary.held = [];
    }
    this.#feedSoon(primary, { type: 'mirrorPeerLost', reason });
  }

  #guestsWrite(): void {
    for (const host of Object.values(this.hosts)) {
      if (
        host.server !== 'running' ||
        host.mirror !== 'serving' ||
        host.frozen ||
        host.pausedUntil > this.now ||
        !host.core
      ) {
        continue;
      }
      const write = this.#nextWrite++;
      host.disk.log.push(write);
      const session = this.#session?.primary === host.name ? this.#session : null;
      if (!session) {
        this.#acknowledge(host, write);
        continue;
      }
      host.held.push(write);
      if (!session.inStep) {
        // During a resync the change is in the stream behind the copy; a lost secondary holds nothing up.
        this.#releaseHeld(host, write);
        continue;
      }
      this.#after(this.#latency() / 4, () => {
        const follower = this.#other(host.name);
        if (
          this.#session !== session ||
          session.followerGone ||
          !this.#connected('alpha', 'beta') ||
          !follower.core ||
          follower.pausedUntil > this.now
        ) {
          this.#noAnswer(session);
          return;
        }
        follower.disk.log.push(write);
        this.#after(this.#latency() / 4, () => {
          if (this.#session !== session || host.frozen || !this.#connected('alpha', 'beta')) return;
          this.#releaseHeld(host, write);
        });
      });
    }
  }

  #noAnswer(session: Session): void {
    this.#after(acknowledgeTimeoutMs, () => {
      if (this.#session === session) this.#sessionEnds('no acknowledgement');
    });
  }

  #releaseHeld(host: Host, write: number): void {
    const index = host.held.indexOf(write);
    if (index < 0) return;
    host.held.splice(index, 1);
    this.#acknowledge(host, write);
  }

  #acknowledge(host: Host, write: number): void {
    const epoch = host.disk.lineage.at(-1)?.epoch ?? 0;
    if (epoch < this.highestAcknowledgingEpoch && !this.forced) {
      throw new Violation(
        `${this.#time()}: ${host.name} acknowledges write ${String(write)} in epoch ${String(epoch)} after epoch ${String(this.highestAcknowledgingEpoch)} began`,
      );
    }
    this.highestAcknowledgingEpoch = Math.max(this.highestAcknowledgingEpoch, epoch);
    this.acknowledged.add(write);
  }
}
