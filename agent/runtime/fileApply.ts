import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { clusterChanges, moduleChanges, type KeyEffect } from '../../schemas/changeEffect.ts';
import { resolveCluster, resolveModule, type ResolvedCluster } from '../../schemas/defaults.ts';
import { kindOfFile, parseDocument } from '../../schemas/document.ts';
import type { ApplyResult, FileChange, FileProblem } from '../../schemas/generated/api.ts';
import type { LinkFileProblem, LinkFileVersion, LinkRequest, LinkVersion } from '../../schemas/generated/link.ts';
import {
  ConfigurationCommitParams,
  ConfigurationPrepareParams,
  ConfigurationFetchResult,
  ConfigurationOutcomeParams,
  ConfigurationOutcomeResult,
  ConfigurationPrepareResult,
} from '../../schemas/generated/linkValidators.js';
import { answerMs, catchUpMs, decideWithinMs } from '../config/applyTimes.ts';
import { differingFiles, hashOfFiles, type FileVersion, type Files } from '../config/versions.ts';
import type { HostLinks } from '../host/hostLinks.ts';
import type { CurrentConfiguration } from './currentConfiguration.ts';
import type { EventLog } from './eventLog.ts';
import { hostsWithSay } from './filesSay.ts';
import type { HostFiles, Proposed } from './hostFiles.ts';

/** A message between agents is at most a megabyte. */
const longestFiles = 900_000;

export interface ChangedFile {
  readonly name: string;
  /** Null: it is removed. */
  readonly text: string | null;
}

export interface ApplyWish {
  readonly note: string | null;
  /** Only checks them. */
  readonly dryRun: boolean;
  /** The number of the version that the change was made from; null: nobody says. */
  readonly base: number | null;
}

/** A host that could not be asked, or refused. */
interface Missed {
  readonly host: string;
  readonly reason: string;
}

export interface FileApplyOptions {
  readonly configuration: CurrentConfiguration;
  readonly files: HostFiles;
  readonly links: Pick<HostLinks, 'request' | 'reachable'>;
  readonly toldBy: (host: string) => LinkVersion | null;
  readonly read: (number: number) => FileVersion | null;
  readonly log: EventLog;
}

/**
 * Makes files the next version on all hosts, or on none. First every host says whether it could run by them, and keeps itself free; then this host
 * makes them durable, which decides it, and then the others. No second version can get the same number: it would need this host's word. A host
 * that goes away between the two steps takes the version over when it hears of it.
 */
export class FileApply {
  readonly #options: FileApplyOptions;
  #fetching = false;
  /** When each host was last asked for the version that it has, and this one has not. */
  readonly #triedAt = new Map<string, number>();
  /** Why a host did not give it. */
  readonly #notFetched = new Map<string, string>();
  #askedAt = -Infinity;

  constructor(options: FileApplyOptions) {
    this.#options = options;
  }

