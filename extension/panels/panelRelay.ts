import type { LogOutputChannel } from 'vscode';
import { LogParams, ModuleParams, RpcRequest } from '../../schemas/generated/apiValidators.js';
import type {
  CommandResult,
  LogParams as LogParameters,
  LogResult,
  ModuleParams as ModuleParameters,
} from '../../schemas/generated/api.ts';
import type { RefusalCode, RpcError, RpcRequest as Request, RpcResponse } from '../../schemas/generated/api.ts';
import { messageOf, RefusedError } from '../client/errors.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import {
  CancelledError,
  forcePrimary,
  logFailure,
  resolveDivergence,
  startModule,
  stopModule,
  switchover,
  tellFailure,
  tellSuccess,
} from '../commands/moduleActions.ts';
import { paceResync, pauseResync, resumeResync } from '../commands/resyncActions.ts';
import { repairDifferences, startVerify, stopVerify } from '../commands/verifyActions.ts';

/** Same as the agents use for refusals. */
const refusalCode = -32_000;

/** What came of a request of a panel's page. */
export interface Relayed {
  readonly answer: RpcResponse;
  /** Tells the person outside of the page, when the page that asked is there no more. */
  readonly tell: () => void;
}

/**
 * Answers one JSON-RPC request of a panel's page. Only the methods below pass, only for the panel's own module, and what
 * changes something is confirmed by the person outside of the page first: a page cannot act by itself.
 *
 * @returns null when the message is no request
 */
export async function relay(
  message: unknown,
  session: ClusterSession | undefined,
  module: string,
  log: LogOutputChannel,
): Promise<Relayed | null> {
  if (!RpcRequest(message)) return null;
  const request = message as Request;
  if (request.id === undefined) return null;
  const answer = { jsonrpc: '2.0' as const, id: request.id };
  const isRead = request.method === 'log.read';
  try {
    if (session === undefined) throw new Error('The cluster of this module is no longer known to this editor.');
    if (isRead) return { answer: { ...answer, result: await readLog(request, session, module) }, tell: nothing };
    const result = await perform(request, session, module);
    return { answer: { ...answer, result }, tell: () => tellSuccess(result) };
  } catch (error) {
    logFailure(error, log);
    return { answer: { ...answer, error: errorOf(error) }, tell: isRead ? nothing : () => tellFailure(error, log) };
  }
}

/** Whoever shows the page again has it read anew. */
const nothing = (): void => undefined;

async function readLog(request: Request, session: ClusterSession, module: string): Promise<LogResult> {
  const params = request.params ?? {};
  if (!LogParams(params) || (params as LogParameters).module !== module) throw foreign();
  return session.request('log.read', params);
}

async function perform(request: Request, session: ClusterSession, module: string): Promise<CommandResult> {
  const params = request.params ?? {};
  // The page names the module only; whatever else a command needs is asked for outside of it.
  if (!ModuleParams(params) || (params as ModuleParameters).module !== module) throw foreign();
  switch (request.method) {
    case 'module.start':
      return startModule(session, module);
    case 'module.stop':
      return stopModule(session, module);
    case 'module.switchover':
      return switchover(session, module);
    case 'module.forcePrimary':
      return forcePrimary(session, module);
    case 'module.resolve':
      return resolveDivergence(session, module);
    case 'module.verify':
      return startVerify(session, module);
    case 'module.stopVerify':
      return stopVerify(session, module);
    case 'module.repair':
      return repairDifferences(session, module);
    case 'module.pauseResync':
      return pauseResync(session, module);
    case 'module.resumeResync':
      return resumeResync(session, module);
    case 'module.paceResync':
      return paceResync(session, module);
    default:
      throw refusal('UNKNOWN_METHOD', `The panel may not call ${request.method}.`);
  }
}

function foreign(): RefusedError {
  return refusal('BAD_REQUEST', 'A panel may only act on its own module.');
}

function refusal(code: RefusalCode, reason: string): RefusedError {
  return new RefusedError({ code, reason });
}

function errorOf(error: unknown): RpcError {
  if (error instanceof RefusedError) return { code: refusalCode, message: error.message, data: error.refusal };
  const code: RefusalCode = error instanceof CancelledError ? 'CONFIRMATION' : 'FAILED';
  return { code: refusalCode, message: messageOf(error), data: { code, reason: messageOf(error) } };
}
