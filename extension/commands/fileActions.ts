import * as vscode from 'vscode';
import type { ApplyResult, CommandResult } from '../../schemas/generated/api.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import { RefusedError } from '../client/errors.ts';
import { setReached } from '../contextKeys.ts';
import { kindOfFile } from '../../schemas/document.ts';
import { changeWords, problemWords } from '../model/fileChanges.ts';
import { clusterViewId } from '../tree/clusterTree.ts';
import { confirm } from './moduleActions.ts';

/** Asks every host, then the person with what it would change, and applies. */
export async function applyFile(session: ClusterSession, name: string, text: string): Promise<CommandResult> {
  const files = [{ name, text }];
  const planned = await working(session, `Checking ${name} on all hosts`, () =>
    session.request('configuration.apply', { files, dryRun: true }),
  );
  refuseProblems(name, planned);
  await confirm(
    `Apply ${name} to all hosts of cluster ${session.profile.name}?`,
    `${changeWords(planned)}\n\nModules go on running; nothing is resynchronised.`,
    'Apply',
  );
  const result = await working(session, `Applying ${name}`, () =>
    session.request('configuration.apply', { files, base: planned.base }),
  );
  refuseProblems(name, result);
  setReached('hasApplied');
  // Written by hand, perhaps.
  if (kindOfFile(name) === 'module') setReached('hasWrittenModule');
  return result;
}

/** Asks with the names of version and files, and applies what they held. @param files null: all of them */
export async function restoreVersion(
  session: ClusterSession,
  number: number,
  files: readonly string[] | null,
): Promise<CommandResult> {
  const params = { number, ...(files !== null && { files: [...files] }) };
  const what = `version ${String(number)}`;
  const planned = await working(session, `Checking ${what} on all hosts`, () =>
    session.request('configuration.restore', { ...params, dryRun: true }),
  );
  refuseProblems(what, planned);
  const modules = planned.changes.map(({ file }) => file).join(', ') || (files ?? ['all files']).join(', ');
  await confirm(
    `Restore ${modules} of cluster ${session.profile.name} to version ${String(number)}?`,
    `${changeWords(planned)}\n\nWhat runs now stays a version, too.`,
    'Restore',
  );
  const result = await working(session, `Restoring ${what}`, () =>
    session.request('configuration.restore', { ...params, base: planned.base, confirm: number }),
  );
  refuseProblems(what, result);
  return result;
}

function refuseProblems(what: string, { problems }: ApplyResult): void {
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return;
  throw new RefusedError({
    code: 'FAILED',
    reason: `${what} is not applied on any host. ${problemWords(errors).join(' · ')}`,
  });
}

function working(session: ClusterSession, title: string, work: () => Promise<ApplyResult>): Promise<ApplyResult> {
  const progress = { location: { viewId: clusterViewId }, title: `${session.profile.name}: ${title}` };
  return Promise.resolve(vscode.window.withProgress(progress, work));
}
