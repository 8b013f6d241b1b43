import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { RawData } from 'ws';
import { apiMethods, firstProblem } from '../../schemas/apiMethods.ts';
import type { ApiMethod, ApiMethods } from '../../schemas/apiMethods.ts';
import type { ChangedEvent, HelloResult, LogEvent, RpcRequest, RpcResponse } from '../../schemas/generated/api.ts';
import * as validators from '../../schemas/generated/apiValidators.js';
import { apiProtocolVersion } from '../../schemas/protocolVersion.ts';
import { explainTlsError } from '../security/tlsOptions.ts';
import { RefusedByAgentError, TimedOutError, UnreachableError } from './clientErrors.ts';

export interface ApiClientOptions {
  /** IP address or name. */
  readonly host: string;
  readonly port: number;
  readonly token: string;
  /** Certificate of the cluster's authority, PEM: nobody else is believed. Null: no TLS (loopback only). */
  readonly authority: string | null;
  /** Program and version, for the agent's log. */
  readonly client: string;
  /** For connecting and for hello; milliseconds. */
  readonly connectTimeoutMs?: number;
}

const defaultConnectTimeoutMs = 5000;
/** An agent pings every ten seconds; a connection that is silent for longer than this is dead. */
const silenceMs = 30_000;
/** Longest message taken from an agent, bytes. */
const longestMessage = 16 * 1024 * 1024;

interface Pending {
  readonly method: ApiMethod;
  readonly resolve: (result: object) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout | null;
}

export interface ApiClientEvents {
  readonly changed?: (event: ChangedEvent) => void;
  readonly log?: (event: LogEvent) => void;
  /** Once, when the connection ends other than by `close`. */
  readonly lost?: (error: Error) => void;
}

/** A connection to an agent's API, every message of both directions checked against its schema. */
export class ApiClient {
  readonly #socket: WebSocket;
  readonly #where: string;
  readonly #events: ApiClientEvents;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #silence: NodeJS.Timeout | null = null;
  #end: Error | null = null;
  #hello: HelloResult | null = null;

  private constructor(socket: WebSocket, where: string, events: ApiClientEvents) {
    this.#socket = socket;
    this.#where = where;
    this.#events = events;
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('ping', () => this.#heard());
    socket.on('error', (error) =>
      this.#finish(new UnreachableError(`The connection to ${where} failed: ${error.message}`)),
    );
    socket.on('close', (_code, reason) => {
      const why = reason.length > 0 ? `: ${reason.toString('utf8')}` : '';
      this.#finish(new UnreachableError(`${where} has closed the connection${why}.`));
    });
    this.#heard();
  }

  /**
   * Connects and greets.
   * @throws UnreachableError, TimedOutError, or RefusedByAgentError (another protocol version).
   */
  static async connect(options: ApiClientOptions, events: ApiClientEvents = {}): Promise<ApiClient> {
    const where = `the agent at ${options.host}:${options.port}`;
    const timeoutMs = options.connectTimeoutMs ?? defaultConnectTimeoutMs;
    const socket = await open(options, where, timeoutMs);
    const client = new ApiClient(socket, where, events);
    try {
      client.#hello = await client.call(
        'session.hello',
        { protocolVersion: apiProtocolVersion, client: options.client },
        timeoutMs,
      );
    } catch (error) {
      client.close();
      throw error;
    }
    return client;
  }

  /** What the agent said of itself. */
  get hello(): HelloResult {
    if (this.#hello === null) throw new Error('The agent has not been greeted yet.');
    return this.#hello;
  }

  /** @param timeoutMs null: as long as it takes. @throws RefusedByAgentError, TimedOutError, UnreachableError */
  call<Method extends ApiMethod>(
    method: Method,
    params: ApiMethods[Method]['params'],
    timeoutMs: number | null = 30_000,
  ): Promise<ApiMethods[Method]['result']> {
    const contract = apiMethods[method];
    if (!contract.params(params)) {
      return Promise.reject(
        new RefusedByAgentError({
          code: 'BAD_REQUEST',
          reason: `The parameters of ${method} are wrong: ${firstProblem(contract.params)}.`,
        }),
      );
    }
    if (this.#end !== null) return Promise.reject(this.#end);
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise<object>((resolve, reject) => {
      const timer =
        timeoutMs === null
          ? null
          : setTimeout(() => {
              this.#pending.delete(id);
              reject(new TimedOutError(`${this.#where} did not answer ${method} within ${timeoutMs / 1000} s.`));
            }, timeoutMs);
      this.#pending.set(id, { method, resolve, reject, timer });
      this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
      // The answer has been checked against the schema that this type is made from.
    }) as Promise<ApiMethods[Method]['result']>;
  }

  close(): void {
    this.#end ??= new UnreachableError('The connection was closed.');
    this.#settle(this.#end);
    this.#socket.close(1000);
    // A peer that is gone never answers the close; nobody waits for it.
    setTimeout(() => this.#socket.terminate(), 500).unref();
  }

  #heard(): void {
    if (this.#silence === null) {
      this.#silence = setTimeout(() => {
        this.#finish(new UnreachableError(`${this.#where} has been silent for ${silenceMs / 1000} s.`));
        this.#socket.terminate();
      }, silenceMs).unref();
    } else {
      this.#silence.refresh();
    }
  }

