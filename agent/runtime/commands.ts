import type { Refusal, ResyncBandwidth } from '../../schemas/generated/api.ts';
import { ModuleCommandParams, ModuleCommandResult } from '../../schemas/generated/linkValidators.js';
import type { Actor, Outcome as ApiOutcome } from '../api/facade.ts';
import type { Command, Outcome } from '../core/types.ts';
import type { HostLinks } from '../host/hostLinks.ts';
import { UnreachableError } from '../host/linkRequests.ts';
import type { ClusterView } from './clusterView.ts';
import type { EventLog } from './eventLog.ts';
import type { ModuleRuntime } from './moduleRuntime.ts';
import type { ModuleSlot } from './moduleSlot.ts';
import { startHookMs, stopTimeMs } from './moduleTimes.ts';

/** What the mirror does, and not the core. */
type MirrorKind = 'verify' | 'stopVerify' | 'pauseResync' | 'resumeResync' | 'paceResync' | 'checkRoom';

type Kind = Exclude<Command['kind'], 'shutdown' | 'detach' | 'drain'> | MirrorKind;

/** A command as it reaches the host that has to act. */
interface Asked {
  readonly kind: Kind;
  readonly keep: string | null;
  readonly by: string;
  readonly timeoutMs: number;
  readonly details: Details;
}

/** What a start, a verify, a repair, a resync or a maintenance needs to know. */
interface Details {
  /** Bytes per second, null for no limit; of a resync also "adaptive". */
  readonly bandwidth?: ResyncBandwidth | undefined;
  /** How long a maintenance is to be, and what for. */
  readonly forMs?: number | undefined;
  readonly reason?: string | null | undefined;
  /** When the verify ended whose differences are to be repaired. */
  readonly verifiedAt?: string | null | undefined;
  /** Of a start: whatever other modules speak against it. */
  readonly anyway?: boolean | undefined;
}

/** What one agent lets another wait at most. */
const longestMs = 3_600_000;
/**
 * How long a command may take on top of the server's own shutdown time-out. A start waits for the other host, a resolve for a copy of what is
 * kept aside.
 */
const limitsMs: Readonly<Record<Kind, number>> = {
  beginMaintenance: 30_000,
  endMaintenance: 30_000,
  start: 120_000,
  stop: 180_000,
  switchover: 240_000,
  force: 60_000,
  resolve: 3_000_000,
  verify: 30_000,
  stopVerify: 30_000,
  repair: 60_000,
  pauseResync: 30_000,
  resumeResync: 30_000,
  paceResync: 30_000,
  checkRoom: 60_000,
};

/** What can lose what was written. A host that is nothing but a witness has no say in it, as in files: it may be in other hands. */
const needSay: ReadonlySet<Kind> = new Set(['force', 'resolve', 'repair']);

/** Carries commands to the host that has to act. */
export class Commands {
  /** @param say the hosts that are not mere witnesses, see {@link needSay} */
  constructor(
    private readonly self: string,
    private readonly slots: readonly ModuleSlot[],
    private readonly links: HostLinks,
    private readonly view: ClusterView,
    private readonly log: EventLog,
    private readonly say: () => readonly string[],
  ) {}

  async run(kind: Kind, module: string, host: string | null, by: Actor, details: Details = {}): Promise<ApiOutcome> {
    const startedAt = performance.now();
    const who = `${by.name} (${by.role}) from ${by.from}`;
    this.log.add(
      'info',
      module,
      'COMMAND',
      `${kind} of ${module}${host ? ` ${kind === 'resolve' ? 'keeping' : 'on'} ${host}` : ''}, asked by ${who}`,
    );
    const outcome = await this.#route(kind, module, host, who, details);
    const durationMs = Math.round(performance.now() - startedAt);
    if (outcome.ok) {
      this.log.add('info', module, 'COMMAND_DONE', `${kind}: ${outcome.message}`, { durationMs });
      return { ok: true, result: { durationMs, message: outcome.message } };
    }
    this.log.add('warn', module, 'COMMAND_REFUSED', `${kind}: ${outcome.reason}`, {
      refusal: outcome.code,
      durationMs,
    });
    return { ok: false, refusal: { code: outcome.code, reason: outcome.reason, numbers: { ...outcome.numbers } } };
  }

