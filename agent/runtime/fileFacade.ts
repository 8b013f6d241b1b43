import type { ApplyResult, VersionInfo } from '../../schemas/generated/api.ts';
import type { Actor, AgentFacade } from '../api/facade.ts';
import { differingFiles, type FileVersion, type Files } from '../config/versions.ts';
import type { ApplyWish, ChangedFile, FileApply } from './fileApply.ts';
import type { EventLog } from './eventLog.ts';
import type { HostFiles } from './hostFiles.ts';

interface Parts {
  readonly files: HostFiles;
  readonly fileApply: FileApply;
  readonly store: { readonly all: () => readonly FileVersion[] };
  readonly log: EventLog;
}

type FileFacade = Pick<AgentFacade, 'applyFiles' | 'restoreFiles' | 'versions' | 'version'>;

/** What the API offers of the cluster and module files. */
export function fileFacade({ files, fileApply, store, log }: Parts): FileFacade {
  const apply = async (changed: readonly ChangedFile[], wish: ApplyWish, by: Actor): Promise<ApplyResult> => {
    const who = `${by.name} (${by.role}) from ${by.from}`;
    const names = changed.map(({ name }) => name).join(', ');
    const { dryRun } = wish;
    if (!dryRun) log.add('info', null, 'COMMAND', `apply ${names}, asked by ${who}`);
    const result = await fileApply.apply(changed, who, wish);
    if (dryRun) return result;
    const [first] = result.problems.filter(({ severity }) => severity === 'error');
    const why = first ? `: ${first.host}: ${first.message}` : '';
    log.add(
      first ? 'warn' : 'info',
      null,
      first ? 'COMMAND_REFUSED' : 'COMMAND_DONE',
      `apply: ${result.message}${why}`,
      { durationMs: result.durationMs },
    );
    return result;
  };
  return {
    applyFiles: apply,
    restoreFiles: async (number, only, { dryRun, base }, by) => {
      const held = store.all().find((each) => each.number === number);
      if (!held) {
        const kept =
          store
            .all()
            .map((each) => each.number)
            .join(', ') || 'none';
        const reason = `version ${String(number)} is not kept; kept are ${kept}`;
        return { ok: false, refusal: { code: 'BAD_REQUEST', reason, numbers: {} } };
      }
      const unknown = only?.find((name) => held.files[name] === undefined && files.files[name] === undefined);
      if (unknown !== undefined) {
        const reason = `there is no ${unknown} in version ${String(number)}: it holds ${Object.keys(held.files).join(', ')}`;
        return { ok: false, refusal: { code: 'BAD_REQUEST', reason, numbers: {} } };
      }
      const changed = changeTo(files.files, held.files, only);
      const note = `restored from version ${String(number)}`;
      return { ok: true, result: await apply(changed, { note, dryRun, base }, by) };
    },
    versions: () => infos(store.all(), files),
    version: (number) => {
      const held = number === files.number ? files : store.all().find((each) => each.number === number);
      if (!held) return null;
      return { number, files: Object.entries(held.files).map(([name, text]) => ({ name, text })) };
    },
  };
}

/** All files of the version are named, those that are the same as well: what was changed by hand on a host is replaced. */
function changeTo(now: Files, then: Files, only: readonly string[] | null): ChangedFile[] {
  const names = only ?? [...new Set([...Object.keys(now), ...Object.keys(then)])];
  return names.map((name) => ({ name, text: then[name] ?? null }));
}

function infos(versions: readonly FileVersion[], now: Pick<HostFiles, 'number' | 'files'>): VersionInfo[] {
  if (versions.length === 0) {
    const names = Object.keys(now.files);
    return [
      { number: now.number, at: '', by: 'found in the folder', host: '', note: null, files: names, changed: names },
    ];
  }
  return versions.map(({ number, at, by, host, note, files }, index) => ({
    number,
    at,
    by,
    host,
    note,
    files: Object.keys(files),
    changed: [...differingFiles(versions[index + 1]?.files ?? {}, files)],
  }));
}