  async apply(
    changed: readonly ChangedFile[],
    by: string,
    { note, dryRun, base: expected }: ApplyWish,
  ): Promise<ApplyResult> {
    const startedAt = performance.now();
    const { configuration, files: own, log } = this.#options;
    const base = { number: own.number, files: own.files };
    const files = applied(base.files, changed);
    const named = changed.map(({ name }) => name);
    const changes = changesOf(base.files, files);
    const result = (
      version: number | null,
      message: string,
      problems: readonly FileProblem[],
      applied = version !== null,
    ): ApplyResult => ({
      applied,
      base: base.number,
      version,
      message,
      durationMs: Math.round(performance.now() - startedAt),
      changes,
      problems: [...problems],
    });
    const hosts = this.#participants(files);
    const refused = [
      ...this.#overtaken(expected),
      ...this.#withoutSay(configuration.self.name).map((message) => of(configuration.self.name, message)),
      ...this.#leaving(hosts),
      ...this.#unfit(base.files, changed, files),
      ...this.#hostProblems(hosts),
    ];
    if (refused.length > 0) return result(null, notAppliedMessage(dryRun), refused);
    if (changes.length === 0 && this.#isEverywhere(named)) {
      return result(null, `nothing to do: all hosts run by these files already (version ${String(base.number)})`, []);
    }

    const proposal = randomUUID();
    const version: FileVersion = {
      number: base.number + 1,
      hash: hashOfFiles(files),
      at: new Date().toISOString(),
      by,
      host: configuration.self.name,
      note,
      files,
    };
    const proposed: Proposed = { proposal, base: base.number, version, named, dryRun };
    return own.whileOpen(proposal, async () => {
      const problems = await this.#prepareAll(hosts, proposed);
      const isLate = performance.now() - startedAt > decideWithinMs;
      if (isLate) problems.push(of(configuration.self.name, 'the hosts took too long to agree: try again'));
      if (dryRun || problems.some(({ severity }) => severity === 'error')) {
        if (!dryRun) await this.#toAll(hosts, 'configuration.abort', { proposal });
        const isGood = problems.every(({ severity }) => severity === 'warning');
        const good = `${hosts.join(', ')} could run by these files; nothing was changed`;
        return result(null, isGood ? good : notAppliedMessage(dryRun), problems);
      }
      const left = configuration.others
        .map(({ name }) => name)
        .filter((name) => !hosts.includes(name) && this.#options.links.reachable(name));
      let missed: readonly Missed[] = [];
      try {
        await own.commit(proposal, async () => {
          missed = await this.#toAll(hosts, 'configuration.commit', { proposal });
        });
      } catch (error) {
        await this.#toAll(hosts, 'configuration.abort', { proposal });
        const message = error instanceof Error ? error.message : String(error);
        return result(null, notAppliedMessage(false), [...problems, of(configuration.self.name, message)]);
      }
      // An answer may get lost with the address that it came from: heartbeats tell it, too.
      missed = missed.filter(({ host }) => this.#options.toldBy(host)?.hash !== version.hash);
      for (const { host, reason } of missed) {
        log.add(
          'warn',
          null,
          'FILES_NOT_APPLIED',
          `${host} did not take version ${String(version.number)} over: ${reason}`,
        );
      }
      return result(version.number, appliedMessage(version, hosts, missed, left), problems);
    });
  }

  /** A request of another host that coordinates, or that lacks a version. */
  async answer(
    from: string,
    method: LinkRequest['method'],
    params: Record<string, unknown>,
  ): Promise<Record<string, unknown>> {
    const { files } = this.#options;
    const [why] = asksOnly(method) ? [] : this.#withoutSay(from);
    if (why !== undefined) throw new Error(why);
    switch (method) {
      case 'configuration.prepare': {
        if (!ConfigurationPrepareParams(params)) throw new Error('the files that are to be checked are not valid');
        const { version, ...rest } = params as unknown as Omit<Proposed, 'version'> & { version: LinkFileVersion };
        return { problems: await files.prepare({ ...rest, version: fromLink(version) }) };
      }
      case 'configuration.commit':
        await files.commit(proposalOf(params));
        return {};
      case 'configuration.abort':
        await files.abort(proposalOf(params));
        return {};
      case 'configuration.outcome':
        if (!ConfigurationOutcomeParams(params)) throw new Error('the request names no change');
        return { outcome: files.outcome(String(params['proposal']), Number(params['number'])) };
      case 'configuration.fetch': {
        const { number, files: held } = files;
        const kept = this.#options.read(number);
        const version = kept ?? { number, hash: hashOfFiles(held), at: '', by: '', host: '', note: null, files: held };
        return { version: toLink(version) };
      }
      default:
        throw new Error(`${method} is no request about files`);
    }
  }

  /** Call with every heartbeat of a host. */
  heard(host: string, version: LinkVersion): void {
    const { files, links, log } = this.#options;
    if (files.inDoubt?.host === host && files.isOverdue && performance.now() - this.#askedAt > catchUpMs) {
      this.#askedAt = performance.now();
      this.#settle().catch((error: unknown) => log.add('warn', null, 'FILES_IN_DOUBT', String(error)));
    }
    const isTooSoon = performance.now() - (this.#triedAt.get(host) ?? -Infinity) < catchUpMs;
    if (version.number <= files.number || this.#fetching || isTooSoon) return;
    if (!this.#mayGive(host, version)) return;
    this.#fetching = true;
    this.#triedAt.set(host, performance.now());
    links
      .request(host, 'configuration.fetch', {}, answerMs)
      .then(async (result) => {
        if (!ConfigurationFetchResult(result)) throw new Error(`${host} sent files that are not valid`);
        const { version: fetched } = result as unknown as { version: LinkFileVersion };
        const newer = fromLink(fetched);
        const hash = hashOfFiles(newer.files);
        const isTold = newer.number > version.number || (newer.number === version.number && hash === version.hash);
        if (!isTold || !this.#mayGive(host, { number: newer.number, hash })) {
          throw new Error(`${host} sent another version than it runs by`);
        }
        this.#notFetched.delete(host);
        await files.catchUp(newer);
      })
      .catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        if (this.#notFetched.get(host) === reason) return;
        this.#notFetched.set(host, reason);
        log.add('warn', null, 'FILES_NOT_FETCHED', `the files of ${host}: ${reason}`);
      })
      .finally(() => (this.#fetching = false));
  }

  /** A host that has agreed to another arbiter asks what became of it. */
  async #settle(): Promise<void> {
    const { files, links } = this.#options;
    const pending = files.inDoubt;
    if (pending === null || pending.number <= files.number || !links.reachable(pending.host)) return;
    const { proposal, number, host } = pending;
    const answer = await links.request(host, 'configuration.outcome', { proposal, number }, answerMs);
    if (ConfigurationOutcomeResult(answer) && answer['outcome'] === 'dropped') await files.abort(proposal);
  }

  /** Whether this host takes a version from that one. */
  #mayGive(host: string, { number, hash }: Pick<LinkVersion, 'number' | 'hash'>): boolean {
    return this.#withoutSay(host).length === 0 || this.#options.files.hasAgreedTo(number, hash);
  }

  /** Why a host has no say in the files; empty: it has. */
  #withoutSay(host: string): string[] {
    const say = hostsWithSay(this.#options.configuration);
    if (say.includes(host)) return [];
    return [`${host} is a witness only, and has no say in what other hosts run: apply it on ${say.join(' or ')}`];
  }

  /** A change that was made from an earlier version would silently take back what the later ones have changed. */
  #overtaken(expected: number | null): FileProblem[] {
    const { configuration, files, read } = this.#options;
    if (expected === null || expected === files.number) return [];
    const newest = read(files.number);
    const who = newest && newest.by !== '' ? ` was applied by ${newest.by} meanwhile` : ' is what the hosts run by now';
    const message = `version ${String(files.number)}${who}, and this change was made from version ${String(expected)}: look at the difference (\`understudy diff ${String(expected)} ${String(files.number)}\`), and apply your change to the new version`;
    return [of(configuration.self.name, message)];
  }

  #unfit(before: Files, changed: readonly ChangedFile[], files: Files): FileProblem[] {
    const { self } = this.#options.configuration;
    const problems: FileProblem[] = [];
    const cluster = Object.keys(before).find((name) => kindOfFile(name) === 'cluster');
    for (const { name, text } of changed) {
      const isCluster = kindOfFile(name) === 'cluster';
      if (kindOfFile(name) === null || kindOfFile(name) === 'agent' || basename(name) !== name) {
        problems.push(
          of(self.name, `${name} is no cluster or module file: NAME.cluster.jsonc or NAME.module.jsonc`, name),
        );
      } else if (text === null && before[name] === undefined) {
        problems.push(of(self.name, `there is no ${name} to be removed`, name));
      } else if (isCluster && name !== cluster && cluster !== undefined) {
        problems.push(of(self.name, `the cluster file is ${cluster} on the hosts: give it that name`, name));
      } else if (isCluster && text === null) problems.push(of(self.name, 'the cluster file cannot be removed', name));
    }
    const size = Buffer.byteLength(JSON.stringify(files));
    if (size > longestFiles) {
      problems.push(
        of(self.name, `the files are ${String(size)} bytes together: at most ${String(longestFiles)} can be applied`),
      );
    }
    return problems;
  }

  /** All hosts have to take part. */
  #hostProblems(hosts: readonly string[]): FileProblem[] {
    const { configuration, links, files, toldBy } = this.#options;
    return hosts.flatMap((name) => {
      if (name === configuration.self.name) return [];
      const told = toldBy(name);
      if (!links.reachable(name) || told === null) {
        return [
          of(
            name,
            `${name} is not reachable: files are applied on all hosts or on none; bring it back, or take it out of the cluster file`,
          ),
        ];
      }
      if (told.number > files.number) {
        return [of(name, `${name} runs by version ${String(told.number)} already, ${this.#whyBehind(name, told)}`)];
      }
      return [];
    });
  }

  /** What keeps this host from the newer version of another one. */
  #whyBehind(host: string, version: LinkVersion): string {
    const { configuration, files, links } = this.#options;
    const self = configuration.self.name;
    if (!this.#mayGive(host, version)) {
      const away = hostsWithSay(configuration).filter((name) => name !== self && !links.reachable(name));
      const bring = away.length > 0 ? `bring back ${away.join(' or ')}, which may have it, or ` : '';
      return `which ${self} has not agreed to and does not take from a mere witness: ${bring}let ${host} join anew`;
    }
    const { inDoubt, told } = files;
    if (told.problem !== null) return `and ${self} cannot take it over: ${told.problem}`;
    const why = this.#notFetched.get(host);
    if (why !== undefined) return `and ${self} could not get it from there: ${why}`;
    return inDoubt !== null && version.number < inDoubt.number
      ? `and ${self} takes it over when it knows what became of version ${String(inDoubt.number)}: bring ${inDoubt.host} back`
      : `and ${self} is about to take it over: try again in a moment`;
  }

