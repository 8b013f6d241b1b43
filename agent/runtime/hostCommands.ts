import { HostCommandParams, ModuleCommandResult } from '../../schemas/generated/linkValidators.js';
import type { Actor, Outcome as ApiOutcome } from '../api/facade.ts';
import type { Outcome } from '../core/types.ts';
import type { HostLinks } from '../host/hostLinks.ts';
import { UnreachableError } from '../host/linkRequests.ts';
import type { EventLog } from './eventLog.ts';
import type { HostDrain } from './hostDrain.ts';

type Kind = 'drain' | 'undrain';

/** A drain takes as long as its modules; somebody who asked another host waits no longer than this. */
const longestMs = 3_600_000;

/** Carries commands about a host to it. */
export class HostCommands {
  /** @param pairs the hosts that are of a module's pair */
  constructor(
    private readonly self: string,
    private readonly hosts: () => readonly string[],
    private readonly pairs: () => readonly string[],
    private readonly links: HostLinks,
    private readonly drain: HostDrain,
    private readonly log: EventLog,
  ) {}

  async run(kind: Kind, host: string, by: Actor): Promise<ApiOutcome> {
    const startedAt = performance.now();
    const who = `${by.name} (${by.role}) from ${by.from}`;
    this.log.add('info', null, 'COMMAND', `${kind} of ${host}, asked by ${who}`);
    const outcome = await this.#route(kind, host, who);
    const durationMs = Math.round(performance.now() - startedAt);
    if (outcome.ok) {
      this.log.add('info', null, 'COMMAND_DONE', `${kind}: ${outcome.message}`, { durationMs });
      return { ok: true, result: { durationMs, message: outcome.message } };
    }
    const { code, reason, numbers } = outcome;
    this.log.add('warn', null, 'COMMAND_REFUSED', `${kind}: ${reason}`, { refusal: code, durationMs });
    return { ok: false, refusal: { code, reason, numbers: { ...numbers } } };
  }

  /** A command that another agent forwards to this one. @param from the host of that agent */
  async answer(from: string, params: Record<string, unknown>): Promise<Record<string, unknown>> {
    if (!HostCommandParams(params)) throw new Error('the forwarded command is not valid');
    const { kind, by } = params as { kind: Kind; by: string };
    this.log.add('info', null, 'COMMAND', `${kind} of ${this.self}, asked by ${by}, handed on by ${from}`);
    const outcome = await this.#carryOut(kind, by);
    return outcome.ok
      ? { ok: true, message: outcome.message, code: null, numbers: {} }
      : { ok: false, message: outcome.reason, code: outcome.code, numbers: { ...outcome.numbers } };
  }

  async #route(kind: Kind, host: string, by: string): Promise<Outcome> {
    if (!this.hosts().includes(host)) {
      return refuse('UNKNOWN_HOST', `there is no host ${host}; there are ${this.hosts().join(', ')}`);
    }
    if (!this.pairs().includes(host)) {
      return refuse(
        'NOT_HEALTHY',
        `${host} is of no module's pair: there is nothing to move, it may be rebooted as it is`,
      );
    }
    if (host === this.self) return this.#carryOut(kind, by);
    try {
      const result = await this.links.request(host, 'host.command', { kind, by }, longestMs);
      if (!ModuleCommandResult(result)) return refuse('FAILED', `${host} sent an answer that is not valid`);
      const { ok, message, code, numbers } = result as {
        ok: boolean;
        message: string;
        code: Extract<Outcome, { ok: false }>['code'];
        numbers: Extract<Outcome, { ok: false }>['numbers'];
      };
      return ok ? { ok: true, message } : { ok: false, code, reason: message, numbers };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return refuse(error instanceof UnreachableError ? 'HOST_UNREACHABLE' : 'FAILED', reason);
    }
  }

  async #carryOut(kind: Kind, by: string): Promise<Outcome> {
    return kind === 'drain' ? this.drain.drain(by) : Promise.resolve(this.drain.undrain());
  }
}

function refuse(code: Extract<Outcome, { ok: false }>['code'], reason: string): Outcome {
  return { ok: false, code, reason, numbers: {} };
}
