import type { RawData, WebSocket } from 'ws';
import { apiMethods, firstProblem } from '../../schemas/apiMethods.ts';
import type { ApiMethod, ApiMethods } from '../../schemas/apiMethods.ts';
import { RpcRequest, RpcResponse } from '../../schemas/generated/apiValidators.js';
import type { RpcRequest as Request, RpcResponse as Response } from '../../schemas/generated/api.ts';
import { formatAddress } from './address.ts';
import type { AgentAddress } from './address.ts';
import { connectPinned } from './certificates.ts';
import type { Pin } from './certificates.ts';
import { Emitter } from './emitter.ts';
import { ConnectionLostError, ProtocolError, RefusedError, RequestTimeoutError, TokenError } from './errors.ts';
import { isCommand, notifications, timeoutOf } from './methods.ts';
import type { NotificationName, Notifications } from './methods.ts';

/** Largest message that is taken from an agent, in bytes. */
const maxPayload = 4 << 20;
const handshakeTimeout = 5000;
const doubt = 'Whether it was carried out is not known: look at the state before you repeat it.';

export interface OpenOptions {
  readonly address: AgentAddress;
  readonly pin: Pin;
  readonly token: string;
  /** File that the token is from; without, a person has entered it. */
  readonly tokenFile?: string | null;
  readonly signal?: AbortSignal;
}

/** A notification, with the name that tells its type. */
export type Notification = {
  [N in NotificationName]: { readonly method: N; readonly params: Notifications[N] };
}[NotificationName];

interface Pending {
  readonly method: ApiMethod;
  readonly resolve: (result: object) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * One WebSocket to one agent: JSON-RPC 2.0, every message checked against the API's schemas in both directions.
 * It ends once and does not come back: see AgentConnection for that.
 */
export class RpcConnection {
  readonly onNotification = new Emitter<Notification>();
  /** Emitted once, with the reason. */
  readonly onClosed = new Emitter<Error>();
  readonly #pending = new Map<number, Pending>();
  readonly #socket: WebSocket;
  readonly #where: string;
  #nextId = 1;
  #ended: Error | null = null;
  #pingTimer: NodeJS.Timeout | null = null;
  #pongTimer: NodeJS.Timeout | null = null;

  private constructor(socket: WebSocket, address: AgentAddress) {
    this.#socket = socket;
    this.#where = formatAddress(address);
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('error', (error) => this.#end(new ConnectionLostError(`${this.#where}: ${error.message}.`)));
    socket.on('close', (code, reason) => {
      const why = reason.length > 0 ? reason.toString('utf8') : `code ${code}`;
      this.#end(new ConnectionLostError(`${this.#where} closed the connection (${why}).`));
    });
    socket.on('pong', () => this.#pong());
  }

  /**
   * Connects, checks the pinned certificate, and only then shows the token.
   *
   * @throws CertificateError, TokenError, or an Error that says what is in the way
   */
  static async open(options: OpenOptions): Promise<RpcConnection> {
    // Loaded with the first connection: nothing of it is needed before.
    const { WebSocket: Socket } = await import('ws');
    const tls = await connectPinned(options.address, options.pin, options.signal);
    const where = formatAddress(options.address);
    return new Promise((resolve, reject) => {
      // The checked connection and no other: the scheme for local sockets keeps an editor's proxy settings, which replace the
      // connection of every other request, out of the way.
      const socket = new Socket('ws+unix:/pinned:/', {
        createConnection: () => tls,
        headers: { host: where, authorization: `Bearer ${options.token}` },
        perMessageDeflate: false,
        followRedirects: false,
        maxPayload,
        handshakeTimeout,
      });
      const abort = (): void => socket.terminate();
      options.signal?.addEventListener('abort', abort, { once: true });
      socket.once('unexpected-response', (_request, response) => {
        const status = response.statusCode ?? 0;
        reject(
          status === 401 || status === 403
            ? new TokenError(
                `${where} does not take the token. Make a new one on a host, carry it over to the others with "understudy token create --from", and ${options.tokenFile ? `write it into ${options.tokenFile}, then reconnect` : 'enter it here'}.`,
              )
            : new Error(`${where} answered with HTTP status ${status}: is it an agent?`),
        );
        socket.terminate();
      });
      socket.once('error', (error) => reject(new Error(`${where}: ${error.message}`, { cause: error })));
      socket.once('close', () => reject(new Error(`${where} closed the connection.`)));
      socket.once('open', () => {
        options.signal?.removeEventListener('abort', abort);
        resolve(new RpcConnection(socket, options.address));
      });
    });
  }

  /**
   * Sends a request and resolves with its checked result.
   *
   * @throws RefusedError when the agent says no; RequestTimeoutError, ConnectionLostError or ProtocolError otherwise
   */
  request<M extends ApiMethod>(method: M, params: ApiMethods[M]['params']): Promise<ApiMethods[M]['result']> {
    const facts = apiMethods[method];
    if (!facts.params(params)) {
      return Promise.reject(new ProtocolError(`${method}: ${firstProblem(facts.params)}`));
    }
    if (this.#ended !== null) return Promise.reject(new ConnectionLostError(`Not connected to ${this.#where}.`));
    const id = this.#nextId++;
    const timeout = timeoutOf(method);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        const what = `${this.#where} did not answer ${method} within ${timeout / 1000} s.`;
        reject(new RequestTimeoutError(isCommand(method) ? `${what} ${doubt}` : what));
      }, timeout);
      // #answered has checked the result against this method's schema.
      this.#pending.set(id, { method, resolve: (result) => resolve(result as ApiMethods[M]['result']), reject, timer });
      const message: Request = { jsonrpc: '2.0', id, method, params: { ...params } };
      this.#socket.send(JSON.stringify(message));
    });
  }

