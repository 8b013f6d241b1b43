/** The witness of many clusters, put together: read it top to bottom and you know the program. */
import { makeDirectoryDurably } from '../platform/durable.ts';
import { FairTurns } from '../arbiter/fairTurns.ts';
import { mostClusters, SharedRoom } from '../arbiter/recordRoom.ts';
import { SharedListener } from '../host/sharedListener.ts';
import { explainTlsError, sharedServerOptions } from '../security/tlsOptions.ts';
import { Control } from './control.ts';
import { ServedCluster, type HeardHost, type WitnessParts } from './servedCluster.ts';
import { loadWitnessCluster } from './witnessCluster.ts';
import { WitnessFolder } from './witnessFolder.ts';
import { WitnessLog } from './witnessLog.ts';

/** What could not be served is tried again this often: a port that was in use, a clock that was wrong. */
const retryMs = 10_000;
const dayMs = 24 * 3600 * 1000;

/** What the running witness says of a cluster. */
export interface ClusterState {
  readonly name: string;
  /** Why it is not served; null: it is. */
  readonly problem: string | null;
  readonly hosts: readonly HeardHost[];
}

interface Entry {
  readonly installation: string;
  readonly served: ServedCluster | null;
  readonly problem: string | null;
}

/** Runs until `signal` aborts. */
export async function runWitness(options: {
  readonly folder: string;
  readonly agentVersion: string;
  readonly signal: AbortSignal;
  readonly write: (text: string) => void;
  readonly onReady?: () => void;
  readonly retryEveryMs?: number;
}): Promise<void> {
  const folder = new WitnessFolder(options.folder);
  makeDirectoryDurably(folder.path, 0o700);
  const logs = new WitnessLog(options.write);
  const log = logs.of('witness');
  const { agentVersion } = options;
  const witness = new Witness(folder, {
    agentVersion,
    listener: new SharedListener({ serverOptions: sharedServerOptions, explain: explainTlsError, log }),
    room: new SharedRoom(),
    turns: new FairTurns(),
    log: logs,
  });
  const control = new Control(folder.controlSocket, async (question) => {
    if (question === 'POST /reload') await witness.reload();
    else if (question !== 'GET /clusters') throw new Error(`there is no ${question}`);
    return witness.states();
  });
  await control.start();
  await witness.reload();
  const retry = setInterval(() => {
    witness.retry().catch((error: unknown) => log('warn', 'RETRY_FAILED', messageOf(error)));
  }, options.retryEveryMs ?? retryMs);
  const daily = setInterval(() => witness.warnOfEnds(), dayMs);
  log('info', 'WITNESS_READY', `witness ${agentVersion} of ${String(witness.states().length)} clusters`);
  options.onReady?.();
  await aborted(options.signal);
  clearInterval(retry);
  clearInterval(daily);
  await control.stop();
  await witness.stop();
  log('info', 'WITNESS_STOPPED', 'the witness has stopped; pairs that are whole go on without it');
}

/** The clusters that are served, as the folder says. What is wrong with one of them is its own affair. */
class Witness {
  readonly #folder: WitnessFolder;
  readonly #parts: WitnessParts;
  readonly #entries = new Map<string, Entry>();
  #last: Promise<void> = Promise.resolve();

  constructor(folder: WitnessFolder, parts: WitnessParts) {
    this.#folder = folder;
    this.#parts = parts;
  }

  /** Serves what the folder has now. One after the other, as two would open the same cluster twice. */
  reload(): Promise<void> {
    return this.#next(() => this.#reload());
  }

  retry(): Promise<void> {
    return this.#next(async () => {
      const names = this.#folder.names();
      for (const [name, { problem, served }] of this.#entries) {
        if (problem === null && !served?.isOutdated) continue;
        if (names.includes(name)) await this.#update(name);
        else await this.#drop(name);
      }
    });
  }

  #next(what: () => Promise<void>): Promise<void> {
    const done = this.#last.then(what);
    this.#last = done.catch(() => undefined);
    return done;
  }

  states(): ClusterState[] {
    return [...this.#entries].map(([name, { served, problem }]) => ({ name, problem, hosts: served?.heard() ?? [] }));
  }

  warnOfEnds(): void {
    for (const { served } of this.#entries.values()) served?.warnOfEnd();
  }

  async stop(): Promise<void> {
    await this.#last;
    await Promise.all([...this.#entries.values()].map(async ({ served }) => served?.stop()));
  }

  async #reload(): Promise<void> {
    try {
      this.#folder.recover();
    } catch (error) {
      this.#parts.log.of('witness')('warn', 'NOT_RECOVERED', messageOf(error));
    }
    const names = this.#folder.names().slice(0, mostClusters);
    for (const name of this.#entries.keys()) if (!names.includes(name)) await this.#drop(name);
    for (const name of names) {
      const { served, installation } = this.#entries.get(name) ?? {};
      if (served && !served.isOutdated && installation === this.#folder.installation(name)) continue;
      await this.#update(name);
    }
  }

  async #drop(name: string): Promise<void> {
    const served = this.#entries.get(name)?.served;
    this.#entries.delete(name);
    await served?.stop();
    this.#parts.log.of(name)('info', 'CLUSTER_REMOVED', `${name} is not served any more`);
  }

  async #update(name: string): Promise<void> {
    const before = this.#entries.get(name);
    const log = this.#parts.log.of(name);
    const installation = this.#folder.installation(name);
    await before?.served?.stop();
    let served: ServedCluster | null = null;
    try {
      const of = loadWitnessCluster(this.#folder, name);
      served = new ServedCluster(of, this.#folder, installation, this.#parts);
      await served.start();
      this.#entries.set(name, { installation, served, problem: null });
      log(
        'info',
        'CLUSTER_SERVED',
        `${of.self.name} is the witness of ${of.others.map(({ name: each }) => each).join(', ')}`,
      );
    } catch (error) {
      await served?.stop();
      const problem = messageOf(error);
      if (problem !== before?.problem) log('warn', 'CLUSTER_NOT_SERVED', problem);
      this.#entries.set(name, { installation, served: null, problem });
    }
    // Certificates take their time: the clusters that are served already must not wait for all of the others.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
