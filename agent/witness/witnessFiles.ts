import { kindOfFile } from '../../schemas/document.ts';
import type { LinkFileProblem, LinkFileVersion, LinkRequest, LinkVersion } from '../../schemas/generated/link.ts';
import {
  ConfigurationCommitParams,
  ConfigurationFetchResult,
  ConfigurationOutcomeParams,
  ConfigurationPrepareParams,
} from '../../schemas/generated/linkValidators.js';
import { answerMs, catchUpMs, reservedMs, toldWithinMs } from '../config/applyTimes.ts';
import { hashOfFiles, hashOfText, type Files } from '../config/versions.ts';
import type { HeldVersion } from './heldVersion.ts';
import { readCluster, whyRunsModules, type WitnessCluster, type WitnessNetwork } from './witnessCluster.ts';
import type { ClusterFile } from './witnessFolder.ts';
import type { LogLine } from './witnessLog.ts';

/** A cluster file of the worst kind takes a tenth of a second to judge. */
const judgeCost = 2 << 20;
const saveCost = 256 << 10;
/** What the hosts are told of it. */
const longestProblem = 1024;

type Params = Readonly<Record<string, unknown>>;

/** As much of a version as a witness keeps in memory until it is decided on. */
interface Judged {
  readonly held: HeldVersion;
  readonly by: string;
  readonly from: string;
  readonly text: string;
  readonly network: WitnessNetwork;
}

export interface WitnessFilesOptions {
  readonly of: WitnessCluster;
  /** Durable when it returns. @throws Error when these files are not this cluster's any more */
  readonly save: (file: ClusterFile, held: HeldVersion) => void;
  readonly request: (host: string, method: LinkRequest['method'], timeoutMs: number) => Promise<Params>;
  /** Work that keeps other clusters waiting while it is done. @param cost as of a message of so many bytes */
  readonly inTurn: <T>(cost: number, work: () => T) => Promise<T>;
  /** What is told to the hosts is something else now. */
  readonly onTold: () => void;
  /** Goes on by another cluster file. */
  readonly onNetwork: (network: WitnessNetwork) => Promise<void>;
  readonly log: LogLine;
}

/**
 * A witness's part in the versions of a cluster's files. It takes part as any host does, judges what concerns a witness, and keeps the cluster file and
 * which version it is of, not the files of modules: it proposes nothing, and nobody can get a version from it.
 */
export class WitnessFiles {
  readonly #options: WitnessFilesOptions;
  #network: WitnessNetwork;
  #text: string;
  #held: HeldVersion | null;
  #reserved: { readonly proposal: string; readonly judged: Judged; readonly since: number } | null = null;
  /** A newer version of the hosts, and why it cannot be taken over: that follows from its files alone, so it is asked for once. */
  #refused: { readonly number: number; readonly why: string } | null = null;
  #told: LinkVersion | null = null;
  #fetching = false;
  readonly #triedAt = new Map<string, number>();
  /** Why a host did not give a version: told once. */
  readonly #notFetched = new Map<string, string>();

  constructor(options: WitnessFilesOptions) {
    this.#options = options;
    this.#network = options.of;
    this.#text = options.of.file.text;
    this.#held = options.of.held;
  }

  get network(): WitnessNetwork {
    return this.#network;
  }

  /** The same object as long as nothing of it has changed. */
  get told(): LinkVersion {
    const { name } = this.#options.of.file;
    return (this.#told ??= {
      number: this.#number,
      hash: this.#held?.hash ?? '',
      files: { [name]: hashOfText(this.#text) },
      edited: [],
      problem: this.#refused?.why ?? null,
    });
  }

  get #number(): number {
    return this.#held?.number ?? 0;
  }

