import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import type { ResolvedHooks, ResolvedModule } from '../../schemas/defaults.ts';
import type { FailoverReport, LastVerify, ResyncBandwidth, ResyncReport } from '../../schemas/generated/api.ts';
import type { VirtualAddress } from '../addresses/plan.ts';
import type { VirtualAddresses } from '../addresses/virtualAddresses.ts';
import type { Arbiter } from '../arbiter/arbiter.ts';
import { arbiterFailed, proposalAnswered, recordRead } from '../arbiter/arbiterEvents.ts';
import { continued, handedCore } from '../core/handOver.ts';
import { isInMaintenance } from '../core/maintenance.ts';
import { initialState, step } from '../core/step.ts';
import { drainOf } from '../core/switchover.ts';
import { quietUntil } from '../core/quiet.ts';
import { stepUnsaved } from '../core/unsaved.ts';
import type {
  Command,
  CoreEvent,
  Effect,
  HeardOn,
  HostDrain,
  MaintenanceWish,
  ModuleConfig,
  ModuleCoreState,
  Operation,
  Outcome,
  PeerStatus,
  Placement,
  StepResult,
} from '../core/types.ts';
import type { HandedMirror, MirrorController } from '../mirror/controller.ts';
import type { MirrorEvent, MirrorSettings, ReplicaRecord } from '../mirror/mirror.ts';
import { MirrorError } from '../mirror/mirrorError.ts';
import type { ServerState, VirtualServer } from '../server/virtualServer.ts';
import type { EventLog } from './eventLog.ts';
import { renew, whyNotDetached, type HandedModule } from './handOver.ts';
import type { FailoversFile } from './failoversFile.ts';
import type { MaintenanceFile } from './maintenanceFile.ts';
import { isOfferedInVain } from './mirrorAddress.ts';
import { noticeOf, type NoticedEvent } from './mirrorNotice.ts';
import { ModuleChecks, type RunnableCheck } from './moduleChecks.ts';
import { ModuleConditions, type RunnableCondition } from './moduleConditions.ts';
import type { ModuleEnvironment } from './moduleEnvironment.ts';
import { ModuleFailback } from './moduleFailback.ts';
import type { ModuleHooks } from './moduleHooks.ts';
import { ModuleMirror } from './moduleMirror.ts';
import { ModuleResync, type ResyncFile } from './moduleResync.ts';
import { ModuleSaves } from './moduleSaves.ts';
import { ModuleServer } from './moduleServer.ts';
import { ModuleVerify, type VerifyFile } from './moduleVerify.ts';
import type { DesiredFile, DetectionFile, ResolutionFile } from './moduleState.ts';
import { ModuleView, type ModuleStatus } from './moduleView.ts';
import { operate, type OperationResult } from './operations.ts';
import { PendingCommands } from './pendingCommands.ts';
import { tickWhenDue, type Ticks } from './ticker.ts';
import { VerifySchedule, type ScheduleFile } from './verifySchedule.ts';

/** A time of the schedule is begun at most so late. */
const scheduleLookMs = 20_000;

/** What of the module's file may change while this runs. */
export interface ModuleSettings {
  readonly config: ModuleConfig;
  readonly checks: readonly RunnableCheck[];
  readonly conditions: readonly RunnableCondition[];
  readonly resyncBandwidth: ResyncBandwidth;
  /** Bytes per second that a verify reads at most unless somebody says otherwise; null: no limit. */
  readonly verifyBandwidth: number | null;
  readonly verifySchedule: string;
  readonly failbackWindow: string;
  readonly mirror: MirrorSettings;
  /** By what the file says now. */
  readonly openMirror: () => Promise<MirrorController>;
  /** What the next program of the agent has to find in the file when it goes on with this. */
  readonly settings: string;
}

/** What parts of the runtime are told that have settings of their own. */
export interface PartSettings {
  readonly hooks: ResolvedHooks;
  readonly addresses: readonly VirtualAddress[];
  readonly server: ResolvedModule['server'];
}

