import type { RawData, WebSocket } from 'ws';
import { apiMethods, firstProblem, isRoleEnough, rpcCodes } from '../../schemas/apiMethods.ts';
import type { ApiMethod } from '../../schemas/apiMethods.ts';
import type { RpcRequest, RpcResponse } from '../../schemas/generated/api.ts';
import * as validators from '../../schemas/generated/apiValidators.js';
import type { Client } from '../security/clientTokens.ts';
import type { Audit } from './audit.ts';
import { auditedAnswer, auditedParameters, isAudited } from './audited.ts';
import { EventOutbox } from './eventOutbox.ts';
import type { Actor, AgentFacade } from './facade.ts';
import { configurationMethods } from './methods/configurationMethods.ts';
import { clusterMethods } from './methods/clusterMethods.ts';
import { hostMethods } from './methods/hostMethods.ts';
import { agentMethods } from './methods/agentMethods.ts';
import { logMethods } from './methods/logMethods.ts';
import type { MethodContext, MethodHandlers } from './methods/method.ts';
import { moduleMethods } from './methods/moduleMethods.ts';
import { sessionMethods } from './methods/sessionMethods.ts';
import { RefusedError, refuse } from './refusals.ts';

const handlers: MethodHandlers<ApiMethod> = {
  ...sessionMethods,
  ...clusterMethods,
  ...configurationMethods,
  ...moduleMethods,
  ...agentMethods,
  ...hostMethods,
  ...logMethods,
};

/** More bytes than this waiting to be read by a client end its session. */
const longestBacklog = 8 * 1024 * 1024;
const mostRequestsAtOnce = 32;
const mostBadMessages = 10;
/** WebSocket close codes, RFC 6455 section 7.4.1. */
const closeCodes = { goingAway: 1001, protocolError: 1002, binary: 1003, policy: 1008, overloaded: 1013 } as const;

export interface SessionOptions {
  readonly facade: AgentFacade;
  readonly client: Client;
  /** Address and port of the client. */
  readonly from: string;
  /** Whether the client's token is still good. */
  readonly isStillValid: () => boolean;
  readonly audit: Audit;
  /** Time until hello must have come, and between two pings (a client that misses one is gone); milliseconds. */
  readonly patienceMs: number;
  /** Failures of our own, for the log; clients are told only that something failed. */
  readonly internalError: (error: unknown) => void;
}

/** One client: hello first, then requests, and changes once it has subscribed. */
export class Session {
  readonly #socket: WebSocket;
  readonly #options: SessionOptions;
  readonly #actor: Actor;
  readonly #outbox: EventOutbox;
  readonly #helloTimer: NodeJS.Timeout;
  readonly #pingTimer: NodeJS.Timeout;
  #hasGreeted = false;
  #isAlive = true;
  #badMessages = 0;
  #underWay = 0;

