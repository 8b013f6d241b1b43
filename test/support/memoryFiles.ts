import type { AgentFacade, Outcome } from '../../agent/api/facade.ts';
import type { ApplyWish } from '../../agent/runtime/fileApply.ts';
import type { ApplyResult, ChangedFile, FileChange, FileProblem, VersionInfo } from '../../schemas/generated/api.ts';

type FileFacade = Pick<AgentFacade, 'applyFiles' | 'restoreFiles' | 'versions' | 'version'>;

/** The files of a cluster whose hosts all agree with everything but what `problems` says. */
export class MemoryFiles implements FileFacade {
  problems: FileProblem[] = [];
  /** Whether the texts of versions can be had. */
  isReadable = true;
  /** How often somebody asked for the texts of a version. */
  reads = 0;
  readonly #held: { readonly info: VersionInfo; readonly files: Readonly<Record<string, string>> }[] = [];

  constructor(files: Readonly<Record<string, string>> = {}) {
    this.#add(files, 'somebody', null, Object.keys(files));
  }

  /** Number of the version that counts. */
  get newest(): number {
    return this.#held.length - 1;
  }

  readonly applyFiles: FileFacade['applyFiles'] = (files, { note, dryRun, base }, by) =>
    Promise.resolve(this.#apply(files, by.name, { note, dryRun, base }));

  readonly restoreFiles: FileFacade['restoreFiles'] = (
    number,
    only,
    { dryRun, base },
    by,
  ): Promise<Outcome<ApplyResult>> => {
    const then = this.#held.find(({ info }) => info.number === number)?.files;
    if (!then) {
      return Promise.resolve({ ok: false, refusal: { code: 'BAD_REQUEST', reason: `version ${number} is not kept` } });
    }
    const names = only ?? Object.keys(then);
    const files = names.map((name) => ({ name, text: then[name] ?? null }));
    return Promise.resolve({
      ok: true,
      result: this.#apply(files, by.name, { note: `restored from version ${number}`, dryRun, base }),
    });
  };

  readonly versions: FileFacade['versions'] = () => [...this.#held].reverse().map(({ info }) => info);

  readonly version: FileFacade['version'] = (number) => {
    this.reads += 1;
    const held = this.isReadable ? this.#held.find(({ info }) => info.number === number) : undefined;
    return held ? { number, files: Object.entries(held.files).map(([name, text]) => ({ name, text })) } : null;
  };

  #apply(files: readonly ChangedFile[], by: string, { note, dryRun, base }: ApplyWish): ApplyResult {
    const number = this.#held.length - 1;
    const now = this.#held.at(-1)?.files ?? {};
    const changes = files
      .filter(({ name, text }) => now[name] !== text)
      .map(({ name: file, text }) => {
        const kind: FileChange['kind'] = text === null ? 'removed' : now[file] === undefined ? 'added' : 'changed';
        return { file, kind, keys: [{ key: 'checks', effect: 'now' }] } satisfies FileChange;
      });
    const problems = [...this.problems];
    if (base !== null && base !== number) {
      const message = `version ${number} was applied by ${this.#held.at(-1)?.info.by} meanwhile`;
      problems.push({ host: 'alpha', file: null, line: 1, column: 1, severity: 'error', message });
    }
    const common = { base: number, durationMs: 5, changes, problems };
    const isRefused = problems.some(({ severity }) => severity === 'error');
    if (isRefused || dryRun) {
      const message = isRefused ? 'nothing was applied on any host' : 'alpha, beta could run by these files';
      return { ...common, applied: false, version: null, message };
    }
    const texts = files.flatMap(({ name, text }) => (text === null ? [] : [[name, text]]));
    const next = { ...now, ...(Object.fromEntries(texts) as Record<string, string>) };
    const version = this.#add(
      next,
      by,
      note,
      changes.map(({ file }) => file),
    );
    return { ...common, applied: true, version, message: `version ${version} is applied on alpha, beta` };
  }

  #add(files: Readonly<Record<string, string>>, by: string, note: string | null, changed: string[]): number {
    const number = this.#held.length;
    const at = '2026-11-22T12:00:00.000Z';
    this.#held.push({ info: { number, at, by, host: 'alpha', note, files: Object.keys(files), changed }, files });
    return number;
  }
}
