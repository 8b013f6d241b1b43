import type {
  CheckStatus,
  ConditionStatus,
  FailbackStatus,
  FailoverReport,
  MaintenanceStatus,
  ReplicaStatus,
  Traffic,
  VerifySchedule,
  VerifyStatus,
} from '../../schemas/generated/api.ts';
import type { HeldAddress } from '../addresses/plan.ts';
import { isInMaintenance } from '../core/maintenance.ts';
import { heldBackBy } from '../core/placement.ts';
import { whyNotFenced } from '../core/fencingPeer.ts';
import { divergenceOf, isToldTheSame, peerStatusOf, shownState, type ShownState } from '../core/status.ts';
import type { ModuleCoreState, PeerStatus } from '../core/types.ts';
import type { MirrorStats } from '../mirror/mirror.ts';
import type { HandedModule } from './handOver.ts';
import { Memo } from './memo.ts';
import type { ModuleResync } from './moduleResync.ts';
import type { ModuleServer } from './moduleServer.ts';
import { TrafficMeter } from './traffic.ts';

export type ModuleStatus = Omit<ReplicaStatus, 'host' | 'known' | 'ageMs'>;

/** A verify as it is shown; `progressed` is another object, or null, whenever `status` is another one. */
interface ShownVerify {
  readonly status: VerifyStatus | null;
  readonly progressed: object | null;
}

/** What is to happen at a time. */
interface Planned {
  readonly schedule: VerifySchedule | null;
  readonly maintenance: MaintenanceStatus | null;
  readonly failback: FailbackStatus | null;
}

/** Each another object whenever something of it is another one. */
interface ShownBeside {
  /** Null: the server does not run. */
  readonly checks: readonly CheckStatus[] | null;
  readonly conditions: readonly ConditionStatus[];
  readonly addresses: readonly HeldAddress[];
}

/** What the other hosts are told of one module, and what is shown of it: made anew only when it may have changed. */
export class ModuleView {
  lastFailover: FailoverReport | null = null;
  readonly #meter = new TrafficMeter();
  readonly #status = new Memo<ModuleStatus>();
  #traffic: Traffic | null = null;
  /** Of a primary: since when its disk does not answer. */
  #diskSilentSince: string | null = null;
  /** Of the core's state, until it changes. */
  #told: { readonly status: PeerStatus; readonly shown: ShownState } | null = null;
  /** Second of the clock for which {@link #told} was made during a maintenance: how much is left of it is told, too. */
  #toldAt = 0;
  #since = new Date();
  #shown = '';

  /** Goes on from what an earlier program of this process has shown. */
  goOn(core: ModuleCoreState, { since, lastFailover }: HandedModule['shown']): void {
    this.#since = new Date(since);
    this.lastFailover = lastFailover;
    this.#shown = JSON.stringify(shownState(core));
  }

  handOver(server: ModuleServer, resync: ModuleResync): HandedModule['shown'] {
    return {
      since: this.#since.toISOString(),
      serverStartedAt: server.startedAt?.toISOString() ?? null,
      lastFailover: this.lastFailover,
      lastResync: resync.last,
    };
  }

  measure(stats: MirrorStats): void {
    this.#traffic = this.#meter.of(stats, performance.now());
  }

  /** @param silentMs null: the disk answers, or nobody waits for it */
  noteDisk(silentMs: number | null): void {
    this.#diskSilentSince = silentMs === null ? null : new Date(Date.now() - silentMs).toISOString();
  }

  /** Call with every step of the core. Returns whether somebody may have to be told something else than before. */
  isOther(before: ModuleCoreState, core: ModuleCoreState): boolean {
    const isOther = !isToldTheSame(before, core);
    if (isOther) this.#told = null;
    return isOther;
  }

  /** How soon those who look at the module should learn what a step of the core has changed; null: there is nothing to learn. */
  newsOf(before: ModuleCoreState, core: ModuleCoreState): 'urgent' | 'soon' | null {
    const shown = JSON.stringify(this.tell(core).shown);
    const urgent = before.role.at !== core.role.at || before.record !== core.record;
    if (shown !== this.#shown) {
      const [was, is] = [
        this.#shown ? (JSON.parse(this.#shown) as { state: string }).state : '',
        this.tell(core).shown.state,
      ];
      if (was !== is) this.#since = new Date();
      this.#shown = shown;
      return 'urgent';
    }
    if (!urgent && before.role === core.role) return null;
    return urgent ? 'urgent' : 'soon';
  }

  /** The same object as long as nothing of it has changed: it is asked for with every heartbeat. */
  tell(core: ModuleCoreState): { readonly status: PeerStatus; readonly shown: ShownState } {
    const now = performance.now();
    const second = isInMaintenance(core, now) ? Math.floor(now / 1000) : 0;
    if (this.#told === null || second !== this.#toldAt) {
      this.#told = { status: peerStatusOf(core, now), shown: shownState(core) };
      this.#toldAt = second;
    }
    return this.#told;
  }

  /** The same object as long as nothing of it has changed. */
  status(
    core: ModuleCoreState,
    server: ModuleServer,
    resync: ModuleResync,
    verify: ShownVerify,
    { schedule, maintenance, failback }: Planned,
    { checks, conditions, addresses }: ShownBeside,
  ): ModuleStatus {
    const told = this.tell(core);
    const { state, detail, startedAt } = server;
    const inputs = [
      told,
      state,
      this.#since,
      detail,
      startedAt,
      this.#traffic,
      resync.shown,
      verify.progressed,
      this.#diskSilentSince,
      maintenance,
      failback,
      checks,
      conditions,
      addresses,
    ];
    return this.#status.of(inputs, () => {
      const { role, replica, restarts } = core;
      const serving = role.at === 'primary';
      const silentSince = serving ? this.#diskSilentSince : null;
      const silent =
        silentSince === null ? null : `the disk of ${core.config.self} has not answered since ${silentSince}`;
      return {
        ...told.shown,
        reason: [silent, told.shown.reason].filter(Boolean).join('; ') || null,
        since: this.#since.toISOString(),
        epoch: replica.lineage.at(-1)?.epoch ?? 0,
        diverged: divergenceOf(core),
        diskError: replica.diskError ?? null,
        diskSilentSince: silentSince,
        server: {
          state,
          detail: whyDown(core) ?? detail,
          startedAt: startedAt?.toISOString() ?? null,
          restarts: restarts.length,
        },
        virtualAddresses: [...addresses],
        traffic: serving ? this.#traffic : null,
        resync: serving ? resync.status : null,
        resyncPaused: serving ? resync.paused : null,
        undoLost: serving ? null : resync.undoLost,
        verify: verify.status,
        verifySchedule: serving ? schedule : null,
        maintenance,
        failback,
        heldBack: role.at === 'waiting' && role.heldBack ? heldBackBy(core) : null,
        notFenced: whyNotFenced(role),
        checks: serving && checks ? [...checks] : [],
        conditions: [...conditions],
      };
    });
  }
}

/** Why the server of a primary does not run; null: it runs, or is on its way. */
function whyDown({ role, lastingFailure }: ModuleCoreState): string | null {
  if (role.at !== 'primary') return null;
  const { server } = role;
  if (server.kind === 'down' || server.kind === 'keptDown') return server.reason;
  // Each of the tries that go on for ever would otherwise look like the first one.
  return server.kind === 'starting' ? lastingFailure : null;
}
