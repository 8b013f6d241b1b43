import { randomUUID } from 'node:crypto';
import type { Configuration } from '../config/configuration.ts';
import type { Outcome } from '../core/types.ts';
import { run } from '../platform/children.ts';
import { close, replaceProcess } from '../platform/libc.ts';
import { agentVersion } from '../version.ts';
import type { EventLog } from './eventLog.ts';
import type { EventExport } from './exportEvents.ts';
import {
  conflictWith,
  descriptorsOf,
  HAND_OVER_VERSION,
  writeHandOver,
  type HandedAgent,
  type HandedModule,
  type TakeOverOffer,
} from './handOver.ts';
import type { ModuleRuntime } from './moduleRuntime.ts';
import type { ModuleSlot } from './moduleSlot.ts';

/** How long the program on disk may take to say whether it can take over. */
const offerLimitMs = 30_000;
/** How long a module may take to go on alone. */
const detachLimitMs = 10_000;
/** The answer to who asked goes out before this program ends. */
const answerMs = 100;
/** How long a moment may be looked for in which nothing is under way. */
const quietLimitMs = 5000;
const quietRetryMs = 20;
/**
 * The next program has this long to take the mirror processes over. Nothing depends on it but how long a server may run that nobody watches:
 * its host is recorded alone.
 */
const takeOverLimitMs = 20_000;

type Refused = Extract<Outcome, { ok: false }>;

export interface UpgradeParts {
  readonly configuration: Configuration;
  readonly slots: readonly ModuleSlot[];
  readonly log: EventLog;
  readonly exported: Pick<EventExport, 'delivered'>;
  /** Aborted: the agent is told to stop. */
  readonly signal: AbortSignal;
}

/** What is answered before this program ends. */
export type UpgradeOutcome =
  | {
      readonly ok: true;
      readonly message: string;
      /** Names the upgrade in the log; null when it was only looked whether it can be done. */
      readonly upgrade: string | null;
      readonly toVersion: string;
      readonly modules: readonly string[];
    }
  | Refused;

/**
 * Replaces this agent by the program on disk, in the same process: its children stay its children, and what it holds for the mirrors stays
 * open, so that no moment is without somebody at whose death the mirror processes end the servers.
 */
export class Upgrade {
  readonly #parts: UpgradeParts;
  #running = false;

  constructor(parts: UpgradeParts) {
    this.#parts = parts;
  }

  /** Everything that can be refused is refused here, and then nothing has changed. */
  async begin(onlyLook: boolean): Promise<UpgradeOutcome> {
    if (this.#running) return refuse('BUSY', 'an upgrade of this agent is under way already');
    this.#running = true;
    let goesOn = false;
    try {
      const offer = await this.#offer();
      if ('ok' in offer) return offer;
      const modules = this.#served().map(({ name }) => name);
      const unfit = this.#unfit(offer);
      if (unfit) return unfit;
      const { agentVersion: toVersion } = offer;
      if (onlyLook) {
        const message = `agent ${toVersion} can take over from agent ${agentVersion}${modules.length > 0 ? ` with ${modules.join(', ')}` : ''}`;
        return { ok: true, message, upgrade: null, toVersion, modules };
      }
      const refused = await this.#detach();
      if (refused) return refused;
      const upgrade = randomUUID();
      goesOn = true;
      setTimeout(() => void this.#replace(upgrade), answerMs);
      const message = `agent ${agentVersion} hands over to agent ${toVersion}${modules.length > 0 ? `; ${modules.join(', ')} run on` : ''}`;
      return { ok: true, message, upgrade, toVersion, modules };
    } finally {
      if (!goesOn) this.#running = false;
    }
  }

  #runtimes(): ModuleRuntime[] {
    return this.#parts.slots.flatMap(({ runtime }) => (runtime ? [runtime] : []));
  }

  #served(): ModuleRuntime[] {
    return this.#runtimes().filter(({ isPrimary }) => isPrimary);
  }

  /** Asks the program on disk. */
  async #offer(): Promise<TakeOverOffer | Refused> {
    const { configuration } = this.#parts;
    const args = [...program(), 'agent', '--config', configuration.directory, '--can-take-over'];
    const instead =
      'restart the agent instead (`systemctl restart understudy-agent`), which hands its modules over to the other host or stops them';
    try {
      const { code, stdout, stderr } = await run(process.execPath, args, { timeoutMs: offerLimitMs });
      if (code !== 0) {
        const said = (stderr.trim() || stdout.trim() || 'it said nothing').split('\n').slice(0, 3).join(' ');
        return refuse('FAILED', `the program on disk cannot take over: ${said}. Put that in order, or ${instead}`);
      }
      const offer = JSON.parse(stdout) as TakeOverOffer;
      const conflict = conflictWith(offer, this.#served().length > 0);
      return conflict === null ? offer : refuse('FAILED', `${conflict}: ${instead}`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return refuse('FAILED', `the program on disk cannot be asked whether it takes over (${reason}): ${instead}`);
    }
  }

  /** What the files on disk say has to fit to what runs. */
  #unfit(offer: TakeOverOffer): Refused | null {
    const { configuration, slots } = this.#parts;
    const { self, cluster } = configuration;
    if (offer.host !== self.name || offer.cluster !== cluster.name) {
      return refuse(
        'FAILED',
        `the files in ${configuration.directory} are those of ${offer.host} in cluster ${offer.cluster} now: this agent is ${self.name} in cluster ${cluster.name}`,
      );
    }
    for (const { name, settings } of this.#served()) {
      const next = offer.modules.find((each) => each.name === name);
      if (next?.settings === settings) continue;
      const what = next
        ? 'its hosts, directories, excluded paths, kind of server, or whether it has a guestAgent check was changed in its file'
        : 'its file is missing or has errors (see `understudy validate`)';
      return refuse('FAILED', `${name} is served by ${self.name} and ${what}: put that back, or stop ${name} first`);
    }
    const busy = slots.find(({ isOurs, runtime, failure }) => isOurs && runtime === null && failure === null);
    return busy ? refuse('BUSY', `${busy.module.name} is being opened: try again in a moment`) : null;
  }

