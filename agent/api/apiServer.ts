import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { longestRequest } from '../../schemas/apiMethods.ts';
import { apiServerOptions } from '../security/tlsOptions.ts';
import type { Client, ClientTokens } from '../security/clientTokens.ts';
import type { Identity } from '../security/identity.ts';
import { ApiListeners } from './apiListeners.ts';
import type { Audit } from './audit.ts';
import type { AgentFacade } from './facade.ts';
import { answerPlainHttp } from './plainHttp.ts';
import type { Enrol } from './plainHttp.ts';
import { Session } from './session.ts';

/** Milliseconds that a wrong token costs its sender, and how many may wait for their refusal at the same time. */
const wrongTokenDelayMs = 300;
const mostWaitingRefusals = 64;
const mostSessions = 256;
const defaultPatienceMs = 10_000;
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 30_000;
/** What clients have to take their leave when the agent stops, milliseconds. One that is gone never does. */
const farewellMs = 500;

type ApiIdentity = Pick<Identity, 'certificate' | 'key' | 'authority'>;

export interface ApiServerOptions {
  readonly facade: AgentFacade;
  readonly tokens: Pick<ClientTokens, 'authenticate'>;
  /** IP addresses; see `listenAddresses` of the configuration. */
  readonly listen: readonly string[];
  /** 0: any free one (tests). */
  readonly port: number;
  /** Null: no TLS, only for addresses of the loopback interface. */
  readonly identity: ApiIdentity | null;
  readonly enrol: Enrol | null;
  readonly audit: Audit;
  /** Whether this address may make another connection, each of which costs this host more than it costs the other end. */
  readonly admits?: (address: string) => boolean;
  /** Failures of our own, for the log. */
  readonly internalError: (error: unknown) => void;
  /** See SessionOptions; default ten seconds. */
  readonly patienceMs?: number;
  /** An address that is not there yet, for the log; it is tried again until it is. */
  readonly warn: (message: string) => void;
}

export interface ApiServer {
  /** Where it listens now. */
  addresses(): readonly { readonly address: string; readonly port: number }[];
  /** Connections from now on are shown this certificate; without TLS it makes no difference. */
  renew(identity: ApiIdentity): void;
  /** Listens on these addresses from now on, as {@link startApiServer} does. @throws ApiListenError when one cannot be; the others are */
  change(addresses: readonly string[]): Promise<void>;
  /** Ends all sessions and frees the ports. */
  close(): Promise<void>;
}

/**
 * Starts the API on all of its addresses, or on none. An address that the host does not have yet (a network that comes up later) is the
 * exception: it is added when it appears.
 * @throws ApiListenError
 */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { identity, port, warn, internalError } = options;
  const gate = new Gate(options);
  const listeners = new ApiListeners({
    port,
    hasTls: identity !== null,
    createServer: () => gate.createServer(),
    warn,
    internalError,
  });
  const close = async (): Promise<void> => {
    gate.close();
    await listeners.close();
  };
  try {
    await listeners.change(options.listen);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    addresses: () => listeners.bound(),
    renew: (renewed) => {
      gate.renew(renewed);
      for (const server of listeners.servers()) {
        if (server instanceof HttpsServer) server.setSecureContext(apiServerOptions(renewed));
      }
    },
    change: (addresses) => listeners.change(addresses),
    close,
  };
}

/** Who gets in: HTTP requests, and WebSockets with a token. */
class Gate {
  readonly #options: ApiServerOptions;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: longestRequest,
    perMessageDeflate: false,
    clientTracking: false,
  });
  readonly #sessions = new Set<Session>();
  readonly #connections = new Set<Socket>();
  #waitingRefusals = 0;
  #identity: ApiIdentity | null;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#identity = options.identity;
  }

  renew(identity: ApiIdentity): void {
    if (this.#identity !== null) this.#identity = identity;
  }

  createServer(): HttpServer {
    const identity = this.#identity;
    const onRequest: RequestListener = (request, response) => void answerPlainHttp(request, response, this.#options);
    const server =
      identity === null ? createHttpServer(onRequest) : createHttpsServer(apiServerOptions(identity), onRequest);
    server.headersTimeout = headersTimeoutMs;
    server.requestTimeout = requestTimeoutMs;
    server.on('connection', (socket: Socket) => {
      // Before anything of the handshake is read.
      if (this.#options.admits?.(socket.remoteAddress ?? '') === false) {
        socket.destroy();
        return;
      }
      this.#connections.add(socket);
      socket.on('close', () => this.#connections.delete(socket));
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket as Socket, head),
    );
    // A client that goes away in the middle of a handshake is no news.
    server.on('tlsClientError', () => undefined);
    server.on('clientError', (_error, socket) => socket.destroy());
    return server;
  }

  close(): void {
    for (const session of this.#sessions) session.close(1001, 'the agent stops');
    this.#sessions.clear();
    this.#sockets.close();
    setTimeout(() => {
      for (const socket of this.#connections) socket.destroy();
    }, farewellMs).unref();
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const from = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    const token = /^Bearer ([\w-]{1,256})$/i.exec(request.headers.authorization ?? '')?.[1];
    let client: Client | null = null;
    try {
      client = token === undefined ? null : this.#options.tokens.authenticate(token);
    } catch (error) {
      // The file of tokens is damaged or open to others: nobody gets in, and the log says why.
      this.#options.internalError(error);
      answerAndClose(socket, 503, 'The agent cannot check tokens: its log says why.');
      return;
    }
    if (token === undefined || client === null) {
      const reason =
        token === undefined
          ? 'no token in the Authorization header'
          : 'the token is not known here: make one with `understudy token create` on this host';
      this.#options.audit({
        who: null,
        role: null,
        from,
        what: 'connect',
        parameters: {},
        outcome: 'refused',
        code: 'NOT_AUTHENTICATED',
        message: reason,
        durationMs: 0,
      });
      this.#refuseSlowly(socket, `Not authenticated: ${reason}.`);
      return;
    }
    if (this.#sessions.size >= mostSessions) {
      answerAndClose(socket, 503, `The agent has ${mostSessions} clients already.`);
      return;
    }
    const accepted = client;
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const session = new Session(webSocket, {
        facade: this.#options.facade,
        client: accepted,
        from,
        isStillValid: () => this.#isStillValid(token, accepted),
        audit: this.#options.audit,
        patienceMs: this.#options.patienceMs ?? defaultPatienceMs,
        internalError: this.#options.internalError,
      });
      this.#sessions.add(session);
      webSocket.on('close', () => this.#sessions.delete(session));
    });
  }

  #isStillValid(token: string, client: Client): boolean {
    try {
      return this.#options.tokens.authenticate(token)?.role === client.role;
    } catch (error) {
      this.#options.internalError(error);
      return false;
    }
  }

  #refuseSlowly(socket: Socket, reason: string): void {
    if (this.#waitingRefusals >= mostWaitingRefusals) {
      socket.destroy();
      return;
    }
    this.#waitingRefusals += 1;
    setTimeout(() => {
      this.#waitingRefusals -= 1;
      answerAndClose(socket, 401, reason);
    }, wrongTokenDelayMs);
  }
}

const reasonPhrases: Readonly<Record<number, string>> = { 401: 'Unauthorized', 503: 'Service Unavailable' };

function answerAndClose(socket: Socket, status: number, text: string): void {
  const body = `${text}\n`;
  const challenge = status === 401 ? 'WWW-Authenticate: Bearer\r\n' : '';
  socket.end(
    `HTTP/1.1 ${status} ${reasonPhrases[status] ?? ''}\r\n${challenge}Content-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
