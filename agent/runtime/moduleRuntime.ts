import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import type {
  FailoverReport,
  LastVerify,
  ReplicaStatus,
  ResyncBandwidth,
  ResyncReport,
  Traffic,
} from '../../schemas/generated/api.ts';
import type { Arbiter } from '../arbiter/arbiter.ts';
import { continued, handedCore } from '../core/handOver.ts';
import { initialState, step } from '../core/step.ts';
import { quietUntil } from '../core/quiet.ts';
import { divergenceOf, isToldTheSame, peerStatusOf, shownState, type ShownState } from '../core/status.ts';
import type {
  ArbiterRecord,
  Command,
  CoreEvent,
  Effect,
  Endpoint,
  ModuleConfig,
  ModuleCoreState,
  Operation,
  Outcome,
  PeerStatus,
  ReplicaFacts,
} from '../core/types.ts';
import type { HandedMirror, MirrorController } from '../mirror/controller.ts';
import type { FollowerEndpoint, Mirror, MirrorEvent, MirrorStats, ReplicaRecord } from '../mirror/mirror.ts';
import { ServerError, type ServerEvent, type VirtualServer } from '../server/virtualServer.ts';
import type { EventLog } from './eventLog.ts';
import { renew, whyNotDetached, type HandedModule } from './handOver.ts';
import { ModuleResync, type ResyncFile } from './moduleResync.ts';
import { ModuleVerify, type VerifyFile } from './moduleVerify.ts';
import type { DesiredFile, ResolutionFile } from './moduleState.ts';
import { Memo } from './memo.ts';
import { tickWhenDue, type Ticks } from './ticker.ts';
import { TrafficMeter } from './traffic.ts';
import { within } from './within.ts';

const freezeAnswerMs = 300;
const abortAnswerMs = 10_000;
const fenceRetryMs = 1000;

export interface ModuleRuntimeOptions {
  readonly config: ModuleConfig;
  readonly directory: string;
  readonly serverKind: 'qemu' | 'scripts';
  readonly arbiter: Arbiter;
  /** What must not change while the server runs. */
  readonly settings: string;
  readonly openMirror: () => Promise<MirrorController>;
  /** Goes on with the mirror of an earlier program of this process. */
  readonly adoptMirror: (handed: HandedMirror) => Promise<MirrorController>;
  readonly server: VirtualServer;
  readonly desired: DesiredFile;
  readonly resolution: ResolutionFile;
  readonly verify: VerifyFile;
  readonly resync: ResyncFile;
  readonly resyncBandwidth: ResyncBandwidth;
  readonly log: EventLog;
  /** This host's address for the mirror, on the best network that the peer is heard on. */
  readonly mirrorAddress: () => string;
  /** Something that the peer and the clients should learn has changed. */
  readonly onChange: (urgent: boolean) => void;
}

/** What the peer is told to reach this host's follower: the mirror's endpoint and the address it listens on. */
type PublishedEndpoint = FollowerEndpoint & { readonly address: string };

type ModuleStatus = Omit<ReplicaStatus, 'host' | 'known' | 'ageMs'>;

/** Runs one module on this host: feeds the core with what happens, and carries out what it decides, in its order. */
export class ModuleRuntime {
  readonly #options: ModuleRuntimeOptions;
  readonly #queue: CoreEvent[] = [];
  readonly #waiting = new Map<number, (outcome: Outcome) => void>();
  #core: ModuleCoreState;
  #mirror: MirrorController;
  #mirrorGone = false;
  /** Whether the directory had files when it was last seen as plain files. */
  readonly #content: boolean;
  #draining = false;
  #ticks: Ticks | null = null;
  /** What is told and shown of the core's state, until it changes. */
  #told: { readonly status: PeerStatus; readonly shown: ShownState } | null = null;
  readonly #status = new Memo<ModuleStatus>();
  #nextCommand = 1;
  #starting: AbortController | null = null;
  #since = new Date();
  #shown = '';
  #serverStartedAt: Date | null = null;
  /** What the server says of its state, such as why it stands still. */
  #serverDetail: string | null = null;
  readonly #meter = new TrafficMeter();
  #traffic: Traffic | null = null;
  #lastFailover: FailoverReport | null = null;
  #guarded = '';
  readonly #verify: ModuleVerify;
  readonly #resync: ModuleResync;

