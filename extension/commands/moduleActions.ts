import * as vscode from 'vscode';
import type { CommandResult } from '../../schemas/generated/api.ts';
import { messageOf, RefusedError } from '../client/errors.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import { setReached } from '../contextKeys.ts';
import { forceRisk, resolveEffect, startEffect } from '../model/actionEffects.ts';
import { allowedActions } from '../model/allowedActions.ts';
import { divergedReplica, heldBackReplica, linkFacts, moduleFacts, primaryReplica } from '../model/moduleFacts.ts';
import { clusterViewId } from '../tree/clusterTree.ts';

/** The person decided otherwise. */
export class CancelledError extends Error {
  override readonly name = 'CancelledError';
  constructor() {
    super('Cancelled.');
  }
}

/** Starts a module after a confirmation. One that is held back for other modules is started all the same, when it is asked for again. */
export async function startModule(session: ClusterSession, module: string): Promise<CommandResult> {
  const held = heldBackReplica(session.store.module(module));
  if (held !== undefined) {
    await confirm(
      `Start module ${module} of cluster ${session.profile.name} all the same?`,
      `${held.host} holds it back: ${held.heldBack ?? ''}`,
      'Start Anyway',
    );
    return started(session, module, { anyway: true });
  }
  const status = session.store.module(module);
  await confirm(
    `Start module ${module} of cluster ${session.profile.name}?`,
    status === undefined
      ? 'The mirror starts on its hosts, then the server on one of them.'
      : startEffect(status).effect,
    'Start',
  );
  return started(session, module, {});
}

async function started(
  session: ClusterSession,
  module: string,
  how: { readonly anyway?: boolean },
): Promise<CommandResult> {
  const result = await run(session, `Starting ${module}`, () => session.request('module.start', { module, ...how }));
  setReached('hasStarted');
  return result;
}

/** Stops a module on both hosts after a confirmation. */
export async function stopModule(session: ClusterSession, module: string): Promise<CommandResult> {
  const status = session.store.module(module);
  const primary = status === undefined ? undefined : primaryReplica(status);
  await confirm(
    `Stop module ${module} of cluster ${session.profile.name}?`,
    primary === undefined
      ? `The module is stopped on ${status?.hosts.join(' and ') ?? 'both hosts'}.`
      : `The server on ${primary.host} is shut down, then the mirror on both hosts. ${module} is out of service until it is started again.`,
    'Stop',
  );
  return run(session, `Stopping ${module}`, () => session.request('module.stop', { module }));
}

/** Moves a module to its secondary after a confirmation. */
export async function switchover(session: ClusterSession, module: string): Promise<CommandResult> {
  const status = session.store.module(module);
  const link = status === undefined ? null : linkFacts(status);
  const facts =
    status === undefined ? undefined : allowedActions(status, session.role).find(({ name }) => name === 'switchover');
  const to = facts?.hosts[0];
  if (to === undefined) throw refused('NOT_HEALTHY', `${module} cannot be switched over. ${facts?.hint ?? ''}`);
  await confirm(
    `Switch module ${module} of cluster ${session.profile.name} over to ${to}?`,
    `The server is shut down on ${link?.from ?? 'the primary'} and started on ${to}. It is out of service in between; nothing is lost.`,
    'Switch Over',
  );
  const result = await run(session, `Switching ${module} over to ${to}`, () =>
    session.request('module.switchover', { module, to }),
  );
  setReached('hasSwitchedOver');
  return result;
}