  /** A host runs by the version that it decides, and would be none of its hosts. @param hosts those that stay */
  #leaving(hosts: readonly string[]): FileProblem[] {
    const { configuration } = this.#options;
    const { name } = configuration.self;
    if (hosts.includes(name)) return [];
    const say = hostsWithSay(configuration).filter((each) => hosts.includes(each));
    const where = say.length > 0 ? say.join(' or ') : 'a host that stays';
    return [of(name, `${name} cannot take itself out of the cluster: apply it on ${where}`)];
  }

  /** Whether all hosts run by this host's version, and none of these files was changed by hand anywhere. */
  #isEverywhere(named: readonly string[]): boolean {
    const { configuration, files, toldBy } = this.#options;
    const all = [files.told, ...configuration.others.map(({ name }) => toldBy(name))];
    return (
      files.number > 0 &&
      all.every((told) => told?.hash === files.hash && !told.edited.some((name) => named.includes(name)))
    );
  }

  /** The hosts that are of the cluster before and after. */
  #participants(files: Files): string[] {
    const { configuration } = this.#options;
    const after = Object.entries(files).find(([name]) => kindOfFile(name) === 'cluster');
    const value = after && parseDocument('cluster', after[1], after[0]).value;
    const stay = value ? Object.keys(value.hosts) : configuration.cluster.hosts.map(({ name }) => name);
    return configuration.cluster.hosts.map(({ name }) => name).filter((name) => stay.includes(name));
  }

  async #prepareAll(hosts: readonly string[], proposed: Proposed): Promise<FileProblem[]> {
    const { configuration, files, links } = this.#options;
    const self = configuration.self.name;
    const params = { ...proposed, version: toLink(proposed.version) };
    const answers = await Promise.all(
      hosts.map(async (host) => {
        try {
          if (host === self) return (await files.prepare(proposed)).map((problem) => ({ host, ...problem }));
          const answer = await links.request(host, 'configuration.prepare', params, answerMs);
          if (!ConfigurationPrepareResult(answer)) return [of(host, `${host} sent an answer that is not valid`)];
          const { problems } = answer as unknown as { problems: LinkFileProblem[] };
          return problems.map((problem) => ({ host, ...problem }));
        } catch (error) {
          return [of(host, `${host} did not answer: ${error instanceof Error ? error.message : String(error)}`)];
        }
      }),
    );
    return answers.flat();
  }

  /** Asks all of them but this host. Returns who could not be asked, or refused. */
  async #toAll(
    hosts: readonly string[],
    method: LinkRequest['method'],
    params: { readonly proposal: string },
  ): Promise<Missed[]> {
    const { configuration, files, links } = this.#options;
    if (method === 'configuration.abort') await files.abort(params.proposal);
    const others = hosts.filter((host) => host !== configuration.self.name);
    const answers = await Promise.all(
      others.map((host) =>
        links.request(host, method, { ...params }, answerMs).then(
          () => null,
          (error: unknown) => ({ host, reason: error instanceof Error ? error.message : String(error) }),
        ),
      ),
    );
    return answers.filter((each) => each !== null);
  }
}

