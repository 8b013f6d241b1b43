import { basename } from 'node:path';
import { formatDiagnostic, hasErrors, type Diagnostic } from '../../schemas/diagnostic.ts';
import type { ParsedDocument } from '../../schemas/document.ts';
import type { LinkFileProblem, LinkVersion } from '../../schemas/generated/link.ts';
import { reservedMs, toldWithinMs } from '../config/applyTimes.ts';
import { judge, readFolder, type Configuration } from '../config/configuration.ts';
import { writeFolder } from '../config/folder.ts';
import type { PendingFile, PendingVersion } from '../config/pendingVersion.ts';
import {
  differingFiles,
  hashOfFiles,
  hashOfText,
  type FileVersion,
  type Files,
  type VersionStore,
} from '../config/versions.ts';
import type { CurrentConfiguration } from './currentConfiguration.ts';
import type { EventLog } from './eventLog.ts';
import { isOtherArbiter, modulesAtRest } from './arbiterCheck.ts';
import { checkHere, wholeFile } from './fileCheck.ts';
import { FileDoubt } from './fileDoubt.ts';
import type { ModuleSlot } from './moduleSlot.ts';

/** How often it is looked whether somebody has edited the folder. */
const lookMs = 5000;

export interface HostFilesOptions {
  readonly configuration: CurrentConfiguration;
  readonly agentFile: ParsedDocument<'agent'>;
  readonly store: VersionStore;
  readonly slots: readonly Pick<ModuleSlot, 'module' | 'isOurs' | 'isStopped' | 'arbiterHindrance'>[];
  readonly pending: PendingFile;
  /** Keeps modules of this host closed, which are stopped; null: no longer. @param names null: all of them */
  readonly hold: (reason: string | null, names: readonly string[] | null) => Promise<void>;
  /** Networks on which a host is connected with this one. */
  readonly heardOn: (host: string) => readonly string[];
  readonly log: EventLog;
  /** Makes what runs go on by the files that `configuration` holds now. */
  readonly takeEffect: (before: Configuration) => Promise<void>;
  readonly onChange: () => void;
}

/** A version that is to follow the one that this host runs by. */
export interface Proposed {
  readonly proposal: string;
  /** Number of the version that it is made from. */
  readonly base: number;
  readonly version: FileVersion;
  /** The files that somebody asked to be applied. */
  readonly named: readonly string[];
  readonly dryRun: boolean;
}