  /** A command that another agent forwards to this one. @param from the host of that agent */
  async answer(from: string, params: Record<string, unknown>): Promise<Record<string, unknown>> {
    if (!ModuleCommandParams(params)) throw new Error('the forwarded command is not valid');
    const { module, kind, keep, by, timeoutMs, bandwidth, verifiedAt, forMs, reason, anyway } = params as {
      module: string;
      kind: Kind;
      keep?: string | null;
      by: string;
      bandwidth?: ResyncBandwidth;
      verifiedAt?: string | null;
      forMs?: number;
      reason?: string | null;
      anyway?: boolean;
      timeoutMs: number;
    };
    const slot = this.slots.find((each) => each.module.name === module);
    const details = { bandwidth, verifiedAt, forMs, reason, anyway };
    if (kind !== 'checkRoom') {
      // Who asked is what that agent says; which agent it is, is certain.
      const asked = `${kind} of ${module}, asked by ${by}, handed on by ${from}`;
      this.log.add('info', slot ? module : null, 'COMMAND', asked);
    }
    const outcome =
      this.#withoutSay(from, kind) ??
      (slot?.runtime
        ? await carryOut(slot.runtime, { kind, keep: keep ?? null, by, timeoutMs, details })
        : refuse('NOT_HEALTHY', slot?.failure ?? `${this.self} does not run ${module}`));
    if (!outcome.ok) this.log.add('warn', slot ? module : null, 'COMMAND_REFUSED', `${kind}: ${outcome.reason}`);
    return outcome.ok
      ? { ok: true, message: outcome.message, code: null, numbers: {} }
      : { ok: false, message: outcome.reason, code: outcome.code, numbers: { ...outcome.numbers } };
  }

  async #route(kind: Kind, module: string, host: string | null, by: string, details: Details): Promise<Outcome> {
    const slot = this.slots.find((each) => each.module.name === module);
    if (!slot) {
      return refuse(
        'UNKNOWN_MODULE',
        `there is no module ${module}; there ${listed(this.slots.map((each) => each.module.name))}`,
      );
    }
    if (host !== null && !slot.module.hosts.includes(host)) {
      return refuse(
        'UNKNOWN_HOST',
        `${host} is not a host of ${module}; its hosts are ${slot.module.hosts.join(' and ')}`,
      );
    }
    const withoutSay = this.#withoutSay(this.self, kind);
    if (withoutSay) return withoutSay;
    const target = this.#target(kind, slot, host);
    if (typeof target !== 'string') return target;
    const loser = loserOf(kind, slot, kind === 'resolve' ? host : target);
    if (loser !== null && (kind === 'repair' || this.#isDiverged(module))) {
      // Before anything is touched. Who cannot say is asked again, by those who do it.
      const room = await this.#send('checkRoom', slot, loser, null, by, {});
      if (!room.ok && room.code === 'NO_ROOM') return room;
    }
    return this.#send(kind, slot, target, kind === 'resolve' ? host : null, by, details);
  }