function applied(before: Files, changed: readonly ChangedFile[]): Files {
  const files: Record<string, string> = { ...before };
  for (const { name, text } of changed) {
    if (text === null) delete files[name];
    else files[name] = text;
  }
  return files;
}

/** What a change means, file by file; of one that has errors only that it changes. */
export function changesOf(before: Files, after: Files): FileChange[] {
  return differingFiles(before, after).map((file) => {
    const [old, fresh] = [before[file], after[file]];
    const kind = old === undefined ? 'added' : fresh === undefined ? 'removed' : 'changed';
    return { file, kind, keys: [...keysOf(file, old, fresh, after)] };
  });
}

function keysOf(file: string, old: string | undefined, fresh: string | undefined, all: Files): readonly KeyEffect[] {
  if (old === undefined || fresh === undefined) return [];
  if (kindOfFile(file) === 'cluster') {
    const [before, after] = [old, fresh].map((text) => parseDocument('cluster', text, file).value);
    return before && after ? clusterChanges(resolveCluster(before), resolveCluster(after)) : [];
  }
  const [before, after] = [old, fresh].map((text) => parseDocument('module', text, file).value);
  return before && after ? moduleChanges(resolveModule(before), resolveModule(after), arbiterOf(all)) : [];
}

/** Of a cluster file that has errors nothing is assumed. */
function arbiterOf(files: Files): Pick<ResolvedCluster['arbiter'], 'kind'> {
  const found = Object.entries(files).find(([name]) => kindOfFile(name) === 'cluster');
  const cluster = found && parseDocument('cluster', found[1], found[0]).value;
  return cluster ? resolveCluster(cluster).arbiter : { kind: 'none' };
}