/** The cluster and module files of this host: what it runs by, what lies in its folder, and how it takes over another version. */
export class HostFiles {
  readonly #options: HostFilesOptions;
  #reserved: { readonly proposed: Proposed; readonly since: number } | null = null;
  /** One thing after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #doubt: FileDoubt;
  readonly #open = new Set<string>();
  #edited: readonly string[] = [];
  /** Why a newer version of another host cannot be taken over. */
  #problem: string | null = null;
  #told: LinkVersion | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: HostFilesOptions) {
    this.#options = options;
    this.#doubt = new FileDoubt({ file: options.pending, hold: options.hold });
  }

  /** Brings an apply that was cut short to its end, and looks at the folder from now on. */
  async start(): Promise<void> {
    const { configuration, store } = this.#options;
    // What this host was to decide itself it did not, or it would run by it.
    await this.#doubt.resume(({ number, host }) => number <= this.number || host === configuration.self.name);
    if (configuration.version > 0) {
      const before = store.before(configuration.version)?.files ?? {};
      const found = await readFolder(configuration.directory);
      const unfinished = differingFiles(before, configuration.files).filter(
        (name) => found.files[name] === before[name],
      );
      const only = (files: Files): Files => Object.fromEntries(unfinished.flatMap((name) => entry(files, name)));
      this.#writeFolder(configuration.directory, only(before), only(configuration.files));
    }
    await this.#look();
    this.#timer = setInterval(() => void this.#look().catch(() => undefined), lookMs);
    this.#timer.unref();
  }

  close(): void {
    if (this.#timer) clearInterval(this.#timer);
  }

  get number(): number {
    return this.#options.configuration.version;
  }

  get files(): Files {
    return this.#options.configuration.files;
  }

  get hash(): string {
    return this.told.hash;
  }

  /** The same object as long as nothing of it has changed. */
  get told(): LinkVersion {
    const { files, number } = this;
    return (this.#told ??= {
      number,
      hash: hashOfFiles(files),
      files: Object.fromEntries(Object.entries(files).map(([name, text]) => [name, hashOfText(text)])),
      edited: [...this.#edited],
      problem: this.#problem,
    });
  }

  /** Whether this host could run by that version; if so, and it is no dry run, it keeps itself free for it. */
  prepare(proposed: Proposed): Promise<readonly LinkFileProblem[]> {
    return this.#inTurn(() => this.#prepare(proposed));
  }

  async #prepare(proposed: Proposed): Promise<readonly LinkFileProblem[]> {
    const reserved = this.#reservation();
    if (reserved && reserved.proposal !== proposed.proposal) {
      return [wholeFile(null, `another change by ${reserved.version.by} is under way: try again when it is done`)];
    }
    const conflicts = this.#conflicts(proposed);
    if (conflicts.length > 0) return conflicts;
    const { about, reason } = this.#doubt;
    if (about && about.number > this.number && about.proposal !== proposed.proposal) {
      return [wholeFile(null, `it does not know yet what became of another change: ${String(reason)}`)];
    }
    const { next, problems } = await this.#judge(proposed.version);
    if (next === null || problems.some(({ severity }) => severity === 'error') || proposed.dryRun) return problems;
    const { proposal, version } = proposed;
    const modules = modulesAtRest(this.#options.configuration.now, next);
    if (modules === null || modules.length > 0) {
      const { number, host, files } = version;
      await this.#doubt.begin({ number, hash: hashOfFiles(files), proposal, host, modules });
    }
    this.#reserved = { proposed, since: performance.now() };
    return problems;
  }

  /** A version that changes what must not change while a module runs, and of which this host does not know yet whether it is applied. */
  get inDoubt(): PendingVersion | null {
    return this.#doubt.about;
  }

  /** Whether this host has agreed to these files, whatever became of it. */
  hasAgreedTo(number: number, hash: string): boolean {
    const reserved = this.#reserved?.proposed.version;
    return (
      (reserved?.number === number && hashOfFiles(reserved.files) === hash) ||
      (this.inDoubt?.number === number && this.inDoubt.hash === hash)
    );
  }

  /** What became of a version that this host proposed. */
  outcome(proposal: string, number: number): 'open' | 'applied' | 'dropped' {
    if (number <= this.number) return 'applied';
    return this.#open.has(proposal) ? 'open' : 'dropped';
  }

  /** What this host proposes is open from before anybody is asked until nothing can come of it any more. */
  async whileOpen<T>(proposal: string, act: () => Promise<T>): Promise<T> {
    this.#open.add(proposal);
    try {
      return await act();
    } finally {
      this.#open.delete(proposal);
    }
  }

  /** Whether whoever decides should have told by now. */
  get isOverdue(): boolean {
    return this.inDoubt !== null && performance.now() - (this.#reserved?.since ?? -Infinity) > toldWithinMs;
  }

  /** It is not applied, on no host. */
  abort(proposal: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#reserved?.proposed.proposal === proposal) this.#reserved = null;
      if (this.inDoubt?.proposal === proposal) await this.#doubt.end();
    });
  }

  /**
   * Runs by the version that it agreed to; durable when this resolves.
   * @param tellOthers done when it is decided, and before it takes effect here: from then on this host may listen on other addresses
   * @throws Error when it is not free for it any more
   */
  commit(proposal: string, tellOthers?: () => Promise<void>): Promise<void> {
    return this.#inTurn(() => this.#commit(proposal, tellOthers));
  }

  async #commit(proposal: string, tellOthers?: () => Promise<void>): Promise<void> {
    const reserved = this.#reservation();
    if (reserved?.proposal !== proposal) throw new Error('the time in which it could be applied is over');
    const { next, problems } = await this.#judge(reserved.version, tellOthers === undefined);
    const [first] = problems.filter(({ severity }) => severity === 'error');
    if (next === null || first) {
      this.#reserved = null;
      throw new Error(first?.message ?? 'the files cannot be used any more');
    }
    await this.#become(reserved.version, next, reserved.named, tellOthers);
  }

  /** A newer version of another host, which this one did not hear of when it was applied. Returns why it cannot be taken over; null: it is, or there is something to wait for. */
  catchUp(version: FileVersion): Promise<string | null> {
    return this.#inTurn(() => this.#catchUp(version));
  }

  async #catchUp(version: FileVersion): Promise<string | null> {
    const isBeingTold = this.#reserved !== null && performance.now() - this.#reserved.since < toldWithinMs;
    // With a later one in doubt, what that closes must stay closed: this host goes on when it knows what became of it.
    const isInDoubt = this.inDoubt !== null && version.number < this.inDoubt.number;
    if (version.number <= this.number || isBeingTold || isInDoubt) return null;
    this.#letGo(version);
    const { next, problems } = await this.#judge(version, true);
    const [first] = problems.filter(({ severity }) => severity === 'error');
    const problem =
      next === null || first
        ? (first?.message ?? 'the files cannot be used')
        : await this.#become(version, next).then(() => null, messageOf);
    if (problem === null) return null;
    if (problem !== this.#problem) {
      const { log, configuration } = this.#options;
      const message = `version ${String(version.number)} of the files cannot be taken over on ${configuration.self.name}: ${problem}`;
      log.add('error', null, 'FILES_BEHIND', message);
    }
    this.#problem = problem;
    this.#changed();
    return problem;
  }

  #reservation(): Proposed | null {
    const isHeld = this.#reserved !== null && performance.now() - this.#reserved.since < reservedMs;
    return isHeld ? (this.#reserved?.proposed ?? null) : null;
  }

  /** It is settled what became of all versions up to this one; a later one may still be decided. */
  #letGo({ number }: FileVersion): void {
    if (this.#reserved && this.#reserved.proposed.version.number <= number) this.#reserved = null;
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(act);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** What this host holds and the new version would silently overwrite or overtake. */
  #conflicts({ base, version, named }: Proposed): LinkFileProblem[] {
    const { number, files } = this;
    if (number > base) {
      const message = `it runs by version ${String(number)} of the files already, and this change is made from version ${String(base)}: try again`;
      return [wholeFile(null, message)];
    }
    if (base > 0) return [];
    // Nothing was ever applied: what lies here was put here by hand, and may be what is wanted.
    return Object.keys(files)
      .filter((name) => !named.includes(name) && files[name] !== version.files[name])
      .map((name) =>
        wholeFile(
          name,
          `${name} is another one here than on ${version.host}, and was never applied: name it as well (\`understudy apply … ${name}\`), so that all hosts have the same`,
        ),
      );
  }

  async #judge(
    version: FileVersion,
    isDecided = false,
  ): Promise<{ readonly next: Configuration | null; readonly problems: readonly LinkFileProblem[] }> {
    const { configuration, agentFile, slots, heardOn, store } = this.#options;
    const judged = judge(configuration.directory, agentFile, version);
    const own = basename(agentFile.file);
    const problems = judged.diagnostics.filter(({ file }) => basename(file) !== own || !judged.ok).map(problemOf);
    if (!judged.ok) {
      return { next: null, problems: problems.length > 0 ? problems : [wholeFile(null, 'the files cannot be used')] };
    }
    if (hasErrors(judged.diagnostics)) return { next: null, problems };
    return {
      next: judged.configuration,
      problems: [
        ...problems,
        ...(await checkHere(
          configuration.now,
          judged.configuration,
          { slots, heardOn, versions: () => store.all() },
          isDecided,
        )),
      ],
    };
  }

  async #become(
    version: FileVersion,
    next: Configuration,
    named: readonly string[] = [],
    tellOthers: () => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    const { configuration, store, log, takeEffect, hold } = this.#options;
    const before = configuration.now;
    if (before.version === 0) store.save(this.#asFound(before));
    this.#save(version);
    // Decided: until here nothing else has happened, and nobody could ask.
    this.#letGo(version);
    configuration.become(next);
    this.#writeFolder(before.directory, before.files, version.files, named);
    this.#problem = null;
    // Heartbeats tell it before the addresses change.
    this.#changed();
    const changed = differingFiles(before.files, version.files).join(', ') || 'nothing';
    log.add(
      'info',
      null,
      'FILES_APPLIED',
      `version ${String(version.number)} of the files is applied on ${next.self.name} (${changed}), by ${version.by} on ${version.host}`,
      { version: version.number },
    );
    // A host that never agreed to it, as it joined later, has to close its modules, too.
    const closes = isOtherArbiter(before.cluster, next.cluster) && this.inDoubt === null;
    try {
      await tellOthers();
      if (closes) await hold('the arbiter changes', null);
      await takeEffect(before);
      if (closes) await hold(null, null);
      await this.#doubt.end();
    } catch (error) {
      // It is applied all the same. Modules that were closed for another arbiter stay so.
      const message = `what runs could not be changed: ${messageOf(error)}; restart the agent`;
      log.add('error', null, 'FILES_NOT_IN_EFFECT', message);
    }
    await this.#look();
    this.#changed();
  }

  /** A failure after the new content took its place is none: whoever reads the file finds it. */
  #save(version: FileVersion): void {
    const { store } = this.#options;
    try {
      store.save(version);
    } catch (error) {
      if (store.read(version.number)?.hash !== version.hash) throw error;
    }
  }

  /** What cannot be written there is shown as a difference: the agent runs by the version all the same. */
  #writeFolder(directory: string, before: Files, after: Files, named: readonly string[] = []): void {
    const { log } = this.#options;
    try {
      for (const path of writeFolder(directory, before, after, named)) {
        log.add('warn', null, 'FILE_PUT_ASIDE', `what somebody had changed by hand and not applied is kept in ${path}`);
      }
    } catch (error) {
      log.add(
        'error',
        null,
        'FOLDER_NOT_WRITTEN',
        `the files in ${directory} are not those of the version: ${String(error)}`,
      );
    }
  }

  #asFound({ files, self }: Configuration): FileVersion {
    const at = new Date().toISOString();
    return {
      number: 0,
      hash: hashOfFiles(files),
      at,
      by: 'found in the folder',
      host: self.name,
      note: null,
      files,
    };
  }

  async #look(): Promise<void> {
    const { configuration, log } = this.#options;
    const { files } = configuration;
    const found = await readFolder(configuration.directory);
    // Another version has taken effect meanwhile, and part of what was read is of the one before: whoever made it so looks again.
    if (configuration.files !== files) return;
    const edited = differingFiles(files, found.files);
    const fresh = edited.filter((name) => !this.#edited.includes(name));
    if (edited.join() === this.#edited.join()) return;
    this.#edited = edited;
    for (const name of fresh) {
      log.add(
        'warn',
        null,
        'FILE_EDITED',
        `${name} in ${configuration.directory} differs from what ${configuration.self.name} runs by: \`understudy apply\` it, and all hosts run by it`,
      );
    }
    this.#changed();
  }

  #changed(): void {
    this.#told = null;
    this.#options.onChange();
  }
}

function entry(files: Files, name: string): [string, string][] {
  const text = files[name];
  return text === undefined ? [] : [[name, text]];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function problemOf(diagnostic: Diagnostic): LinkFileProblem {
  const { file, line, column, severity } = diagnostic;
  const text = formatDiagnostic(diagnostic);
  const message = text.slice(text.indexOf(`${severity}: `) + severity.length + 2);
  return { file: basename(file), line, column, severity, message };
}