  #finish(error: Error): void {
    if (this.#end !== null) return;
    this.#end = error;
    this.#settle(error);
    this.#events.lost?.(error);
  }

  #settle(error: Error): void {
    if (this.#silence !== null) clearTimeout(this.#silence);
    for (const pending of this.#pending.values()) {
      if (pending.timer !== null) clearTimeout(pending.timer);
      pending.reject(error);
    }
    this.#pending.clear();
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#heard();
    let message: unknown = null;
    try {
      message = isBinary ? null : JSON.parse((data as Buffer).toString('utf8'));
    } catch {
      message = null;
    }
    if (validators.RpcResponse(message)) this.#settleResponse(message as RpcResponse);
    else if (validators.RpcRequest(message)) this.#notify(message as RpcRequest);
    else this.#break('a message that is no JSON-RPC 2.0');
  }

  #settleResponse(response: RpcResponse): void {
    const pending = response.id === null ? undefined : this.#pending.get(response.id);
    if (pending === undefined || response.id === null) return;
    this.#pending.delete(response.id);
    if (pending.timer !== null) clearTimeout(pending.timer);
    if (response.error !== undefined) {
      pending.reject(
        new RefusedByAgentError(response.error.data ?? { code: 'FAILED', reason: response.error.message }),
      );
      return;
    }
    const contract = apiMethods[pending.method];
    const result = response.result ?? null;
    if (contract.result(result)) pending.resolve(result as object);
    else {
      pending.reject(
        new UnreachableError(
          `${this.#where} gave a wrong answer to ${pending.method} (${firstProblem(contract.result)}): is it of another version?`,
        ),
      );
    }
  }

  #notify(request: RpcRequest): void {
    const params = request.params ?? {};
    if (request.method === 'cluster.changed' && validators.ChangedEvent(params)) {
      this.#events.changed?.(params as ChangedEvent);
    } else if (request.method === 'log.appended' && validators.LogEvent(params)) this.#events.log?.(params as LogEvent);
    else this.#break(`a wrong notification ${request.method}`);
  }

  #break(what: string): void {
    this.#finish(new UnreachableError(`${this.#where} has sent ${what}: is it of another version?`));
    this.#socket.close(1002);
  }
}

function open(options: ApiClientOptions, where: string, timeoutMs: number): Promise<WebSocket> {
  const name = options.host.includes(':') ? `[${options.host}]` : options.host;
  const socket = new WebSocket(`${options.authority === null ? 'ws' : 'wss'}://${name}:${options.port}/`, {
    headers: { authorization: `Bearer ${options.token}` },
    perMessageDeflate: false,
    maxPayload: longestMessage,
    handshakeTimeout: timeoutMs,
    ...(options.authority === null ? {} : { ca: [options.authority], rejectUnauthorized: true }),
  });
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      socket.removeAllListeners();
      resolve(socket);
    });
    socket.once('unexpected-response', (request, response) => {
      void readText(response).then((text) => {
        request.destroy();
        reject(
          new UnreachableError(
            text.trim() === ''
              ? `${where} refused the connection with HTTP status ${response.statusCode ?? '?'}.`
              : text.trim(),
          ),
        );
      });
    });
    socket.once('error', (error) => reject(explainConnectError(error, where, timeoutMs)));
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = '';
  try {
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
      text += chunk;
      if (text.length > 4096) break;
    }
  } catch {
    // What has come is enough for an error message.
  }
  return text.slice(0, 4096);
}

function explainConnectError(error: Error, where: string, timeoutMs: number): Error {
  const code = 'code' in error ? String(error.code) : '';
  const cause = { cause: error };
  if (error.message.includes('handshake has timed out')) {
    return new TimedOutError(`${where} did not answer within ${timeoutMs / 1000} s.`, cause);
  }
  switch (code) {
    case 'ECONNREFUSED':
      return new UnreachableError(`Nothing listens at ${where}: is the agent running? (\`understudy agent\`)`, cause);
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return new UnreachableError(`There is no way to ${where}: check the network and the address.`, cause);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new UnreachableError(`The name in ${where} is not known: check the address.`, cause);
    case 'ECONNRESET':
      return new UnreachableError(`${where} closed the connection before it was open: is the port an agent's?`, cause);
    default:
      return new UnreachableError(explainTlsError(error, where), cause);
  }
}