  async answer(method: LinkRequest['method'], params: Params): Promise<Record<string, unknown>> {
    switch (method) {
      case 'configuration.prepare': {
        if (!ConfigurationPrepareParams(params)) throw new Error('the files that are to be checked are not valid');
        const { version } = params as unknown as { version: LinkFileVersion };
        return this.#options.inTurn(costOf(version), () => ({ problems: this.#prepare(params, version) }));
      }
      case 'configuration.commit': {
        const proposal = proposalOf(params);
        const isOther = await this.#options.inTurn(saveCost, () => this.#commit(proposal));
        if (isOther) await this.#options.onNetwork(this.#network);
        return {};
      }
      case 'configuration.abort':
        if (this.#reserved?.proposal === proposalOf(params)) this.#reserved = null;
        return {};
      case 'configuration.outcome':
        if (!ConfigurationOutcomeParams(params)) throw new Error('the request names no change');
        // Others decide: of what it has not heard of it cannot say that it is dropped.
        return { outcome: Number(params['number']) <= this.#number ? 'applied' : 'open' };
      default:
        throw new Error(
          `${this.#network.self.name} is a witness only and keeps no files of modules: bring a host back that runs by version ${String(this.#number)}; when there is none any more, \`understudy witness add\` the cluster again on ${this.#network.self.name}`,
        );
    }
  }

  /** Call with every heartbeat of a host. */
  heard(host: string, version: LinkVersion): void {
    const { request, inTurn, log } = this.#options;
    const isTooSoon = performance.now() - (this.#triedAt.get(host) ?? -Infinity) < catchUpMs;
    if (version.number <= (this.#refused?.number ?? this.#number) || this.#fetching || isTooSoon) return;
    this.#fetching = true;
    this.#triedAt.set(host, performance.now());
    request(host, 'configuration.fetch', answerMs)
      .then(async (result) => {
        if (!ConfigurationFetchResult(result)) throw new Error(`${host} sent files that are not valid`);
        const { version: fetched } = result as unknown as { version: LinkFileVersion };
        this.#notFetched.delete(host);
        const isOther = await inTurn(costOf(fetched), () => this.#catchUp(fetched));
        if (isOther) await this.#options.onNetwork(this.#network);
      })
      .catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        if (this.#notFetched.get(host) === reason) return;
        this.#notFetched.set(host, reason);
        log('warn', 'FILES_NOT_FETCHED', `the files of ${host}: ${reason}`);
      })
      .finally(() => (this.#fetching = false));
  }

  #prepare(params: Params, version: LinkFileVersion): LinkFileProblem[] {
    const { proposal, base, named, dryRun } = params as {
      readonly proposal: string;
      readonly base: number;
      readonly named: readonly string[];
      readonly dryRun: boolean;
    };
    const reserved = this.#reserved;
    if (reserved && reserved.proposal !== proposal && performance.now() - reserved.since < reservedMs) {
      return [problem(null, `another change by ${reserved.judged.by} is under way: try again when it is done`)];
    }
    if (this.#number > base) {
      const message = `it runs by version ${String(this.#number)} of the files already, and this change is made from version ${String(base)}: try again`;
      return [problem(null, message)];
    }
    const judged = this.#judge(version);
    if ('message' in judged) return [judged];
    const { name } = this.#options.of.file;
    if (base === 0 && judged.text !== this.#text && !named.includes(name)) {
      // Nothing was ever applied: what lies here may be what is wanted.
      const message = `${name} is another one here than on ${version.host}, and was never applied: name it as well (\`understudy apply … ${name}\`), so that all hosts have the same`;
      return [problem(name, message)];
    }
    if (!dryRun) this.#reserved = { proposal, judged, since: performance.now() };
    return [];
  }

  /** As {@link WitnessFiles.#become}. */
  #commit(proposal: string): boolean {
    const reserved = this.#reserved;
    if (reserved?.proposal !== proposal || performance.now() - reserved.since >= reservedMs) {
      throw new Error('the time in which it could be applied is over');
    }
    return this.#become(reserved.judged);
  }

  /** As {@link WitnessFiles.#become}. */
  #catchUp(version: LinkFileVersion): boolean {
    const isBeingTold = this.#reserved !== null && performance.now() - this.#reserved.since < toldWithinMs;
    if (version.number <= this.#number || isBeingTold) return false;
    this.#reserved = null;
    const judged = this.#judge(version);
    if (!('message' in judged)) return this.#become(judged);
    const why = judged.message.slice(0, longestProblem);
    if (why !== this.#refused?.why) {
      this.#options.log(
        'warn',
        'FILES_BEHIND',
        `version ${String(version.number)} of the files cannot be taken over: ${why}`,
      );
    }
    this.#refused = { number: version.number, why };
    this.#tellAnew();
    return false;
  }

  #judge(version: LinkFileVersion): Judged | LinkFileProblem {
    const { of } = this.#options;
    const host = of.self.name;
    const found = version.files.find(({ name }) => kindOfFile(name) === 'cluster');
    if (!found) return problem(null, 'there is no cluster file among the files');
    const read = readCluster(found, host);
    if ('why' in read && read.diagnostic) {
      const { line, column } = read.diagnostic;
      return { ...problem(found.name, read.why), line, column };
    }
    const why = 'why' in read ? read.why : whyRunsModules(host, version.files, read.network.cluster.name);
    if ('why' in read || why !== null) {
      const leave = `if ${host}, which is a witness of several clusters and nothing else, is not to be one of this cluster any more, take it out of the hosts as well, and \`understudy witness remove ${of.name}\` there`;
      return problem(found.name, `${String(why)}; ${leave}`);
    }
    const files: Files = Object.fromEntries(version.files.map(({ name, text }) => [name, text]));
    const held = { number: version.number, hash: hashOfFiles(files) };
    return { held, by: version.by, from: version.host, text: found.text, network: read.network };
  }

  /** Durable when it returns. @returns whether the cluster file is another one */
  #become({ held, by, from, text, network }: Judged): boolean {
    const { of, save, log } = this.#options;
    const isOther = text !== this.#text;
    save({ name: of.file.name, text }, held);
    this.#reserved = null;
    this.#held = held;
    this.#text = text;
    this.#network = network;
    this.#refused = null;
    log('info', 'FILES_APPLIED', `version ${String(held.number)} of the files is applied, by ${by} on ${from}`);
    this.#tellAnew();
    return isOther;
  }

  #tellAnew(): void {
    this.#told = null;
    this.#options.onTold();
  }
}

function costOf({ files }: LinkFileVersion): number {
  return judgeCost + files.reduce((sum, { text }) => sum + text.length, 0);
}

function problem(file: string | null, message: string): LinkFileProblem {
  return { file, line: 1, column: 1, severity: 'error', message };
}

function proposalOf(params: Params): string {
  if (!ConfigurationCommitParams(params)) throw new Error('the request names no change');
  return String((params as { proposal: unknown }).proposal);
}
