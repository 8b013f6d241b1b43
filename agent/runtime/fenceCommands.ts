import type { Actor, Outcome } from '../api/facade.ts';
import type { HostFencing } from '../fencing/hostFencing.ts';
import type { EventLog } from './eventLog.ts';

type Refusal = Extract<Outcome, { ok: false }>;

/** Operators' commands about what powers a host off. They are carried out here: that is what they are to show. */
export class FenceCommands {
  constructor(
    private readonly self: string,
    private readonly hosts: () => readonly string[],
    private readonly fencing: Pick<HostFencing, 'fence' | 'test' | 'canFence'>,
    private readonly log: EventLog,
  ) {}

  test(host: string, by: Actor): Promise<Outcome> {
    return this.#run('test of the fencing', host, by, () => this.fencing.test(host));
  }

  /** @param confirm the host's name again */
  async fence(host: string, confirm: string, by: Actor): Promise<Outcome> {
    const unconfirmed =
      confirm === host
        ? null
        : refuse('CONFIRMATION', `fencing ${host} resets it, whatever runs there: confirm it with its name`);
    const act = async () => `${host} is fenced: ${await this.fencing.fence(host, true)}`;
    return this.#run('fencing', host, by, act, unconfirmed);
  }

  async #run(
    what: string,
    host: string,
    by: Actor,
    act: () => Promise<string>,
    unconfirmed: Refusal | null = null,
  ): Promise<Outcome> {
    const startedAt = performance.now();
    const elapsedMs = (): number => Math.round(performance.now() - startedAt);
    const asked = `${what} of ${host}, asked by ${by.name} (${by.role}) from ${by.from}`;
    this.log.add('info', null, 'COMMAND', asked);
    const refused = unconfirmed ?? this.#refusal(host);
    if (refused) {
      const { code, reason } = refused.refusal;
      this.log.add('warn', null, 'COMMAND_REFUSED', `${what} of ${host}: ${reason}`, { refusal: code });
      return refused;
    }
    try {
      const message = await act();
      this.log.add('info', null, 'COMMAND_DONE', `${what}: ${message}`, { durationMs: elapsedMs() });
      return { ok: true, result: { durationMs: elapsedMs(), message } };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.log.add('warn', null, 'COMMAND_REFUSED', `${what} of ${host}: ${reason}`, { durationMs: elapsedMs() });
      return refuse('FAILED', reason);
    }
  }

  #refusal(host: string): Refusal | null {
    const hosts = this.hosts();
    if (!hosts.includes(host)) {
      return refuse('UNKNOWN_HOST', `there is no host ${host}; there are ${hosts.join(', ')}`);
    }
    if (host === this.self) {
      return refuse('BAD_REQUEST', `${host} does not fence itself: ask the agent of another host (--server)`);
    }
    if (this.fencing.canFence(host)) return null;
    return refuse('BAD_REQUEST', `the cluster file does not say how ${host} is fenced: add it under "fence"`);
  }
}

function refuse(code: Refusal['refusal']['code'], reason: string): Refusal {
  return { ok: false, refusal: { code, reason, numbers: {} } };
}