export interface ModuleRuntimeOptions extends ModuleSettings {
  readonly directories: readonly string[];
  readonly serverKind: 'qemu' | 'scripts';
  readonly arbiter: Arbiter;
  /** Goes on with the mirror of an earlier program of this process. */
  readonly adoptMirror: (handed: HandedMirror) => Promise<MirrorController>;
  readonly server: VirtualServer;
  readonly addresses: VirtualAddresses;
  readonly environment: ModuleEnvironment;
  readonly hooks: ModuleHooks;
  readonly desired: DesiredFile;
  readonly resolution: ResolutionFile;
  readonly maintenance: MaintenanceFile;
  readonly verify: VerifyFile;
  readonly resync: ResyncFile;
  readonly promisedDetection: DetectionFile;
  readonly failovers: FailoversFile;
  readonly scheduleFile: ScheduleFile;
  /** The last verify that the other host of the pair has told of. */
  readonly verifiedByPeer: () => LastVerify | null;
  /** Whether the other host runs by other files, in which another host may be the preferred one. */
  readonly peerHasOtherFiles: () => boolean;
  readonly log: EventLog;
  /** Whether this host is drained now. */
  readonly hostDrain: () => HostDrain | null;
  /** Powers the other host off; resolves with how, when that is certain. */
  readonly fencePeer: () => Promise<string>;
  /** What other modules mean for a start of this one here; undefined: nothing. */
  readonly placement: () => Placement | undefined;
  /** This host's address for the mirror, on the best network that the peer is heard on. */
  readonly mirrorAddress: () => string;
  /** When the peer was last heard on each network. */
  readonly heardOn: () => readonly HeardOn[];
  /** Something that the peer and the clients should learn has changed. */
  readonly onChange: (urgent: boolean) => void;
}

/** Runs one module on this host: feeds the core with what happens, and carries out what it decides, in its order. */
export class ModuleRuntime {
  #options: ModuleRuntimeOptions;
  readonly #queue: CoreEvent[] = [];
  readonly #commands: PendingCommands;
  readonly #mirror: ModuleMirror;
  readonly #server: ModuleServer;
  #checks: ModuleChecks;
  #conditions: ModuleConditions;
  readonly #view = new ModuleView();
  readonly #saves: ModuleSaves;
  readonly #verify: ModuleVerify;
  #schedule: VerifySchedule;
  #failback: ModuleFailback;
  #scheduleTimer: NodeJS.Timeout | null = null;
  readonly #resync: ModuleResync;
  #core: ModuleCoreState;
  #draining = false;
  #isClosed = false;
  #ticks: Ticks | null = null;