/** Makes a replica primary that is not known to be in sync, after the module's name was typed. */
export async function forcePrimary(session: ClusterSession, module: string, wanted?: string): Promise<CommandResult> {
  const status = session.store.module(module);
  const facts =
    status === undefined ? undefined : allowedActions(status, session.role).find(({ name }) => name === 'forcePrimary');
  if (status === undefined || facts?.enabled !== true) {
    throw refused('NOT_FAILED', `No primary can be forced for ${module}. ${facts?.hint ?? ''}`);
  }
  const host = wanted ?? (await pickHost(facts.hosts, `Which host shall be primary of ${module}?`));
  const risk = forceRisk(status, host);
  const safe = status.inSync.length === 0 ? 'not known' : status.inSync.join(', ');
  await confirm(
    `Force ${host} to be primary of module ${module} of cluster ${session.profile.name}?`,
    [
      risk.effect,
      `Known to hold every acknowledged write: ${safe}.`,
      `State now: ${moduleFacts(status).word} ${moduleFacts(status).label.replace(/\.$/, '')}.`,
    ].join('\n\n'),
    'Continue…',
  );
  const typed = await vscode.window.showInputBox({
    title: `Force ${host} to be primary of ${module} (${session.profile.name})`,
    prompt: `Type ${module} to start it on ${host} ${risk.although}.`,
    placeHolder: module,
    ignoreFocusOut: true,
    validateInput: (value) => (value === module || value === '' ? null : `This is not "${module}".`),
  });
  if (typed !== module) throw new CancelledError();
  return run(session, `Forcing ${host} to be primary of ${module}`, () =>
    session.request('module.forcePrimary', { module, host, confirm: typed }),
  );
}

/** Chooses between two histories, after a question that names what happens to both. */
export async function resolveDivergence(
  session: ClusterSession,
  module: string,
  wanted?: string,
): Promise<CommandResult> {
  const status = session.store.module(module);
  if (status === undefined || divergedReplica(status) === undefined) {
    throw refused('NOT_DIVERGED', `${module} has not diverged: there is nothing to resolve.`);
  }
  const keep = wanted ?? (await pickHost(status.hosts, `Whose history of ${module} shall be kept?`));
  await confirm(
    `Keep the history of ${keep} for module ${module} of cluster ${session.profile.name}?`,
    resolveEffect(status, keep) ?? '',
    `Keep ${keep}`,
  );
  return run(session, `Resolving the divergence of ${module}`, () =>
    session.request('module.resolve', { module, keep, confirm: module }),
  );
}

/** Tells what came of an action that was called from the tree or the palette. A panel tells by itself, as long as it is shown. */
export async function announce(action: Promise<CommandResult>, log: vscode.LogOutputChannel): Promise<void> {
  try {
    tellSuccess(await action);
  } catch (error) {
    logFailure(error, log);
    tellFailure(error, log);
  }
}

/** Keeps in the log why an action failed. That the person decided otherwise is no failure. */
export function logFailure(error: unknown, log: vscode.LogOutputChannel): void {
  if (error instanceof CancelledError) return;
  log.warn(error instanceof RefusedError ? `refused: ${error.refusal.code}: ${error.message}` : messageOf(error));
}

/** Tells what an action did. */
export function tellSuccess({ message }: CommandResult): void {
  void vscode.window.showInformationMessage(message);
}

/** Tells why an action failed. */
export function tellFailure(error: unknown, log: vscode.LogOutputChannel): void {
  if (error instanceof CancelledError) return;
  void vscode.window.showErrorMessage(messageOf(error), 'Show Log').then((chosen) => {
    if (chosen === 'Show Log') log.show();
  });
}

/** Asks before something is done that changes something. */
export async function confirm(question: string, effect: string, verb: string): Promise<void> {
  const chosen = await vscode.window.showWarningMessage(question, { modal: true, detail: effect }, verb);
  if (chosen !== verb) throw new CancelledError();
}

async function pickHost(hosts: readonly string[], question: string): Promise<string> {
  // The question that follows names it anyway.
  if (hosts.length === 1 && hosts[0] !== undefined) return hosts[0];
  const host = await vscode.window.showQuickPick([...hosts], { placeHolder: question });
  if (host === undefined) throw new CancelledError();
  return host;
}

/** Shows progress in the view while the agent works. */
export async function run(
  session: ClusterSession,
  title: string,
  work: () => Promise<CommandResult>,
): Promise<CommandResult> {
  return vscode.window.withProgress(
    { location: { viewId: clusterViewId }, title: `${session.profile.name}: ${title}` },
    work,
  );
}

export function refused(code: 'NOT_HEALTHY' | 'NOT_FAILED' | 'NOT_DIVERGED', reason: string): RefusedError {
  return new RefusedError({ code, reason: reason.trim() });
}
