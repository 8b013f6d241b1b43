import type { IncomingMessage, ServerResponse } from 'node:http';
import { firstProblem } from '../../schemas/apiMethods.ts';
import type { EnrolParams, EnrolResult } from '../../schemas/generated/api.ts';
import * as validators from '../../schemas/generated/apiValidators.js';
import { SecurityError } from '../security/securityError.ts';
import type { Audit } from './audit.ts';
import type { AgentFacade } from './facade.ts';
import { renderMetrics } from './metrics.ts';

const longestBody = 64 * 1024;
/** Every wrong join token costs its sender this long. Milliseconds. */
const wrongTokenDelayMs = 300;

/** Certifies a host that joins. Rejects with a SecurityError whose message may be shown to it. */
export type Enrol = (params: EnrolParams) => Promise<EnrolResult>;

export interface PlainHttpOptions {
  readonly facade: AgentFacade;
  /** Null: this host cannot certify others, it does not hold the authority's key. */
  readonly enrol: Enrol | null;
  readonly audit: Audit;
  readonly internalError: (error: unknown) => void;
}

type Answer = { readonly status: number; readonly type?: string; readonly body: string };

/** Health checks, metrics and enrolment: what needs no WebSocket. Health and metrics are for anyone who reaches the port. */
export async function answerPlainHttp(
  request: IncomingMessage,
  response: ServerResponse,
  options: PlainHttpOptions,
): Promise<void> {
  let answer: Answer;
  try {
    answer = await route(request, options);
  } catch (error) {
    options.internalError(error);
    answer = { status: 500, body: 'The agent failed to answer: its log says why.\n' };
  }
  response.writeHead(answer.status, {
    'content-type': answer.type ?? 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // What is left of a body that was not read must not be taken for the next request.
    ...(answer.status >= 400 ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

async function route(request: IncomingMessage, options: PlainHttpOptions): Promise<Answer> {
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const { facade } = options;
  if (path === '/enrol') return request.method === 'POST' ? enrolHost(request, options) : wrongMethod('POST');
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (path === '/healthz') {
    return isRead
      ? { status: 200, body: `ok: agent ${facade.agentVersion} of ${facade.host} in ${facade.cluster}\n` }
      : wrongMethod('GET');
  }
  if (path === '/metrics') {
    return isRead
      ? {
          status: 200,
          type: 'text/plain; version=0.0.4; charset=utf-8',
          body: renderMetrics(facade.snapshot(), facade.eventCounts()),
        }
      : wrongMethod('GET');
  }
  if (path.startsWith('/ready/')) return isRead ? ready(path.slice('/ready/'.length), facade) : wrongMethod('GET');
  return {
    status: 404,
    body: 'There is /healthz, /ready/MODULE, /metrics, POST /enrol, and the API as a WebSocket on /.\n',
  };
}

function wrongMethod(allowed: string): Answer {
  return { status: 405, body: `Use ${allowed}.\n` };
}

function ready(name: string, facade: AgentFacade): Answer {
  const isKnown = facade.snapshot().modules.some((module) => module.name === name);
  if (!isKnown) return { status: 404, body: 'There is no such module.\n' };
  if (facade.isServing(name)) return { status: 200, body: `${name} is served by ${facade.host}\n` };
  return { status: 503, body: `${name} is not served by ${facade.host}\n` };
}

async function enrolHost(request: IncomingMessage, options: PlainHttpOptions): Promise<Answer> {
  const started = performance.now();
  const from = `${request.socket.remoteAddress ?? '?'}:${request.socket.remotePort ?? 0}`;
  if (options.enrol === null) {
    return { status: 409, body: 'This host cannot enrol others: ask the host that `understudy init` was run on.\n' };
  }
  let body: string | null;
  try {
    body = await readBody(request);
  } catch {
    // Whoever sent it has broken off; nobody reads the answer.
    return { status: 400, body: 'The request has no end.\n' };
  }
  if (body === null) return { status: 413, body: `The request is longer than ${longestBody} bytes.\n` };
  let params: unknown;
  try {
    params = JSON.parse(body);
  } catch {
    return { status: 400, body: 'The request is no JSON.\n' };
  }
  if (!validators.EnrolParams(params)) {
    return { status: 400, body: `The request is wrong: ${firstProblem(validators.EnrolParams)}.\n` };
  }
  const { host } = params as EnrolParams;
  const entry = { who: null, role: null, from, what: 'enrol', parameters: { host } };
  const durationMs = (): number => Math.round(performance.now() - started);
  try {
    const result = await options.enrol(params as EnrolParams);
    options.audit({ ...entry, outcome: 'done', code: null, message: `${host} has joined`, durationMs: durationMs() });
    return { status: 200, type: 'application/json', body: JSON.stringify(result) };
  } catch (error) {
    if (!(error instanceof SecurityError)) throw error;
    options.audit({ ...entry, outcome: 'refused', code: error.code, message: error.message, durationMs: durationMs() });
    await new Promise((resolve) => setTimeout(resolve, wrongTokenDelayMs));
    return { status: 403, body: `${error.message}\n` };
  }
}

async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > longestBody) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