  private constructor(
    options: ModuleRuntimeOptions,
    mirror: MirrorController,
    record: ReplicaRecord,
    content: boolean,
    handed: HandedModule | null = null,
  ) {
    this.#options = options;
    const { config, log } = options;
    this.#commands = new PendingCommands(config.module);
    this.#mirror = new ModuleMirror(
      {
        module: config.module,
        log,
        open: () => this.#options.openMirror(),
        settings: options.mirror,
        content,
        onEvent: (event) => this.#onMirror(event),
        onReopened: (replica) => this.#dispatch({ type: 'replica', replica }),
      },
      mirror,
      handed?.mirror ?? null,
    );
    this.#checks = this.#newChecks();
    this.#conditions = this.#newConditions();
    const startedAt = handed?.shown.serverStartedAt ?? null;
    this.#server = new ModuleServer(
      {
        config,
        server: options.server,
        addresses: options.addresses,
        hooks: options.hooks,
        log,
        dispatch: (event) => this.#dispatch(event),
        guard: (groups) => this.#mirror.guard(groups),
        onChange: () => {
          this.#checks.serverIs(options.server.state());
          options.onChange(false);
        },
      },
      handed && startedAt !== null ? { startedAt: new Date(startedAt), epoch: handed.core.grant.epoch } : null,
    );
    this.#saves = new ModuleSaves({
      ...options,
      module: config.module,
      onRetry: () => {
        const { config: wanted } = this.#options;
        if (this.#core.config !== wanted) this.#dispatch({ type: 'configChanged', config: wanted });
      },
    });
    const promisedMs = options.promisedDetection.read();
    const initial = initialState(
      config,
      options.desired.read(),
      this.#mirror.facts(record),
      performance.now(),
      randomUUID(),
      options.resolution.read(),
      options.maintenance.read(performance.now(), Date.now()),
      promisedMs,
      options.failovers.read(performance.now(), Date.now()),
    );
    // Before anybody is told of it: the next program here may find another time in its file.
    if (initial.detection.promisedMs !== promisedMs) options.promisedDetection.save(initial.detection.promisedMs);
    this.#core = handed ? continued(initial, handed.core, performance.now()) : initial;
    // The program before may have been one that does not keep them, or could not.
    if (handed) this.#saves.keep([{ type: 'saveFailovers', agesMs: handed.core.failoversAgoMs }]);
    this.#resync = new ModuleResync({
      module: config.module,
      peer: config.peer,
      bandwidth: options.resyncBandwidth,
      file: options.resync,
      log,
      onChange: () => options.onChange(false),
    });
    if (handed) {
      this.#view.goOn(this.#core, handed.shown);
      options.environment.note(this.#view.tell(this.#core).shown);
      this.#resync.last = handed.shown.lastResync;
    }
    this.#verify = new ModuleVerify({
      module: config.module,
      host: config.self,
      file: options.verify,
      log,
      onChange: () => {
        this.#lookAtFailback();
        options.onChange(false);
      },
    });
    this.#failback = new ModuleFailback(options.failbackWindow);
    this.#schedule = this.#newSchedule();
  }

  #newChecks(): ModuleChecks {
    const { config, checks, log, onChange } = this.#options;
    return new ModuleChecks({
      module: config.module,
      checks,
      log,
      unhealthy: (reason, action, isFirst) => this.#dispatch({ type: 'serverUnhealthy', reason, action, isFirst }),
      onChange: () => onChange(false),
    });
  }

  #newConditions(): ModuleConditions {
    const { conditions, onChange } = this.#options;
    return new ModuleConditions({
      conditions,
      told: (unmet) => this.#dispatch({ type: 'conditions', unmet }),
      onChange: () => onChange(false),
    });
  }

  #newSchedule(): VerifySchedule {
    const { config, verifySchedule, scheduleFile, log, verifiedByPeer } = this.#options;
    return new VerifySchedule({
      module: config.module,
      schedule: verifySchedule,
      file: scheduleFile,
      log,
      verified: {
        canBegin: () => this.#isWhole && this.#verify.status === null,
        begin: async () => {
          const outcome = await this.startVerify(undefined, 'the schedule');
          return outcome.ok ? null : outcome.reason;
        },
        last: () => [this.#verify.last, verifiedByPeer()],
      },
      now: new Date(),
    });
  }

  /** Whether nothing of the module runs here, nor is to. */
  get isStopped(): boolean {
    return this.#core.role.at === 'stopped' && this.#core.desired.value === 'stopped';
  }

  /**
   * Why another arbiter, which knows nothing of the module or has an old record of it, might let the wrong replica start; null: it cannot. With both
   * in sync and stopped whatever it holds is older than both.
   */
  get arbiterHindrance(): string | null {
    const { module, hosts } = this.#options.config;
    const { replica, record } = this.#core;
    if (!this.isStopped) return `${module} is not stopped: stop it first (\`understudy stop ${module}\`)`;
    if (replica.lineage.length === 0 && record === null) return null;
    const isInSync = replica.consistent && (replica.diskError ?? null) === null;
    if (isInSync && hosts.every((host) => record?.inSync.includes(host))) return null;
    return `${module} is not known to be in sync on both hosts: start it, wait until the pair is whole, and stop it`;
  }

  /**
   * The module's file is another one. Nothing is stopped: what concerns a start holds from the next one on. What did not change goes on with
   * what it has counted.
   */
  reconfigure(next: ModuleSettings, parts: PartSettings): void {
    const before = this.#options;
    const checks = isOther(before.checks, next.checks, ({ check }) => check);
    const conditions = isOther(before.conditions, next.conditions, ({ condition }) => condition);
    this.#options = { ...before, ...next };
    before.hooks.change(parts.hooks);
    before.server.reconfigure(parts.server);
    void before.addresses.change(parts.addresses);
    if (checks) {
      void this.#checks.suspend();
      this.#checks = this.#newChecks();
      this.#checks.serverIs(this.#server.state, this.#server.startedAt);
    }
    if (conditions) {
      void this.#conditions.end();
      this.#conditions = this.#newConditions();
      this.#conditions.begin();
      if (next.conditions.length === 0) this.#dispatch({ type: 'conditions', unmet: null });
    }
    if (next.failbackWindow !== before.failbackWindow) this.#failback = new ModuleFailback(next.failbackWindow);
    if (next.verifySchedule !== before.verifySchedule) this.#schedule = this.#newSchedule();
    this.#mirror.reconfigure(next.mirror);
    void this.#resync.change(this.#mirror.controller, next.resyncBandwidth);
    this.#dispatch({ type: 'configChanged', config: next.config });
    this.#lookAtSchedule();
    this.#lookAtFailback();
    before.onChange(true);
  }

  /** Kills what an earlier agent left running, opens the replica, and begins. */
  static async start(options: ModuleRuntimeOptions): Promise<ModuleRuntime> {
    const { module } = options.config;
    await options.addresses.clear();
    for (const killed of await options.server.reap()) {
      options.log.add(
        'warn',
        module,
        'REAPED',
        `a server of an earlier agent was still running and is killed: ${killed}`,
      );
    }
    const mirror = await options.openMirror();
    const content = options.directories.some(hasFiles);
    const runtime = new ModuleRuntime(options, mirror, await mirror.record(), content);
    runtime.#begin();
    return runtime;
  }

  #begin(): void {
    this.learnDrain(this.#options.hostDrain());
    this.#checks.serverIs(this.#server.state, this.#server.startedAt);
    this.#conditions.begin();
    this.#ticks = tickWhenDue({
      tick: () => this.#dispatch({ type: 'tick' }),
      quietUntil: () => quietUntil(this.#core),
    });
    this.#lookAtFailback();
    this.#scheduleTimer = setInterval(() => {
      this.#lookAtSchedule();
      this.#lookAtFailback();
    }, scheduleLookMs).unref();
  }

  /** Goes on with a module that an earlier program of this process served. When it cannot, the server is ended with the mirror. */
  static async adopt(options: ModuleRuntimeOptions, handed: HandedModule): Promise<ModuleRuntime> {
    await options.addresses.adopt(handed.addresses ?? null, handed.server !== null);
    try {
      return await ModuleRuntime.#adopt(options, handed);
    } catch (error) {
      await options.addresses.remove();
      throw error;
    }
  }

  static async #adopt(options: ModuleRuntimeOptions, handed: HandedModule): Promise<ModuleRuntime> {
    const { module } = options.config;
    const mirror = await options.adoptMirror(handed.mirror);
    let runtime: ModuleRuntime;
    try {
      // While no secondary is attached it costs a moment only.
      const durationMs = await renew(mirror);
      options.log.add('info', module, 'MIRROR_RENEWED', `${module} waited for a new mirror process`, { durationMs });
      if (handed.server) await options.server.adopt(handed.server);
      runtime = new ModuleRuntime(options, mirror, await mirror.record(), true, handed);
      // Nobody listened until now.
      if (handed.server && options.server.state() === 'stopped') throw new Error(`the server of ${module} has ended`);
    } catch (error) {
      await mirror.abandon();
      throw error;
    }
    runtime.#begin();
    return runtime;
  }

  /** Before another program takes the agent over: the module goes on alone. After a refusal call {@link attachAgain}. */
  async detach(timeoutMs: number): Promise<Outcome> {
    const standsStill = this.#server.state === 'paused' ? (this.#server.detail ?? 'paused') : null;
    const why = !this.isPrimary
      ? null
      : whyNotDetached(this.#options.config, {
          verifies: this.#verify.status !== null,
          standsStill,
          isResumable: this.#mirror.controller.isResumable,
        });
    if (why !== null) return { ok: false, code: 'BUSY', reason: why, numbers: {} };
    const outcome = await this.command('detach', timeoutMs);
    if (outcome.ok) await this.#endLooks();
    return outcome;
  }

  get settings(): string {
    return this.#options.settings;
  }

  get isPrimary(): boolean {
    return this.#core.role.at === 'primary';
  }

  /** What is left of the module here is being ended. */
  get isFencing(): boolean {
    return this.#core.role.at === 'fencing';
  }

  /** Of a server that scripts run it is never certain before its mount is gone: no process stands for it. */
  get isServerGone(): boolean {
    return this.serverKind === 'qemu' && this.#server.isGone;
  }

  /** The mirror process waits for another program of the agent for so long; then the server is ended as after the agent's death. */
  async awaitAgent(limitMs: number): Promise<void> {
    await this.addresses.awaitAgent(limitMs);
    await this.#mirror.controller.awaitAgent(limitMs);
  }

  /** No other program takes over. */
  attachAgain(): void {
    if (this.isPrimary) this.#mirror.controller.awaitAgent(null).catch(() => undefined);
    this.addresses.awaitAgent(null).catch(() => undefined);
    this.#dispatch({ type: 'attachAgain' });
    this.#checks.resume(this.#server.state, this.#server.startedAt);
    this.#conditions.begin();
  }

  /** Programs that checks have started must not outlive this one. */
  async #endLooks(): Promise<void> {
    await Promise.all([this.#checks.suspend(), this.#conditions.end()]);
  }

  /** What the next program goes on with. Null: not in this moment. Nothing may happen between this and the end of this program. */
  handOver(): HandedModule | null {
    const core = handedCore(this.#core, performance.now());
    if (core === null || this.#mirror.isGone) return null;
    const mirror = this.#mirror.controller.handOver();
    const server = core.serverRuns ? this.#options.server.handOver() : null;
    const addresses = this.#options.addresses.handOver();
    if (
      addresses === 'busy' ||
      this.#options.hooks.areRunning ||
      mirror === null ||
      (core.serverRuns && server === null)
    ) {
      return null;
    }
    if (!core.serverRuns && this.#server.state !== 'stopped') return null;
    return {
      name: this.name,
      settings: this.#options.settings,
      core,
      mirror,
      server,
      addresses,
      shown: this.#view.handOver(this.#server, this.#resync),
    };
  }

  get name(): string {
    return this.#options.config.module;
  }

  get core(): ModuleCoreState {
    return this.#core;
  }

  get addresses(): VirtualAddresses {
    return this.#options.addresses;
  }

  get serverState(): ServerState {
    return this.#server.state;
  }

  get serverKind(): 'qemu' | 'scripts' {
    return this.#options.serverKind;
  }

  get lastFailover(): FailoverReport | null {
    return this.#view.lastFailover;
  }

  get lastResync(): ResyncReport | null {
    return this.#resync.last;
  }

  get lastVerify(): LastVerify | null {
    return this.#verify.last;
  }

  /** @param bandwidth undefined: as the module's file says */
  startVerify(bandwidth: number | null | undefined, by: string): Promise<Outcome> {
    const rate = bandwidth === undefined ? this.#options.verifyBandwidth : bandwidth;
    return this.#verify.start(this.#mirror.controller, rate, by);
  }

  pauseResync(by: string): Promise<Outcome> {
    return this.#resync.pause(this.#mirror.controller, by);
  }

  resumeResync(bandwidth: ResyncBandwidth | undefined, by: string): Promise<Outcome> {
    return this.#resync.resume(this.#mirror.controller, bandwidth, by);
  }

  paceResync(bandwidth: ResyncBandwidth): Promise<Outcome> {
    return this.#resync.pace(this.#mirror.controller, bandwidth);
  }

  stopVerify(): Promise<Outcome> {
    return this.#verify.stop(this.#mirror.controller);
  }

  /** Has the secondary brought in line where the verify that ended at `verifiedAt` found it to differ. Resolves when that has begun. */
  async repair(verifiedAt: string, by: string, timeoutMs: number): Promise<Outcome> {
    const refused = this.#verify.planRepair(verifiedAt, by);
    if (refused) return refused;
    const outcome = await this.command('repair', timeoutMs);
    // Without the arbiter's answer it may still begin.
    if (!outcome.ok && outcome.code !== 'TIMEOUT') this.#verify.dropPlan();
    return outcome;
  }

  /** Whether what this host holds could be kept aside. What cannot be told is no refusal: it is found when it is done. */
  async checkAsideRoom(): Promise<Outcome> {
    try {
      await this.#mirror.controller.checkAsideRoom();
    } catch (error) {
      if (error instanceof MirrorError && error.code === 'no-room') {
        const reason = `what ${this.#options.config.self} holds of ${this.name} is to be kept aside there first: ${error.message}`;
        return { ok: false, code: 'NO_ROOM', reason, numbers: {} };
      }
    }
    return { ok: true, message: 'there is room' };
  }

  peerHeard(status: PeerStatus | null): void {
    if (isOfferedInVain(this.#core.role, this.#options.mirrorAddress(), performance.now())) {
      this.#dispatch({ type: 'mirrorFollowerLink', connected: false });
    }
    this.#dispatch({ type: 'peerStatus', status });
  }

  heartbeatAnswered(sentAt: number): void {
    this.#dispatch({ type: 'heartbeatAnswered', sentAt });
  }

  learnDrain(drain: HostDrain | null): void {
    if (drain !== this.#core.drain) this.#dispatch({ type: 'hostDrain', drain });
  }

  /** What a drain of this host would do to the module. */
  drainPlan(): ReturnType<typeof drainOf> {
    return drainOf(this.#core, performance.now(), this.#options.arbiter.reachable());
  }

  /** The arbiter is back: see whether it still knows the module. */
  arbiterReturned(): void {
    this.#lookAtFailback();
    this.#readArbiter();
  }

  /** The same object as long as nothing of it has changed: it is asked for with every heartbeat. */
  peerStatus(): PeerStatus {
    return this.#view.tell(this.#core).status;
  }

  /** The same object as long as nothing of it has changed. */
  status(): ModuleStatus {
    const maintenance = this.#options.maintenance.shown(isInMaintenance(this.#core, performance.now()));
    const schedule = this.#schedule.status;
    const failback = this.#failback.shown(this.#core);
    const planned = { schedule, maintenance, failback };
    return this.#view.status(this.#core, this.#server, this.#resync, this.#verify, planned, {
      checks: this.#checks.status,
      conditions: this.#conditions.status,
      addresses: this.addresses.held,
    });
  }

  /** Resolves when the command is done or refused. */
  command(
    kind: Command['kind'],
    timeoutMs: number,
    keep: string | null = null,
    { maintenance, anyway = false }: { readonly maintenance?: MaintenanceWish; readonly anyway?: boolean } = {},
  ): Promise<Outcome> {
    const { id, outcome } = this.#commands.begin();
    const deadline = performance.now() + timeoutMs;
    const arbiterReachable = this.#options.arbiter.reachable();
    this.#dispatch({ type: 'command', id, kind, keep, maintenance, anyway, deadline, arbiterReachable });
    return outcome;
  }

  /** Leaves the module in order: hands it over if there is somebody to take it, stops it otherwise. */
  async shutdown(timeoutMs: number): Promise<Outcome> {
    const outcome = await this.command('shutdown', timeoutMs);
    if (!outcome.ok) {
      this.#options.log.add('error', this.name, 'SHUTDOWN_FORCED', `${outcome.reason}: the server is killed`);
      // The agent ends after that, and others wait for their turn: giving up would leave both undone for ever.
      await this.#mirror.fenceUntilGone(this.#server);
    }
    return outcome;
  }

  /** What is still under way comes to nothing: whoever opens the module anew owns its replica and its files. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#ticks?.end();
    this.#commands.close();
    this.#saves.end();
    if (this.#scheduleTimer) clearInterval(this.#scheduleTimer);
    await this.#endLooks();
    await this.#mirror.close();
    await this.#options.hooks.close();
  }

  #dispatch(event: CoreEvent): void {
    if (this.#isClosed) return;
    this.#queue.push(event);
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        const before = this.#core;
        const { state, effects } = this.#step(next);
        this.#core = state;
        const isOther = this.#view.isOther(before, state);
        if (isOther) this.#options.environment.note(this.#view.tell(state).shown);
        for (const effect of effects) this.#attempt(effect);
        if (isOther) this.#noteChange(before);
      }
    } finally {
      this.#draining = false;
      this.#ticks?.look();
    }
  }

  /** What is to be durable is so before anything else is done. */
  #step(event: CoreEvent): StepResult {
    const placement = this.#options.placement();
    const timed = {
      ...event,
      now: performance.now(),
      arbiterReachable: this.#options.arbiter.reachable(),
      heardOn: this.#options.heardOn(),
      ...(placement && { placement }),
    };
    const result = step(this.#core, timed);
    const failure = this.#saves.save(result.effects);
    if (failure === null) return result;
    const instead = stepUnsaved(this.#core, timed, failure);
    this.#saves.owe(instead.effects);
    return instead;
  }

  /** What fails to be carried out must not keep the rest from being done. */
  #attempt(effect: Effect): void {
    try {
      this.#carryOut(effect);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.log.add('error', this.name, 'EFFECT_FAILED', `${effect.type}: ${reason}`);
      if (effect.type === 'operation') this.#dispatch({ type: 'operationFailed', operation: effect.number, reason });
    }
  }

  #noteChange(before: ModuleCoreState): void {
    const { role } = this.#core;
    // Wherever it was interrupted: what came of a repair is looked at as soon as the pair is whole again.
    if (this.#isWhole) this.#verify.checkRepair(this.#mirror.controller);
    if (role.at === 'primary' && before.role !== role) this.#lookAtSchedule();
    if (before.role !== role) this.#options.hooks.noteRole(before.role, role, this.#core.record?.epoch ?? 0);
    const news = this.#view.newsOf(before, this.#core);
    if (news !== null) this.#options.onChange(news === 'urgent');
  }

  get #isWhole(): boolean {
    const { role } = this.#core;
    return role.at === 'primary' && role.link.kind === 'both';
  }

  #lookAtSchedule(): void {
    if (this.isPrimary && this.#schedule.look(new Date())) this.#options.onChange(false);
  }

  #lookAtFailback(): void {
    const isAway = !this.#options.arbiter.reachable();
    const behind = this.#options.peerHasOtherFiles() ? this.#options.config.peer : null;
    const own = this.#failback.hindrance(this.#verify.isBusy, behind, new Date());
    const hindrance = own ?? (isAway ? 'an answer from the arbiter' : null);
    if (hindrance !== this.#core.failback.hindrance) this.#dispatch({ type: 'failbackHindered', hindrance });
  }

  #carryOut(effect: Effect): void {
    const { log, config, arbiter } = this.#options;
    switch (effect.type) {
      case 'saveDesired':
      case 'saveResolution':
      case 'saveMaintenance':
      case 'savePromisedDetection':
      case 'saveFailovers':
        // That was done before.
        return;
      case 'readArbiter':
        this.#readArbiter();
        return;
      case 'propose': {
        const { expect, record } = effect.proposal;
        arbiter.propose(config.module, expect, record).then(
          (result) => this.#dispatch(proposalAnswered(result, record)),
          (error: unknown) => this.#dispatch(arbiterFailed(error)),
        );
        return;
      }
      case 'operation':
        this.#operate(effect.number, effect.operation);
        return;
      case 'freeze':
        this.#mirror.controller
          .freeze()
          .catch((error: unknown) => log.add('error', config.module, 'FREEZE_FAILED', String(error)));
        return;
      case 'startServer':
        this.#server.start(effect.epoch);
        return;
      case 'stopServer':
        this.#server.stop();
        return;
      case 'commandDone':
        this.#commands.done(effect.id, effect.outcome);
        return;
      case 'log':
        log.add(effect.level, config.module, effect.code, effect.message, effect.fields);
        return;
      case 'stateChanged':
        this.#options.hooks.stateChanged(effect.from, effect.to, this.#core.record?.epoch ?? 0, effect.because);
        return;
      case 'reportFailover': {
        const { kind, from, cause, durationMs, epoch } = effect;
        this.#view.lastFailover = {
          kind,
          at: new Date().toISOString(),
          from,
          to: config.self,
          cause,
          durationMs,
          epoch,
        };
        this.#options.onChange(true);
        return;
      }
    }
  }

  #readArbiter(): void {
    this.#options.arbiter.read(this.name).then(
      (record) => this.#dispatch(recordRead(record)),
      (error: unknown) => this.#dispatch(arbiterFailed(error)),
    );
  }

  #operate(number: number, operation: Operation): void {
    this.#run(operation).then(
      async ({ endpoint, note }) => {
        const record = await this.#mirror.controller.record().catch(() => null);
        this.#dispatch({
          type: 'operationDone',
          operation: number,
          replica: record && this.#mirror.facts(record),
          endpoint,
          note,
        });
      },
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.#dispatch({ type: 'operationFailed', operation: number, reason });
      },
    );
  }

  async #run(operation: Operation): Promise<OperationResult> {
    if (operation.kind === 'fence') {
      await this.#mirror.fence(this.#server);
      return { endpoint: null, note: null };
    }
    if (operation.kind === 'fencePeer') return { endpoint: null, note: await this.#options.fencePeer() };
    if (operation.kind === 'serve') this.#view.noteDisk(null);
    const mirror = await this.#mirror.opened();
    const result = await operate(mirror, operation, {
      address: this.#options.mirrorAddress,
      isFollowing: () => this.#core.mirror === 'following',
      beforeAttach: () => this.#resync.begin(mirror),
    });
    if (operation.kind === 'follow') {
      this.#resync.forget();
      this.#resync.onUndo(null);
    } else if (operation.kind === 'goAlone') {
      this.#resync.interrupted();
      if (operation.entry.repair) await this.#verify.beginRepair(mirror, this.#options.config.peer);
    }
    return result;
  }

  #onMirror(event: MirrorEvent): void {
    switch (event.type) {
      case 'peerLost':
        this.#resync.interrupted();
        this.#dispatch({ type: 'mirrorPeerLost', reason: event.reason });
        return;
      case 'resync':
        this.#resync.onProgress(event.progress);
        return;
      case 'inStep':
        this.#onInStep(event);
        return;
      case 'followerLink':
        this.#dispatch({ type: 'mirrorFollowerLink', connected: event.connected });
        return;
      case 'primaryEnded':
        this.#dispatch({ type: 'primaryEnded', epoch: event.epoch });
        return;
      case 'undoGivenUp':
        this.#notice(event);
        this.#resync.onUndo(event.reason);
        return;
      case 'diskFailed':
      case 'rolledBack':
        this.#notice(event);
        return;
      case 'diskSilent':
        this.#notice(event);
        this.#noteDisk(event.silentMs);
        return;
      case 'record':
        if (event.record.consistent) this.#resync.onUndo(null);
        this.#dispatch({ type: 'replica', replica: this.#mirror.facts(event.record) });
        return;
      case 'verify':
        this.#verify.onProgress(event.progress);
        return;
      case 'verified':
        this.#verify.onReport(event.report);
        return;
      case 'stats':
        this.#view.measure(event.stats);
        this.#options.onChange(false);
        return;
      case 'tookOver':
        // The process that compared has ended: nobody else will report.
        this.#verify.interrupted(event.reason);
        this.#noteDisk(null);
        this.#notice(event);
        return;
      case 'failed':
        this.#mirror.noteGone();
        this.#noteDisk(null);
        this.#verify.interrupted(event.reason);
        this.#dispatch({ type: 'mirrorFailed', reason: event.reason });
        return;
    }
  }

  #noteDisk(silentMs: number | null): void {
    this.#view.noteDisk(silentMs);
    this.#options.onChange(true);
  }

  #notice(event: NoticedEvent): void {
    const { config, directories, log } = this.#options;
    const { level, code, message, fields } = noticeOf(event, { self: config.self, directories });
    log.add(level, this.name, code, message, fields);
  }

  #onInStep({ progress, durationMs }: Extract<MirrorEvent, { type: 'inStep' }>): void {
    this.#resync.onDone(progress, durationMs);
    void this.#mirror.controller.record().then(
      (record) => this.#dispatch({ type: 'mirrorInStep', replica: this.#mirror.facts(record) }),
      () => undefined,
    );
  }
}

function isOther<T>(before: readonly T[], after: readonly T[], written: (each: T) => unknown): boolean {
  return JSON.stringify(before.map(written)) !== JSON.stringify(after.map(written));
}

/** What every new file system has of its own does not count. */
function hasFiles(directory: string): boolean {
  return readdirSync(directory).some((name) => name !== 'lost+found');
}