  async #detach(): Promise<Refused | null> {
    const outcomes = await Promise.all(this.#runtimes().map((runtime) => runtime.detach(detachLimitMs)));
    const refused = outcomes.find((outcome) => !outcome.ok);
    if (!refused || refused.ok) return null;
    this.#goOn();
    return refused;
  }

  #goOn(): void {
    for (const runtime of this.#runtimes()) runtime.attachAgain();
    this.#running = false;
  }

  async #replace(upgrade: string): Promise<void> {
    const { slots, log, exported, signal } = this.#parts;
    try {
      if (signal.aborted) throw new Error('the agent is told to stop');
      const primaries = this.#served();
      for (const slot of [...slots]) await slot.rest();
      // They are in the log; the next program does not send them again.
      await exported.delivered();
      await Promise.all(primaries.map((runtime) => runtime.awaitAgent(takeOverLimitMs)));
      await this.#exchange(upgrade, primaries);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.add('error', null, 'UPGRADE_FAILED', `the agent is not upgraded and goes on: ${reason}`, { upgrade });
      this.#goOn();
      if (!signal.aborted) for (const slot of slots) void slot.resume();
    }
  }

  /** Waits for a moment in which nothing is under way, and ends this program in it. Returns only by throwing. */
  async #exchange(upgrade: string, primaries: readonly ModuleRuntime[]): Promise<never> {
    const { log, signal } = this.#parts;
    const limit = performance.now() + quietLimitMs;
    for (;;) {
      if (signal.aborted) throw new Error('the agent is told to stop');
      const modules = primaries.map((runtime) => runtime.handOver());
      const busy = modules.indexOf(null);
      if (busy === -1 && this.#served().length === primaries.length) {
        log.add('info', null, 'AGENT_REPLACED', `agent ${agentVersion} is replaced by the program on disk`, {
          upgrade,
        });
        become(upgrade, modules as readonly HandedModule[]);
      }
      if (performance.now() > limit) {
        throw new Error(`${primaries[busy]?.name ?? 'a module'} is not quiet: try again when it is`);
      }
      await new Promise((resolve) => setTimeout(resolve, quietRetryMs));
    }
  }

  /** In the next program: tells what came of it. */
  report({ upgrade, fromVersion, at, modules }: HandedAgent): void {
    const runtimes = this.#runtimes();
    const lost = modules.filter(({ name }) => !runtimes.some((each) => each.name === name && each.isPrimary));
    const kept = modules.filter((module) => !lost.includes(module)).map(({ name }) => name);
    const durationMs = Date.now() - at;
    const told = [
      ...(kept.length > 0 ? [`${kept.join(', ')} went on without a restart`] : []),
      ...lost.map(
        ({ name }) => `${name} could not be gone on with and its server was ended: see \`understudy log ${name}\``,
      ),
    ];
    this.#parts.log.add(
      lost.length > 0 ? 'error' : 'info',
      null,
      'AGENT_UPGRADED',
      [`agent ${agentVersion} took over from agent ${fromVersion} in ${String(durationMs)} ms`, ...told].join('; '),
      { upgrade, durationMs, lost: lost.length },
    );
  }
}

/** This program as it was started, without its own arguments. */
function program(): readonly string[] {
  return [...process.execArgv, process.argv[1] ?? ''];
}

function become(upgrade: string, modules: readonly HandedModule[]): never {
  const handed: HandedAgent = {
    version: HAND_OVER_VERSION,
    upgrade,
    fromVersion: agentVersion,
    at: Date.now(),
    modules,
  };
  const { fd, environment } = writeHandOver(handed);
  try {
    const kept = [fd, ...modules.flatMap(descriptorsOf)];
    replaceProcess(process.execPath, [...program(), ...process.argv.slice(2)], environment, kept);
  } catch (error) {
    close(fd);
    throw error;
  }
}

function refuse(code: Refused['code'], reason: string): Refused {
  return { ok: false, code, reason, numbers: {} };
}