  private constructor(
    options: ModuleRuntimeOptions,
    mirror: MirrorController,
    record: ReplicaRecord,
    content: boolean,
    handed: HandedModule | null = null,
  ) {
    this.#options = options;
    this.#mirror = mirror;
    this.#content = content;
    const initial = initialState(
      options.config,
      options.desired.read(),
      this.#facts(record),
      performance.now(),
      randomUUID(),
      options.resolution.read(),
    );
    this.#core = handed ? continued(initial, handed.core, performance.now()) : initial;
    this.#resync = new ModuleResync({
      module: options.config.module,
      peer: options.config.peer,
      bandwidth: options.resyncBandwidth,
      file: options.resync,
      log: options.log,
      onChange: () => options.onChange(false),
    });
    if (handed) this.#shownAs(handed);
    this.#verify = new ModuleVerify({
      module: options.config.module,
      host: options.config.self,
      file: options.verify,
      log: options.log,
      onChange: () => options.onChange(false),
    });
    options.server.events((event) => this.#onServer(event));
    this.#listen(mirror);
  }

  /** Kills what an earlier agent left running, opens the replica, and begins. */
  static async start(options: ModuleRuntimeOptions): Promise<ModuleRuntime> {
    const { module } = options.config;
    for (const killed of await options.server.reap()) {
      options.log.add(
        'warn',
        module,
        'REAPED',
        `a server of an earlier agent was still running and is killed: ${killed}`,
      );
    }
    const mirror = await options.openMirror();
    const content = hasFiles(options.directory);
    const runtime = new ModuleRuntime(options, mirror, await mirror.record(), content);
    runtime.#begin();
    return runtime;
  }

  #begin(): void {
    this.#ticks = tickWhenDue({
      tick: () => this.#dispatch({ type: 'tick' }),
      quietUntil: () => quietUntil(this.#core),
    });
  }

  /** Goes on with a module that an earlier program of this process served. When it cannot, the server is ended with the mirror. */
  static async adopt(options: ModuleRuntimeOptions, handed: HandedModule): Promise<ModuleRuntime> {
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

  #shownAs({ mirror, shown }: HandedModule): void {
    this.#guarded = mirror.guarded.join();
    this.#since = new Date(shown.since);
    this.#serverStartedAt = shown.serverStartedAt === null ? null : new Date(shown.serverStartedAt);
    this.#lastFailover = shown.lastFailover;
    this.#resync.last = shown.lastResync;
    this.#shown = JSON.stringify(shownState(this.#core));
  }

  /** Before another program takes the agent over: the module goes on alone. After a refusal call {@link attachAgain}. */
  async detach(timeoutMs: number): Promise<Outcome> {
    const { config, server } = this.#options;
    const standsStill = server.state() === 'paused' ? (this.#serverDetail ?? 'paused') : null;
    const why = !this.isPrimary
      ? null
      : whyNotDetached(config, {
          verifies: this.#verify.status !== null,
          standsStill,
          isResumable: this.#mirror.isResumable,
        });
    if (why !== null) return { ok: false, code: 'BUSY', reason: why, numbers: {} };
    return this.command('detach', timeoutMs);
  }

  get settings(): string {
    return this.#options.settings;
  }

  get isPrimary(): boolean {
    return this.#core.role.at === 'primary';
  }

  /** The mirror process waits for another program of the agent for so long; then the server is ended as after the agent's death. */
  async awaitAgent(limitMs: number): Promise<void> {
    await this.#mirror.awaitAgent(limitMs);
  }

  /** No other program takes over. */
  attachAgain(): void {
    if (this.isPrimary) this.#mirror.awaitAgent(null).catch(() => undefined);
    this.#dispatch({ type: 'attachAgain' });
  }

  /** What the next program goes on with. Null: not in this moment. Nothing may happen between this and the end of this program. */
  handOver(): HandedModule | null {
    const core = handedCore(this.#core, performance.now());
    if (core === null || this.#mirrorGone) return null;
    const mirror = this.#mirror.handOver();
    const server = core.serverRuns ? this.#options.server.handOver() : null;
    if (mirror === null || (core.serverRuns && server === null)) return null;
    if (!core.serverRuns && this.#options.server.state() !== 'stopped') return null;
    return {
      name: this.name,
      settings: this.#options.settings,
      core,
      mirror,
      server,
      shown: {
        since: this.#since.toISOString(),
        serverStartedAt: this.#serverStartedAt?.toISOString() ?? null,
        lastFailover: this.#lastFailover,
        lastResync: this.#resync.last,
      },
    };
  }

  get name(): string {
    return this.#options.config.module;
  }

  get core(): ModuleCoreState {
    return this.#core;
  }

  get directory(): string {
    return this.#options.directory;
  }

  get serverKind(): 'qemu' | 'scripts' {
    return this.#options.serverKind;
  }

  get lastFailover(): FailoverReport | null {
    return this.#lastFailover;
  }

  get lastResync(): ResyncReport | null {
    return this.#resync.last;
  }

  get lastVerify(): LastVerify | null {
    return this.#verify.last;
  }

  startVerify(bandwidth: number | null, by: string): Promise<Outcome> {
    return this.#verify.start(this.#mirror, bandwidth, by);
  }

  pauseResync(by: string): Promise<Outcome> {
    return this.#resync.pause(this.#mirror, by);
  }

  resumeResync(bandwidth: ResyncBandwidth | undefined, by: string): Promise<Outcome> {
    return this.#resync.resume(this.#mirror, bandwidth, by);
  }

  paceResync(bandwidth: ResyncBandwidth): Promise<Outcome> {
    return this.#resync.pace(this.#mirror, bandwidth);
  }

  stopVerify(): Promise<Outcome> {
    return this.#verify.stop(this.#mirror);
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

  peerHeard(status: PeerStatus | null): void {
    this.#dispatch({ type: 'peerStatus', status });
  }

  heartbeatAnswered(sentAt: number): void {
    this.#dispatch({ type: 'heartbeatAnswered', sentAt });
  }

  /** The arbiter is back: see whether it still knows the module. */
  arbiterReturned(): void {
    this.#readArbiter();
  }

  /** The same object as long as nothing of it has changed: it is asked for with every heartbeat. */
  peerStatus(): PeerStatus {
    return this.#tell().status;
  }

  #tell(): { readonly status: PeerStatus; readonly shown: ShownState } {
    return (this.#told ??= { status: peerStatusOf(this.#core), shown: shownState(this.#core) });
  }

  /** The same object as long as nothing of it has changed. */
  status(): ModuleStatus {
    const told = this.#tell();
    const state = this.#options.server.state();
    const inputs = [told, state, this.#since, this.#serverDetail, this.#serverStartedAt];
    return this.#status.of([...inputs, this.#traffic, this.#resync.shown, this.#verify.progressed], () => {
      const { role, replica, restarts } = this.#core;
      const serving = role.at === 'primary';
      return {
        ...told.shown,
        since: this.#since.toISOString(),
        epoch: replica.lineage.at(-1)?.epoch ?? 0,
        diverged: divergenceOf(this.#core),
        diskError: replica.diskError ?? null,
        server: {
          state,
          detail: role.at === 'primary' && role.server.kind === 'down' ? role.server.reason : this.#serverDetail,
          startedAt: this.#serverStartedAt?.toISOString() ?? null,
          restarts: restarts.length,
        },
        traffic: serving ? this.#traffic : null,
        resync: serving ? this.#resync.status : null,
        resyncPaused: serving ? this.#resync.paused : null,
        undoLost: serving ? null : this.#resync.undoLost,
        verify: this.#verify.status,
      };
    });
  }

  /** Resolves when the command is done or refused. */
  command(kind: Command['kind'], timeoutMs: number, keep: string | null = null): Promise<Outcome> {
    const id = this.#nextCommand++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      const deadline = performance.now() + timeoutMs;
      const arbiterReachable = this.#options.arbiter.reachable();
      this.#dispatch({ type: 'command', id, kind, keep, deadline, arbiterReachable });
    });
  }

  /** Leaves the module in order: hands it over if there is somebody to take it, stops it otherwise. */
  async shutdown(timeoutMs: number): Promise<Outcome> {
    const outcome = await this.command('shutdown', timeoutMs);
    if (!outcome.ok) {
      this.#options.log.add('error', this.name, 'SHUTDOWN_FORCED', `${outcome.reason}: the server is killed`);
      await this.#fence();
    }
    return outcome;
  }

  async close(): Promise<void> {
    this.#ticks?.end();
    await this.#mirror.close().catch(() => undefined);
  }

  #facts({ lineage, consistent, restorable = false, diskError = null }: ReplicaRecord): ReplicaFacts {
    return { lineage, consistent, restorable, diskError, content: this.#content };
  }

  #dispatch(event: CoreEvent): void {
    this.#queue.push(event);
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        const before = this.#core;
        const { state, effects } = step(before, { ...next, now: performance.now() });
        this.#core = state;
        const isTold = isToldTheSame(before, state);
        if (!isTold) this.#told = null;
        for (const effect of effects) this.#attempt(effect);
        if (!isTold) this.#noteChange(before);
      }
    } finally {
      this.#draining = false;
      this.#ticks?.look();
    }
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
    if (role.at === 'primary' && role.link.kind === 'both') this.#verify.checkRepair(this.#mirror);
    const shown = JSON.stringify(this.#tell().shown);
    const urgent = before.role.at !== this.#core.role.at || before.record !== this.#core.record;
    if (shown !== this.#shown) {
      const [was, is] = [
        this.#shown ? (JSON.parse(this.#shown) as { state: string }).state : '',
        this.#tell().shown.state,
      ];
      if (was !== is) this.#since = new Date();
      this.#shown = shown;
      this.#options.onChange(true);
    } else if (urgent || before.role !== this.#core.role) {
      this.#options.onChange(urgent);
    }
  }

  #carryOut(effect: Effect): void {
    const { log, config, desired, arbiter } = this.#options;
    switch (effect.type) {
      case 'saveDesired':
        desired.save(effect.desired);
        return;
      case 'saveResolution':
        this.#options.resolution.save(effect.resolution);
        return;
      case 'readArbiter':
        this.#readArbiter();
        return;
      case 'propose': {
        const { expect, record } = effect.proposal;
        arbiter.propose(config.module, expect, record).then(
          (result) =>
            this.#dispatch(
              result.granted
                ? { type: 'proposalGranted', record: result.record }
                : { type: 'proposalRefused', proposal: record.proposal, current: result.current },
            ),
          () => this.#dispatch({ type: 'arbiterUnreachable' }),
        );
        return;
      }
      case 'operation':
        this.#operate(effect.number, effect.operation);
        return;
      case 'freeze':
        this.#mirror
          .freeze()
          .catch((error: unknown) => log.add('error', config.module, 'FREEZE_FAILED', String(error)));
        return;
      case 'startServer':
        this.#startServer(effect.epoch);
        return;
      case 'stopServer':
        this.#stopServer();
        return;
      case 'commandDone':
        this.#waiting.get(effect.id)?.(effect.outcome);
        this.#waiting.delete(effect.id);
        return;
      case 'log':
        log.add(effect.level, config.module, effect.code, effect.message, effect.fields);
        return;
      case 'reportFailover': {
        const { kind, from, cause, durationMs, epoch } = effect;
        this.#lastFailover = { kind, at: new Date().toISOString(), from, to: config.self, cause, durationMs, epoch };
        this.#options.onChange(true);
        return;
      }
    }
  }

  #readArbiter(): void {
    this.#options.arbiter.read(this.name).then(
      (record: ArbiterRecord | null) => this.#dispatch({ type: 'arbiterRead', record }),
      () => this.#dispatch({ type: 'arbiterUnreachable' }),
    );
  }

  #operate(number: number, operation: Operation): void {
    this.#run(operation).then(
      async ({ endpoint, note }) => {
        const record = await this.#mirror.record().catch(() => null);
        this.#dispatch({
          type: 'operationDone',
          operation: number,
          replica: record && this.#facts(record),
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

  async #run(operation: Operation): Promise<{ endpoint: Endpoint | null; note: string | null }> {
    const nothing = { endpoint: null, note: null };
    if (operation.kind === 'fence') {
      await this.#fence();
      return nothing;
    }
    await this.#ensureMirror();
    const mirror = this.#mirror;
    switch (operation.kind) {
      case 'enterEpoch':
        await mirror.enterEpoch(operation.entry);
        return nothing;
      case 'serve':
        await mirror.serve(operation.epoch);
        return nothing;
      case 'attach': {
        const endpoint = operation.endpoint as unknown as PublishedEndpoint;
        await mirror.onPeerLoss('continue');
        await this.#resync.begin(mirror);
        await mirror.attach(endpoint.address, endpoint, operation.epoch);
        return nothing;
      }
      case 'holdOnPeerLoss':
        await mirror.onPeerLoss('hold');
        return nothing;
      case 'goAlone':
        await mirror.goAlone(operation.entry);
        this.#resync.interrupted();
        if (operation.entry.repair) await this.#verify.beginRepair(mirror, this.#options.config.peer);
        return nothing;
      case 'release':
        await mirror.release();
        return nothing;
      case 'keepAside':
        return { endpoint: null, note: await mirror.keepAside(operation.name, operation.about) };
      case 'follow': {
        if (this.#core.mirror === 'following') await mirror.release();
        const address = this.#options.mirrorAddress();
        const endpoint = await mirror.follow(address, operation.epoch);
        this.#resync.forget();
        this.#resync.onUndo(null);
        return { endpoint: { ...endpoint, address }, note: null };
      }
      case 'unfollow':
        await mirror.release();
        return nothing;
    }
  }

  /**
   * Held writes stay held until nothing of the server runs any more; only then are they failed. Rejects, after a pause, when the server may
   * still run.
   */
  async #fence(): Promise<void> {
    const { server, log } = this.#options;
    this.#starting?.abort();
    await within(freezeAnswerMs, this.#mirror.freeze());
    const killed = server.kill().then(
      () => null,
      (error: unknown) => error,
    );
    // A server that waits for a frozen write cannot die before the write is answered: give the kill a head start, then fail the write.
    await within(freezeAnswerMs, killed);
    if (!(await within(abortAnswerMs, this.#mirror.abort()))) {
      if (!this.#mirrorGone) {
        log.add('error', this.name, 'MIRROR_STUCK', 'the mirror does not let go of its mount: its process is killed');
      }
      this.#mirror.destroy();
      await this.#mirror.close().catch(() => undefined);
      this.#mirrorGone = true;
    }
    const failure = await killed;
    if (failure !== null) {
      await new Promise((resolve) => setTimeout(resolve, fenceRetryMs));
      throw new Error('the server could not be killed', { cause: failure });
    }
    this.#serverStartedAt = null;
    // Nothing runs and nothing is served: that the mirror cannot be opened again yet is found by whoever needs it.
    await this.#ensureMirror().catch((error: unknown) =>
      log.add('error', this.name, 'MIRROR_NOT_OPENED', String(error)),
    );
  }

  async #ensureMirror(): Promise<void> {
    if (!this.#mirrorGone) return;
    await this.#mirror.close().catch(() => undefined);
    this.#mirror = await this.#options.openMirror();
    this.#mirrorGone = false;
    this.#guarded = '';
    this.#listen(this.#mirror);
    this.#dispatch({ type: 'replica', replica: this.#facts(await this.#mirror.record()) });
  }

  #startServer(epoch: number): void {
    const { server, config, log } = this.#options;
    const abort = new AbortController();
    this.#starting = abort;
    log.add('info', config.module, 'SERVER_STARTING', `${config.module} is started on ${config.self}`, { epoch });
    server.start({ module: config.module, host: config.self, epoch }, abort.signal).then(
      () => {
        this.#serverStartedAt = new Date();
        this.#guard();
        this.#dispatch({ type: 'serverRunning' });
      },
      (error: unknown) => {
        if (!abort.signal.aborted) {
          this.#dispatch({
            type: 'serverFailed',
            reason: error instanceof Error ? error.message : String(error),
            lasting:
              error instanceof ServerError &&
              (error.code === 'SERVER_IMAGE_MISSING' || error.code === 'SERVER_CONFIGURATION'),
          });
        }
      },
    );
  }

  #stopServer(): void {
    const { server, config, log } = this.#options;
    this.#starting?.abort();
    server.stop(new AbortController().signal).then(
      ({ how, durationMs }) => {
        this.#serverStartedAt = null;
        log.add('info', config.module, 'SERVER_STOPPED', `${config.module} is stopped on ${config.self} (${how})`, {
          durationMs: Math.round(durationMs),
        });
        this.#dispatch({ type: 'serverStopped', how });
      },
      (error: unknown) => {
        log.add('error', config.module, 'SERVER_STOP_FAILED', `${String(error)}: it is killed`);
        this.#killServer();
      },
    );
  }

  /** Until it is known to be gone, nothing of the module is released. */
  #killServer(): void {
    this.#options.server.kill().then(
      () => this.#dispatch({ type: 'serverStopped', how: 'killed' }),
      (error: unknown) => {
        this.#options.log.add('error', this.name, 'SERVER_KILL_FAILED', `${String(error)}: trying again`);
        setTimeout(() => this.#killServer(), fenceRetryMs);
      },
    );
  }

  #onServer(event: ServerEvent): void {
    if (event.type === 'died') {
      this.#serverStartedAt = null;
      this.#serverDetail = null;
      this.#guard();
      this.#dispatch({ type: 'serverFailed', reason: event.reason, lasting: false });
    } else {
      this.#serverDetail = event.detail;
      // Guarded from its first moment: should this agent die, the mirror process kills what it would leave behind.
      this.#guard();
      this.#options.onChange(false);
    }
  }

  #guard(): void {
    const groups = this.#options.server.processGroups();
    if (groups.join() === this.#guarded) return;
    this.#guarded = groups.join();
    this.#mirror.guard(groups).catch(() => undefined);
  }

  #listen(mirror: Mirror): void {
    mirror.events((event) => {
      if (mirror === this.#mirror) this.#onMirror(event);
    });
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
      case 'undoGivenUp': {
        const told = `the last consistent state of ${this.#options.config.self} is not kept during this resync: ${event.reason}`;
        this.#options.log.add(
          'warn',
          this.name,
          'UNDO_GIVEN_UP',
          `${told}; until its end this replica is of no use alone`,
        );
        this.#resync.onUndo(event.reason);
        return;
      }
      case 'diskFailed': {
        const { config, directory } = this.#options;
        const told = `the disk below ${directory} on ${config.self} has failed (${event.error.code}): it lost writes that it had taken`;
        this.#options.log.add('error', this.name, 'DISK_FAILED', `${told}; check the kernel's log and replace it`);
        return;
      }
      case 'rolledBack': {
        const told = `an unfinished resync of ${this.#options.config.self} was taken back in ${String(event.durationMs)} ms`;
        this.#options.log.add(
          'warn',
          this.name,
          'ROLLED_BACK',
          `${told}: it is what it was at epoch ${String(event.epoch)}`,
        );
        return;
      }
      case 'record':
        if (event.record.consistent) this.#resync.onUndo(null);
        this.#dispatch({ type: 'replica', replica: this.#facts(event.record) });
        return;
      case 'verify':
        this.#verify.onProgress(event.progress);
        return;
      case 'verified':
        this.#verify.onReport(event.report);
        return;
      case 'stats':
        this.#onStats(event.stats);
        return;
      case 'tookOver': {
        const { asked, reason, durationMs } = event;
        // The process that compared has ended: nobody else will report.
        this.#verify.interrupted(reason);
        const told = asked ? reason : `${reason}: another one has taken over`;
        const code = asked ? 'MIRROR_RENEWED' : 'MIRROR_TAKEN_OVER';
        this.#options.log.add(asked ? 'info' : 'warn', this.name, code, told, { durationMs });
        return;
      }
      case 'failed':
        this.#mirrorGone = true;
        this.#verify.interrupted(event.reason);
        this.#dispatch({ type: 'mirrorFailed', reason: event.reason });
        return;
    }
  }

  #onInStep({ progress, durationMs }: Extract<MirrorEvent, { type: 'inStep' }>): void {
    this.#resync.onDone(progress, durationMs);
    void this.#mirror.record().then(
      (record) => this.#dispatch({ type: 'mirrorInStep', replica: this.#facts(record) }),
      () => undefined,
    );
  }

  #onStats(stats: MirrorStats): void {
    this.#traffic = this.#meter.of(stats, performance.now());
    this.#options.onChange(false);
  }
}

/** What every new file system has of its own does not count. */
function hasFiles(directory: string): boolean {
  return readdirSync(directory).some((name) => name !== 'lost+found');
}