  #withoutSay(host: string, kind: Kind): Extract<Outcome, { ok: false }> | null {
    const say = this.say();
    if (!needSay.has(kind) || say.includes(host)) return null;
    return refuse(
      'BAD_REQUEST',
      `${host} is a witness only, and has no say in what may lose data: ask the agent of ${say.join(' or ')}`,
    );
  }

  #isDiverged(module: string): boolean {
    const status = this.view.snapshot().modules.find(({ name }) => name === module);
    return status?.onHosts.some(({ known, diverged }) => known && diverged) === true;
  }

  async #send(
    kind: Kind,
    slot: ModuleSlot,
    target: string,
    keep: string | null,
    by: string,
    details: Details,
  ): Promise<Outcome> {
    const module = slot.module.name;
    const timeoutMs = limitOf(kind, slot);
    if (target === this.self) {
      return slot.runtime
        ? carryOut(slot.runtime, { kind, keep, by, timeoutMs, details })
        : refuse('NOT_HEALTHY', slot.failure ?? `${module} is not open on ${this.self} yet`);
    }
    try {
      const result = await this.links.request(
        target,
        'module.command',
        { module, kind, keep, by, ...details, timeoutMs },
        timeoutMs + 2000,
      );
      if (!ModuleCommandResult(result)) return refuse('FAILED', `${target} sent an answer that is not valid`);
      const { ok, message, code, numbers } = result as {
        ok: boolean;
        message: string;
        code: Refusal['code'];
        numbers: Outcome extends { numbers: infer N } ? N : never;
      };
      return ok ? { ok: true, message } : { ok: false, code, reason: message, numbers };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return refuse(error instanceof UnreachableError ? 'HOST_UNREACHABLE' : 'FAILED', reason);
    }
  }

  /** The host that has to act: for a switchover the primary, for a force the named host, else whichever of the pair can be reached. */
  #target(kind: Kind, slot: ModuleSlot, host: string | null): string | Outcome {
    const { module } = slot;
    const status = this.view.snapshot().modules.find((each) => each.name === module.name);
    const primary = status?.primary ?? null;
    if (kind === 'switchover') {
      if (primary === null) {
        return refuse(
          'NOT_HEALTHY',
          `${module.name} is not served by any host now: use start, or force-primary if its primary is lost`,
        );
      }
      if (host === primary) return refuse('ALREADY', `${module.name} runs on ${host} already`);
      return primary;
    }
    if (kind === 'verify' || kind === 'stopVerify' || kind === 'repair') {
      return (
        primary ??
        refuse('NOT_HEALTHY', `${module.name} is not served by any host now: there is nothing to compare with`)
      );
    }
    if (kind === 'pauseResync' || kind === 'resumeResync' || kind === 'paceResync') {
      return (
        primary ?? refuse('NOT_HEALTHY', `${module.name} is not served by any host now: no resync goes from there`)
      );
    }
    if (kind === 'force') return host ?? refuse('BAD_REQUEST', 'force-primary needs the host that is to be primary');
    if (kind === 'resolve') {
      // The host that waits does the work, and knows what comes of it.
      const waits = status?.onHosts.find((each) => each.known && each.diverged)?.host;
      if (waits !== undefined) return waits;
    }
    // The primary knows best why a server does not start.
    if (kind === 'start' && primary !== null) return primary;
    if (module.hosts.includes(this.self)) return this.self;
    return (
      module.hosts.find((each) => this.links.reachable(each)) ??
      refuse('HOST_UNREACHABLE', `neither ${module.hosts.join(' nor ')} is reachable from ${this.self}`)
    );
  }
}

function carryOut(runtime: ModuleRuntime, { kind, keep, by, timeoutMs, details }: Asked): Promise<Outcome> {
  const { bandwidth } = details;
  if (kind === 'verify') return runtime.startVerify(bandwidth === 'adaptive' ? undefined : bandwidth, by);
  if (kind === 'pauseResync') return runtime.pauseResync(by);
  if (kind === 'resumeResync') return runtime.resumeResync(bandwidth, by);
  if (kind === 'paceResync') return runtime.paceResync(bandwidth ?? null);
  if (kind === 'stopVerify') return runtime.stopVerify();
  if (kind === 'checkRoom') return runtime.checkAsideRoom();
  if (kind === 'repair') return runtime.repair(details.verifiedAt ?? '', by, timeoutMs);
  if (kind === 'beginMaintenance' || kind === 'endMaintenance') {
    const { forMs = 0, reason = null } = details;
    return runtime.command(kind, timeoutMs, null, { maintenance: { forMs, reason, by } });
  }
  return runtime.command(kind, timeoutMs, keep, { anyway: details.anyway === true });
}

/** Whose content is overwritten, after it was kept aside; null: nobody's. @param winner whose content goes on */
function loserOf(kind: Kind, { module }: ModuleSlot, winner: string | null): string | null {
  if (kind !== 'resolve' && kind !== 'repair') return null;
  return module.hosts.find((host) => host !== winner) ?? null;
}

/** How long a command of this kind may take. */
export function limitOf(kind: Kind, slot: ModuleSlot): number {
  return Math.min(limitsMs[kind] + stopTimeMs(slot.module) + startHookMs(slot.module), longestMs);
}

function refuse(code: Refusal['code'], reason: string): Extract<Outcome, { ok: false }> {
  return { ok: false, code, reason, numbers: {} };
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'is none' : `${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`;
}