function appliedMessage(
  { number }: FileVersion,
  hosts: readonly string[],
  missed: readonly Missed[],
  left: readonly string[],
): string {
  const took = hosts.filter((name) => !missed.some(({ host }) => host === name)).join(', ');
  const parts = [`version ${String(number)} is applied on ${took}`];
  parts.push(
    ...missed.map(({ host, reason }) => `${host} has not taken it over (${reason}), and does so as soon as it can`),
  );
  if (left.length > 0) {
    parts.push(
      `${left.join(', ')} is no host of the cluster any more: stop its agent, or \`understudy witness remove\` the cluster there`,
    );
  }
  return parts.join('; ');
}

function notAppliedMessage(dryRun: boolean): string {
  return dryRun ? 'these files could not be applied' : 'nothing was applied on any host';
}

function of(host: string, message: string, file: string | null = null): FileProblem {
  return { host, file, line: 1, column: 1, severity: 'error', message };
}

/** Whoever is of the cluster may ask what the files are. */
function asksOnly(method: LinkRequest['method']): boolean {
  return method === 'configuration.fetch' || method === 'configuration.outcome';
}

function proposalOf(params: Record<string, unknown>): string {
  if (!ConfigurationCommitParams(params)) throw new Error('the request names no change');
  return String((params as { proposal: unknown }).proposal);
}

function toLink({ files, note, ...rest }: FileVersion): LinkFileVersion {
  return {
    ...rest,
    ...(note !== null && { note }),
    files: Object.entries(files).map(([name, text]) => ({ name, text })),
  };
}

function fromLink({ files, note, ...rest }: LinkFileVersion): FileVersion {
  return { ...rest, note: note ?? null, files: Object.fromEntries(files.map(({ name, text }) => [name, text])) };
}

export function isAboutFiles(
  method: LinkRequest['method'],
): method is Extract<LinkRequest['method'], `configuration.${string}`> {
  return method.startsWith('configuration.');
}
