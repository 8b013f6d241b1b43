import { Draft } from '../../agent/core/draft.ts';
import { wantsFenced } from '../../agent/core/fencingPeer.ts';
import { isHeld } from '../../agent/core/maintenance.ts';
import { whyNotStarted } from '../../agent/core/placement.ts';
import { quietUntil } from '../../agent/core/quiet.ts';
import { roleState } from '../../agent/core/roleState.ts';
import { divergenceOf, isToldTheSame, peerStatusOf, shownState } from '../../agent/core/status.ts';
import { step } from '../../agent/core/step.ts';
import type {
  CoreEvent,
  Effect,
  ModuleConfig,
  ModuleCoreState,
  Outcome,
  RoleState,
  StepResult,
  TimedEvent,
} from '../../agent/core/types.ts';
import { isSave, stepUnsaved, type Save } from '../../agent/core/unsaved.ts';
import type { Arbiter } from './arbiter.ts';
import type { Coverage } from './coverage.ts';
import type { FenceDevice } from './fenceDevice.ts';
import { factsOf, ownTime, wallTime, type Host } from './host.ts';
import type { Mirror, Result } from './mirror.ts';
import type { Surroundings } from './surroundings.ts';

/** Of the ticks that an agent would have spared, every so many is tried all the same, to see that it changes nothing. */
const triedTicks = 4;
/** When what could not be made durable is tried again. */
const saveRetryMs = 1000;

interface Ambush {
  readonly host: Host;
  readonly state: RoleState | null;
  readonly delayMs: number;
  readonly strike: () => void;
}

/** It is fenced by what it was told, not by what it waits for. */
function isGivingWay({ from, to, on }: StepResult['moves'][number]): boolean {
  return (
    to === 'fencing' && on === 'settle' && ['primary.none', 'primary.renumbering', 'primary.attaching'].includes(from)
  );
}

function isReason(text: unknown): boolean {
  return typeof text === 'string' && text.trim().length > 5 && !/undefined|null|NaN|: ?$/.test(text);
}

/** Drives the failover cores as agents do: feeds them with what happens, and carries out what they decide, in its order. */
export class CoreDriver {
  steps = 0;
  /** Ticks that an agent would not have asked for. */
  sparedTicks = 0;
  /** Of the stops of a server, those that take long. */
  slowStops = 0;
  /** The server's image is missing: no start succeeds. */
  imageMissing = false;
  /** Until then no fault strikes that was prepared before. */
  peaceUntil = 0;
  readonly outcomes: Outcome[] = [];
  #ambushes: readonly Ambush[] = [];
  /** What the program of a host was told last that its files say. */
  readonly #wanted = new Map<Host, ModuleConfig>();
  readonly #world: Surroundings;
  readonly #arbiter: Arbiter;
  readonly #mirror: Mirror;
  readonly #fenceDevice: FenceDevice;
  readonly #coverage: Pick<Coverage, 'add'>;
  readonly #isTraced: boolean;
  readonly #onCommandDone: (id: number, ok: boolean) => void;

  constructor(
    world: Surroundings,
    parts: {
      arbiter: Arbiter;
      mirror: Mirror;
      fenceDevice: FenceDevice;
      coverage: Pick<Coverage, 'add'>;
      isTraced: boolean;
    },
    onCommandDone: (id: number, ok: boolean) => void,
  ) {
    this.#world = world;
    this.#arbiter = parts.arbiter;
    this.#mirror = parts.mirror;
    this.#fenceDevice = parts.fenceDevice;
    this.#coverage = parts.coverage;
    this.#isTraced = parts.isTraced;
    this.#onCommandDone = onCommandDone;
  }

