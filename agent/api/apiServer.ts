import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { longestRequest } from '../../schemas/apiMethods.ts';
import { isLoopback, parseIpAddress } from '../../schemas/ipAddress.ts';
import { apiServerOptions } from '../security/tlsOptions.ts';
import type { Client, ClientTokens } from '../security/clientTokens.ts';
import type { Identity } from '../security/identity.ts';
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
/** Milliseconds between two attempts to listen on an address that is not there yet. */
const retryListenMs = 2000;
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 30_000;

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
  /** Ends all sessions and frees the ports. */
  close(): Promise<void>;
}

/** The API cannot listen; the message says why and what to do. */
export class ApiListenError extends Error {
  override readonly name = 'ApiListenError';
  constructor(
    readonly code: 'INSECURE' | 'BAD_ADDRESS' | 'PORT_IN_USE' | 'ADDRESS_NOT_HERE' | 'NOT_ALLOWED' | 'FAILED',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Starts the API on all of its addresses, or on none. An address that the host does not have yet (a network that comes up later) is the
 * exception: it is added when it appears.
 * @throws ApiListenError
 */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  for (const text of options.listen) {
    const address = parseIpAddress(text);
    if (address === null) {
      throw new ApiListenError('BAD_ADDRESS', `"${text}" is no IP address: correct api.listen in agent.jsonc.`);
    }
    if (options.identity === null && !isLoopback(address)) {
      throw new ApiListenError(
        'INSECURE',
        `The agent does not listen on ${text} without TLS: set api.tls to true in agent.jsonc, or api.listen to 127.0.0.1.`,
      );
    }
  }
  const gate = new Gate(options);
  const servers = new Set<HttpServer>();
  const retries = new Set<NodeJS.Timeout>();
  let isClosed = false;
  const add = async (address: string): Promise<void> => {
    const server = gate.createServer();
    try {
      await listen(server, address, options.port);
    } catch (error) {
      if (!(error instanceof ApiListenError) || error.code !== 'ADDRESS_NOT_HERE') throw error;
      const timer = setTimeout(() => {
        retries.delete(timer);
        add(address).catch(options.internalError);
      }, retryListenMs);
      retries.add(timer);
      return;
    }
    if (isClosed) await close(server);
    else servers.add(server);
  };
  const end = async (): Promise<void> => {
    isClosed = true;
    gate.close();
    for (const timer of retries) clearTimeout(timer);
    await Promise.all([...servers].map(close));
  };
  try {
    for (const address of options.listen) {
      const before = retries.size;
      await add(address);
      if (retries.size > before) {
        options.warn(`${address} is no address of this host now: the API listens on it once it is there.`);
      }
    }
  } catch (error) {
    await end();
    throw error;
  }
  return {
    addresses: () =>
      [...servers].flatMap((server) => {
        const bound = server.address();
        return bound === null || typeof bound === 'string' ? [] : [{ address: bound.address, port: bound.port }];
      }),
    renew: (identity) => {
      gate.renew(identity);
      for (const server of servers) {
        if (server instanceof HttpsServer) server.setSecureContext(apiServerOptions(identity));
      }
    },
    close: end,
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

function listen(server: HttpServer, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explainListenError(error, address, port)));
    server.listen({ host: address, port, exclusive: true }, () => {
      server.removeAllListeners('error');
      server.on('error', () => undefined);
      resolve();
    });
  });
}

function explainListenError(error: NodeJS.ErrnoException, address: string, port: number): ApiListenError {
  const cause = { cause: error };
  switch (error.code) {
    case 'EADDRINUSE':
      return new ApiListenError(
        'PORT_IN_USE',
        `Port ${port} on ${address} is in use by another program: end it (\`ss -ltnp 'sport = :${port}'\` names it), or set ports.api in the cluster file.`,
        cause,
      );
    case 'EADDRNOTAVAIL':
      return new ApiListenError(
        'ADDRESS_NOT_HERE',
        `${address} is no address of this host now: bring its network up, or correct the cluster file or api.listen in agent.jsonc.`,
        cause,
      );
    case 'EACCES':
      return new ApiListenError(
        'NOT_ALLOWED',
        `This user may not listen on port ${port}: run the agent as root, or set ports.api in the cluster file.`,
        cause,
      );
    default:
      return new ApiListenError('FAILED', `The API cannot listen on ${address}, port ${port}: ${error.message}`, cause);
  }
}

function close(server: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