  /**
   * Asks the agent for a sign of life every `interval` milliseconds and ends the connection when none comes within `timeout`.
   * An interval of 0 stops asking.
   */
  keepAlive(interval: number, timeout: number): void {
    if (this.#pingTimer !== null) clearInterval(this.#pingTimer);
    this.#pingTimer = null;
    if (interval === 0 || this.#ended !== null) return;
    const ping = (): void => {
      this.#socket.ping();
      this.#pongTimer ??= setTimeout(() => {
        this.#end(new ConnectionLostError(`${this.#where} gave no sign of life for ${timeout / 1000} s.`));
      }, timeout);
    };
    this.#pingTimer = setInterval(ping, interval);
    ping();
  }

  /** Why it has ended; null: it has not. */
  get ended(): Error | null {
    return this.#ended;
  }

  close(): void {
    this.#end(new ConnectionLostError('Closed.'));
  }

  #pong(): void {
    if (this.#pongTimer !== null) clearTimeout(this.#pongTimer);
    this.#pongTimer = null;
  }

  #receive(data: RawData, isBinary: boolean): void {
    // Whatever arrives is a sign of life.
    this.#pong();
    try {
      if (isBinary) throw new ProtocolError('a binary message');
      const bytes = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer);
      const message: unknown = JSON.parse(bytes.toString('utf8'));
      if (RpcRequest(message)) this.#notified(message as Request);
      else if (RpcResponse(message)) this.#answered(message as Response);
      else throw new ProtocolError(firstProblem(RpcResponse));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#end(new ProtocolError(`${this.#where} sent a message that this version does not understand: ${why}`));
    }
  }

  #notified(message: Request): void {
    if (!(message.method in notifications)) return; // Of a newer agent: nothing that this version could show.
    const method = message.method as NotificationName;
    const validator = notifications[method];
    if (!validator(message.params)) throw new ProtocolError(`${method}: ${firstProblem(validator)}`);
    this.onNotification.emit({ method, params: message.params } as unknown as Notification);
  }

  #answered(message: Response): void {
    const pending = message.id === null ? undefined : this.#pending.get(message.id);
    if (pending === undefined || message.id === null) {
      if (message.id === null && message.error) throw new ProtocolError(message.error.message);
      return; // The answer to a request that was given up.
    }
    this.#pending.delete(message.id);
    clearTimeout(pending.timer);
    if (message.error) {
      const refusal = message.error.data ?? { code: 'FAILED' as const, reason: message.error.message };
      pending.reject(new RefusedError(refusal));
      return;
    }
    const validator = apiMethods[pending.method].result;
    if (validator(message.result)) pending.resolve(message.result as object);
    else pending.reject(new ProtocolError(`${this.#where}, ${pending.method}: ${firstProblem(validator)}`));
  }

  #end(reason: Error): void {
    if (this.#ended !== null) return;
    this.#ended = reason;
    if (this.#pingTimer !== null) clearInterval(this.#pingTimer);
    this.#pong();
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(
        isCommand(pending.method) ? new ConnectionLostError(`${reason.message} ${doubt}`, { cause: reason }) : reason,
      );
    }
    this.#pending.clear();
    // A peer that is gone would never answer the closing handshake.
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.close(1000);
    const force = setTimeout(() => this.#socket.terminate(), 1000);
    this.#socket.once('close', () => clearTimeout(force));
    force.unref();
    this.onClosed.emit(reason);
    this.onClosed.dispose();
    this.onNotification.dispose();
  }
}