  /** A host that stands still acts on what it was sent, in order, when it goes on. */
  feed(host: Host, event: CoreEvent): void {
    const { clock } = this.#world;
    if (host.awayUntil > clock.now || host.disk.files.isOff) return;
    if (host.pausedUntil > clock.now) {
      this.#queue(host, event);
      return;
    }
    const { core } = host;
    if (!core) return;
    const now = ownTime(host, clock.now);
    const isSpared = event.type === 'tick' && now < quietUntil(core);
    if (isSpared && (this.sparedTicks += 1) % triedTicks !== 0) return;
    const arbiterReachable = this.#arbiter.isNone || this.#arbiter.reaches(host);
    // Of a host at rest an agent does not look at that with every tick.
    const placement = event.type === 'tick' ? {} : { placement: host.placement };
    const heardOn = Object.entries(host.heardOn).map(([network, at]) => ({ network, at }));
    const result = this.#step(host, core, { ...event, now, arbiterReachable, heardOn, ...placement });
    this.steps += 1;
    for (const move of result.moves) this.#cover(host, move);
    if (result.moves.length > 0) this.#spring(host, result.state);
    this.#checkShortcuts(host, core, event.type, result, isSpared);
    this.#checkLog(host, core, result);
    host.core = result.state;
    this.#checkKept(host, result.state);
    // What is shorter now than the time that has passed cannot have been kept before.
    if (core.config.detectionMs !== result.state.config.detectionMs) host.cutOffSince = null;
    if (this.#isTraced) this.#traceShown(host, core, result.state);
    for (const effect of result.effects) this.#carryOut(host, effect);
  }

  /** What is to be durable is so before anything else is done. */
  #step(host: Host, core: ModuleCoreState, event: TimedEvent): StepResult {
    if (event.type === 'configChanged') this.#wanted.set(host, event.config);
    const result = step(core, event);
    const saves = result.effects.filter(isSave);
    if (saves.length === 0 || this.#save(host, saves)) return result;
    const instead = stepUnsaved(core, event, 'EIO: input/output error');
    for (const each of instead.effects.filter(isSave)) host.owed.set(each.type, each);
    this.#saveAgain(host, event.type === 'configChanged' ? event : null);
    return instead;
  }

  #save(host: Host, saves: readonly Save[]): boolean {
    if (host.disk.refusesUntil > this.#world.clock.now) return false;
    for (const each of saves) {
      this.#write(host, each);
      host.owed.delete(each.type);
    }
    return true;
  }

  #saveAgain(host: Host, putOff: Extract<CoreEvent, { type: 'configChanged' }> | null): void {
    const { program } = host;
    this.#world.clock.after(saveRetryMs, () => {
      if (host.program !== program) return;
      const standsStill = Math.max(host.pausedUntil, host.awayUntil) > this.#world.clock.now;
      if (standsStill || !this.#save(host, [...host.owed.values()])) this.#saveAgain(host, putOff);
      // Unless the files have changed once more.
      else if (putOff !== null && this.#wanted.get(host) === putOff.config) this.feed(host, putOff);
    });
  }

  #write(host: Host, save: Save): void {
    const { disk } = host;
    switch (save.type) {
      case 'saveDesired':
        disk.desired = save.desired;
        return;
      case 'saveResolution':
        disk.resolution = save.resolution;
        this.#world.checker.operatorResolves(save.resolution);
        return;
      case 'saveMaintenance': {
        const { leftMs, ...rest } = save.maintenance;
        const wallNow = wallTime(host, this.#world.clock.now);
        disk.maintenance = { ...rest, until: leftMs === null ? null : wallNow + leftMs };
        return;
      }
      case 'savePromisedDetection':
        disk.promisedDetectionMs = save.promisedMs;
        return;
      case 'saveFailovers': {
        const wallNow = wallTime(host, this.#world.clock.now);
        disk.failovers = save.agesMs.map((age) => wallNow - age);
        return;
      }
    }
  }

  #cover(host: Host, move: StepResult['moves'][number]): void {
    if (isGivingWay(move)) this.#world.checker.givesWay(host);
    if (this.#coverage.add(move)) return;
    this.#world.checker.fail(
      `${host.name} went from ${move.from} to ${move.to} by ${move.on}, which is not among the transitions of agent/core/transitions.ts`,
    );
  }