  constructor(socket: WebSocket, options: SessionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#actor = { name: options.client.name, role: options.client.role, from: options.from };
    this.#outbox = new EventOutbox(
      (method, params, sent) => this.#write({ jsonrpc: '2.0', method, params }, sent),
      () => this.close(closeCodes.overloaded, 'too slow: log entries pile up'),
    );
    this.#helloTimer = setTimeout(
      () => this.close(closeCodes.policy, 'session.hello did not come'),
      options.patienceMs,
    );
    this.#pingTimer = setInterval(() => this.#ping(), options.patienceMs);
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('pong', () => (this.#isAlive = true));
    // ws closes the connection by itself after an error such as a message that is too long.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#end());
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
    this.#end();
  }

  #end(): void {
    clearTimeout(this.#helloTimer);
    clearInterval(this.#pingTimer);
    this.#outbox.close();
  }

  #ping(): void {
    if (!this.#options.isStillValid()) {
      this.close(closeCodes.policy, 'the token was revoked');
    } else if (this.#isAlive) {
      this.#isAlive = false;
      this.#socket.ping();
    } else {
      this.#socket.terminate();
    }
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (isBinary) {
      this.close(closeCodes.binary, 'messages are text');
      return;
    }
    let message: unknown;
    try {
      message = JSON.parse((data as Buffer).toString('utf8'));
    } catch {
      this.#refuseMessage(null, refuse('BAD_REQUEST', 'The message is no JSON.', undefined, rpcCodes.parse));
      return;
    }
    if (!validators.RpcRequest(message)) {
      const reason = `The message is no request of JSON-RPC 2.0: ${firstProblem(validators.RpcRequest)}.`;
      this.#refuseMessage(idOf(message), refuse('BAD_REQUEST', reason, undefined, rpcCodes.request));
      return;
    }
    const request = message as RpcRequest;
    if (request.id === undefined) {
      this.#refuseMessage(
        null,
        refuse(
          'BAD_REQUEST',
          `${request.method} needs an id: notifications go from the agent to its clients only.`,
          undefined,
          rpcCodes.request,
        ),
      );
      return;
    }
    void this.#answer(request.id, request);
  }

  /** Clients that keep sending nonsense are not talked to for ever. */
  #refuseMessage(id: number | null, refused: RefusedError): void {
    this.#reply({ jsonrpc: '2.0', id, error: refused.toRpcError() });
    this.#badMessages += 1;
    if (this.#badMessages >= mostBadMessages) this.close(closeCodes.policy, 'too many messages that are no requests');
  }

  async #answer(id: number, request: RpcRequest): Promise<void> {
    this.#underWay += 1;
    try {
      const result = await this.#call(request);
      this.#reply({ jsonrpc: '2.0', id, result });
    } catch (error) {
      if (error instanceof RefusedError) {
        this.#reply({ jsonrpc: '2.0', id, error: error.toRpcError() });
        if (error.refusal.code === 'PROTOCOL_VERSION') {
          this.close(closeCodes.policy, error.refusal.reason.slice(0, 120));
        }
      } else {
        this.#options.internalError(error);
        const failed = refuse(
          'FAILED',
          `The agent failed to carry out ${request.method}: its log says why.`,
          undefined,
          rpcCodes.internal,
        );
        this.#reply({ jsonrpc: '2.0', id, error: failed.toRpcError() });
      }
    } finally {
      this.#underWay -= 1;
    }
  }

  async #call(request: RpcRequest): Promise<object> {
    const method = this.#admit(request);
    const contract = apiMethods[method];
    const params: unknown = request.params ?? {};
    if (!contract.params(params)) {
      throw refuse(
        'BAD_REQUEST',
        `The parameters of ${method} are wrong: ${firstProblem(contract.params)}.`,
        undefined,
        rpcCodes.params,
      );
    }
    const context: MethodContext = { facade: this.#options.facade, actor: this.#actor, outbox: this.#outbox };
    // The table pairs each method with its own parameters; what they are is what was validated just now.
    const handle = handlers[method] as (params: unknown, context: MethodContext) => object | Promise<object>;
    const result = await this.#audited(method, params as object, () => {
      if (!isRoleEnough(this.#actor.role, contract.role)) {
        throw refuse(
          'ROLE_TOO_LOW',
          `${method} needs the role ${contract.role}; the token "${this.#actor.name}" has the role ${this.#actor.role}.`,
          {
            needed: contract.role,
            role: this.#actor.role,
          },
        );
      }
      return handle(params, context);
    });
    if (!contract.result(result)) {
      throw new Error(`The answer to ${method} does not match its schema: ${firstProblem(contract.result)}.`);
    }
    if (method === 'session.hello') {
      this.#hasGreeted = true;
      clearTimeout(this.#helloTimer);
    }
    return result;
  }

  /** Whether a request may be looked at, whatever it asks. */
  #admit(request: RpcRequest): ApiMethod {
    if (!this.#options.isStillValid()) {
      this.close(closeCodes.policy, 'the token was revoked');
      throw refuse('NOT_AUTHENTICATED', `The token "${this.#actor.name}" was revoked: ask for a new one.`);
    }
    if (!Object.hasOwn(apiMethods, request.method)) {
      const known = Object.keys(apiMethods).join(', ');
      throw refuse(
        'UNKNOWN_METHOD',
        `The agent does not know ${JSON.stringify(request.method)}: expected one of ${known}.`,
        undefined,
        rpcCodes.method,
      );
    }
    if (!this.#hasGreeted && request.method !== 'session.hello') {
      throw refuse('BAD_REQUEST', `session.hello comes first, found ${request.method}.`, undefined, rpcCodes.request);
    }
    if (this.#underWay > mostRequestsAtOnce) {
      throw refuse(
        'BUSY',
        `More than ${mostRequestsAtOnce} requests are under way on this connection: wait for their answers.`,
        { limit: mostRequestsAtOnce },
      );
    }
    return request.method as ApiMethod;
  }

  /** Commands leave a line in the audit log, whatever becomes of them; questions do not. */
  async #audited(method: ApiMethod, params: object, run: () => object | Promise<object>): Promise<object> {
    if (!isAudited(method, params)) return run();
    const started = performance.now();
    const entry = {
      who: this.#actor.name,
      role: this.#actor.role,
      from: this.#actor.from,
      what: method,
      parameters: auditedParameters(params),
    };
    const durationMs = (): number => Math.round(performance.now() - started);
    try {
      const result = await run();
      this.#options.audit({ ...entry, ...auditedAnswer(result), durationMs: durationMs() });
      return result;
    } catch (error) {
      const outcome = error instanceof RefusedError ? 'refused' : 'failed';
      const code = error instanceof RefusedError ? error.refusal.code : 'FAILED';
      const message = error instanceof Error ? error.message : String(error);
      this.#options.audit({ ...entry, outcome, code, message, durationMs: durationMs() });
      throw error;
    }
  }

  #reply(response: RpcResponse): void {
    this.#write(response, () => undefined);
  }

  #write(message: object, sent: () => void): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > longestBacklog) {
      this.#socket.terminate();
      return;
    }
    this.#socket.send(JSON.stringify(message), (error) => {
      if (error === undefined || error === null) sent();
    });
  }
}

function idOf(message: unknown): number | null {
  const id = typeof message === 'object' && message !== null && 'id' in message ? message.id : null;
  return typeof id === 'number' && Number.isSafeInteger(id) ? id : null;
}