  /**
   * Lets something happen as soon as the host comes to stand so, at a moment that chance would hardly hit.
   * @param state null: whatever it comes to
   */
  lieInWait(host: Host, state: RoleState | null, delayMs: number, strike: () => void): void {
    this.#ambushes = [...this.#ambushes, { host, state, delayMs, strike }];
  }

  /** Nothing lies in wait any more. */
  makePeace(): void {
    this.#ambushes = [];
    this.peaceUntil = Infinity;
  }

  #spring(host: Host, { role }: ModuleCoreState): void {
    const springs = (each: Ambush): boolean =>
      each.host === host && (each.state === null || each.state === roleState(role));
    for (const { delayMs, strike } of this.#ambushes.filter(springs)) {
      this.#world.clock.after(delayMs, () => {
        if (this.#world.clock.now >= this.peaceUntil) strike();
      });
    }
    this.#ambushes = this.#ambushes.filter((each) => !springs(each));
  }

  #queue(host: Host, event: CoreEvent): void {
    const { clock } = this.#world;
    if (event.type === 'tick') return;
    if (host.queue.length === 0) this.#awaken(host, clock.now);
    host.queue.push(event);
  }

  #awaken(host: Host, now: number): void {
    const { life } = host;
    this.#world.clock.after(host.pausedUntil - now, () => {
      if (host.life !== life) return;
      const queued = host.queue;
      host.queue = [];
      for (const each of queued) this.feed(host, each);
    });
  }

  #traceShown(host: Host, before: ModuleCoreState, after: ModuleCoreState): void {
    const [old, shown] = [shownState(before), shownState(after)];
    if (old.state === shown.state && old.transition === shown.transition) return;
    this.#world.trace(`${host.name} ${shown.state} ${shown.transition ?? ''} ${shown.reason ?? ''}`);
  }

  /** The agent spares ticks that change nothing, and tells anew only what may have changed. */
  #checkShortcuts(
    host: Host,
    before: ModuleCoreState,
    cause: CoreEvent['type'],
    { state, effects }: StepResult,
    isSpared: boolean,
  ): void {
    const { checker } = this.#world;
    const isSame = (Object.keys(state) as (keyof ModuleCoreState)[]).every((key) => before[key] === state[key]);
    if (isSpared && (!isSame || effects.length > 0)) {
      checker.fail(`${host.name}: a tick that was to change nothing changed something`);
    }
    if (isSame || !isToldTheSame(before, state)) return;
    const now = ownTime(host, this.#world.clock.now);
    const told = (of: ModuleCoreState) => JSON.stringify([peerStatusOf(of, now), shownState(of), divergenceOf(of)]);
    if (told(before) !== told(state)) {
      checker.fail(`${host.name}: ${cause} changed what is told, and nobody would be told`);
    }
  }

  /** Nothing is done by what a restart would have forgotten, but what the core came to by itself. */
  #checkKept({ name, disk, owed }: Host, core: ModuleCoreState): void {
    const { desired, resolution, maintenance, detection, failovers } = core;
    const isKept =
      (disk.desired === desired || owed.has('saveDesired')) &&
      disk.resolution === resolution &&
      disk.maintenance?.sequence === maintenance?.sequence &&
      (disk.failovers.length === failovers.length || owed.has('saveFailovers')) &&
      disk.promisedDetectionMs === detection.promisedMs;
    if (!isKept) this.#world.checker.fail(`${name} acts on what is not durable there`);
  }

  /** Whatever people see change is explained to them. */
  #checkLog(host: Host, before: ModuleCoreState, { state, effects }: StepResult): void {
    const [from, to] = [shownState(before).state, shownState(state).state];
    const told = effects.flatMap((effect) => (effect.type === 'log' && effect.code === 'STATE' ? [effect.fields] : []));
    const isTold = told.some((fields) => fields['from'] === from && fields['to'] === to && isReason(fields['because']));
    if (told.length !== (from === to ? 0 : 1) || isTold !== (from !== to)) {
      this.#world.checker.fail(`${host.name}: the log does not say why ${from} became ${to}: ${JSON.stringify(told)}`);
    }
  }

  #carryOut(host: Host, effect: Effect): void {
    switch (effect.type) {
      case 'saveDesired':
      case 'saveResolution':
      case 'saveMaintenance':
      case 'savePromisedDetection':
      case 'saveFailovers':
        // That was done before.
        return;
      case 'readArbiter':
        this.#arbiter.read(host);
        return;
      case 'propose':
        this.#checkMaintenance(host);
        this.#checkHeldBack(host);
        this.#arbiter.propose(host, effect.proposal);
        return;
      case 'operation':
        this.#operate(host, effect);
        return;
      case 'freeze':
        this.#mirror.freeze(host);
        return;
      case 'startServer':
        this.#startServer(host);
        return;
      case 'stopServer':
        this.#stopServer(host);
        return;
      case 'commandDone':
        this.outcomes.push(effect.outcome);
        this.#onCommandDone(effect.id, effect.outcome.ok);
        return;
      case 'log':
        // One that is refused at once changes nothing.
        if (effect.code === 'FORCED') this.#world.checker.operatorForces();
        this.#world.trace(`${host.name} ${effect.code} ${effect.message}`);
        return;
      case 'stateChanged':
      case 'reportFailover':
        return;
    }
  }

  /** Nobody begins to take over by himself during a maintenance. */
  #checkMaintenance(host: Host): void {
    const { core } = host;
    const now = ownTime(host, this.#world.clock.now);
    if (core?.role.at !== 'asking' || core.role.forced || core.role.since !== now) return;
    if (isHeld(new Draft(core, now, 'settle'))) {
      this.#world.checker.fail(`${host.name} takes over by itself during a maintenance`);
    }
  }

  /** Nobody begins by himself what other modules hold back. */
  #checkHeldBack(host: Host): void {
    const { core } = host;
    if (core?.role.at !== 'asking' || core.role.forced || core.role.since !== ownTime(host, this.#world.clock.now)) {
      return;
    }
    const why = whyNotStarted(core);
    if (why !== null) this.#world.checker.fail(`${host.name} begins a start that is held back: ${why}`);
  }

  #operate(host: Host, { number, operation }: Extract<Effect, { type: 'operation' }>): void {
    const { kind } = operation;
    const isWanted = (): boolean => host.core !== null && wantsFenced(host.core.config.peer, host.core);
    const operate =
      kind === 'fencePeer'
        ? this.#fenceDevice.fence.bind(this.#fenceDevice, host, isWanted)
        : this.#mirror.operate.bind(this.#mirror, host, operation);
    operate((result: Result) => {
      if (typeof result === 'string') {
        this.feed(host, { type: 'operationFailed', operation: number, reason: result });
        return;
      }
      const { endpoint = null, note = null } = result ?? {};
      this.feed(host, { type: 'operationDone', operation: number, replica: factsOf(host), endpoint, note });
    });
  }

  #startServer(host: Host): void {
    const { clock, random, checker } = this.#world;
    const role = host.core?.role;
    if (role?.at !== 'primary') return checker.fail(`the server is to start on ${host.name}, which is no primary`);
    host.server = 'starting';
    const { life } = host;
    const { grant, link } = role;
    clock.after(random.between(50, 400), () => {
      if (host.life !== life || host.server !== 'starting') return;
      if (this.imageMissing) {
        host.server = 'stopped';
        this.feed(host, { type: 'serverFailed', reason: 'disk.raw does not exist', lasting: true });
        return;
      }
      host.server = 'running';
      checker.serverStarts(host, grant, link.kind !== 'committing');
      this.feed(host, { type: 'serverRunning' });
    });
  }

  #stopServer(host: Host): void {
    const { clock, random } = this.#world;
    const { life } = host;
    host.server = 'stopping';
    const stop = (host.stop += 1);
    const isSlow = this.slowStops > 0 && random.next() < this.slowStops;
    clock.after(isSlow ? random.between(3000, 20_000) : random.between(100, 800), () => {
      if (host.life !== life || host.server !== 'stopping' || host.stop !== stop) return;
      host.server = 'stopped';
      this.feed(host, { type: 'serverStopped', how: 'graceful' });
    });
  }
}
