import { createServer as createPlainServer, type Server as PlainServer } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { HandshakeGate } from './handshakeGate.ts';
import { Handshakes } from './handshakes.ts';
import { leftOutText, LineLimit } from './lineLimit.ts';
import type { HostLinksOptions, LinkAcceptor } from './linkOptions.ts';

const relistenMs = 2000;
/** Lines on connections that could not be taken in. */
const linesAtOnce = 5;
const linesPerSecond = 0.1;

/** This host's links cannot listen; the message says why and what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  constructor(
    readonly code: string,
    message: string,
    options: ErrorOptions,
  ) {
    super(message, options);
  }
}

type Address = HostLinksOptions['self']['addresses'][number];
/** `secure` takes over what comes in at `server`. */
type Place = Address & { readonly server: PlainServer; readonly secure: Server };

export interface LinkListenerOptions extends Pick<HostLinksOptions, 'self' | 'port' | 'security' | 'log'> {
  /** Whether a host of the cluster has this address: its connections are taken however many others come. */
  readonly isHost: (address: string) => boolean;
  /** A connection did not get in; the reason for people. */
  readonly onRefused: (reason: string) => void;
}

/** Accepts connections on each of this host's addresses. */
export class LinkListener implements LinkAcceptor {
  readonly #options: LinkListenerOptions;
  readonly #handshakes: Handshakes;
  #places: Place[] = [];
  #onAccepted: (socket: TLSSocket, network: string) => void = (socket) => socket.destroy();
  readonly #accepted = new Set<TLSSocket>();
  #stopped = false;

  constructor(options: LinkListenerOptions) {
    this.#options = options;
    this.#handshakes = new Handshakes(new HandshakeGate(), options.isHost);
  }

  /** Rejects with a clear error when a port is in use. */
  async start(onAccepted: (socket: TLSSocket, network: string) => void): Promise<void> {
    this.#onAccepted = onAccepted;
    await this.change(this.#options.self);
  }

  /** This host has other addresses: those that stay are listened on without a break. Rejects when one cannot be; the others are. */
  async change({ addresses }: Pick<HostLinksOptions['self'], 'addresses'>): Promise<void> {
    const isNamed = (place: Place): boolean => addresses.some((each) => isSame(each, place));
    for (const place of this.#places) if (!isNamed(place)) place.server.close();
    this.#places = this.#places.filter(isNamed);
    const fresh = addresses.filter((each) => !this.#places.some((place) => isSame(each, place)));
    const [failed] = (await Promise.allSettled(fresh.map((each) => this.#listen(each)))).filter(
      ({ status }) => status === 'rejected',
    );
    if (failed?.status === 'rejected') throw failed.reason;
  }

  /** Connections from now on are shown what `serverOptions` say now. */
  renew(): void {
    for (const { secure } of this.#places) secure.setSecureContext(this.#options.security.serverOptions());
  }

  async #listen({ network, address }: Address): Promise<void> {
    const { port, security, log, onRefused } = this.#options;
    const secure = createServer(security.serverOptions(), (socket) => {
      this.#handshakes.done(socket);
      this.#accepted.add(socket);
      socket.once('close', () => this.#accepted.delete(socket));
      socket.on('error', () => socket.destroy());
      this.#onAccepted(socket, network);
    });
    secure.on('tlsClientError', (error, socket) => {
      onRefused(security.explain(error, socket.remoteAddress ?? 'an unknown address'));
      // Node leaves it open when it only said nothing.
      socket.destroy();
    });
    const server = createPlainServer((socket) => {
      if (this.#handshakes.begin(socket)) secure.emit('connection', socket);
    });
    const place = { network, address, server, secure };
    this.#places.push(place);
    try {
      await listenWhenThere(server, address, port, {
        warn: (message) => log('warn', 'LINK_ADDRESS', message),
        isStopped: () => this.#stopped || !this.#places.includes(place),
      });
    } catch (error) {
      // The next change tries it again.
      this.#places = this.#places.filter((each) => each !== place);
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const socket of this.#accepted) socket.destroy();
    this.#handshakes.end();
    await Promise.all(this.#places.map(({ server }) => new Promise((resolve) => server.close(resolve))));
  }
}

function isSame(a: Address, b: Address): boolean {
  return a.network === b.network && a.address === b.address;
}

interface Waiting {
  readonly warn: (message: string) => void;
  readonly isStopped: () => boolean;
}

/**
 * Listens; an address that is not there yet (the network comes up after the agent) is tried again until it is.
 * @throws ListenError when a port is in use.
 */
export async function listenWhenThere(
  server: PlainServer,
  address: string,
  port: number,
  waiting: Waiting,
): Promise<void> {
  try {
    await listen(server, address, port, waiting);
    if (waiting.isStopped()) server.close();
  } catch (error) {
    if (!(error instanceof ListenError) || error.code !== 'EADDRNOTAVAIL') throw error;
    waiting.warn(error.message);
    listenLater(server, address, port, waiting, error.message);
  }
}

/** Nobody waits for it any more, so whatever is in the way by then is waited for, too. @param told what was told of it last */
function listenLater(server: PlainServer, address: string, port: number, waiting: Waiting, told: string): void {
  const again = async (): Promise<void> => {
    if (waiting.isStopped()) return;
    try {
      await listen(server, address, port, waiting);
      if (waiting.isStopped()) server.close();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== told) waiting.warn(reason);
      listenLater(server, address, port, waiting, reason);
    }
  };
  setTimeout(() => void again(), relistenMs).unref();
}

function listen(server: PlainServer, address: string, port: number, { warn }: Waiting): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const hint =
        error.code === 'EADDRINUSE'
          ? `port ${String(port)} on ${address} is in use; is another agent running? Stop it, or choose another "ports.agent" in the cluster file`
          : error.code === 'EADDRNOTAVAIL'
            ? `this host does not have the address ${address}: correct it in the cluster file or configure the network`
            : error.message;
      reject(new ListenError(error.code ?? '', hint, { cause: error }));
    });
    server.listen({ host: address, port, exclusive: true }, () => {
      server.removeAllListeners('error');
      // What could not be taken in, such as for want of descriptors, does not end the others.
      const limit = new LineLimit(linesAtOnce, linesPerSecond);
      server.on('error', (error) => {
        const leftOut = limit.next();
        if (leftOut === null) return;
        warn(`${address}, port ${String(port)}: a connection was lost: ${error.message}${leftOutText(leftOut)}`);
      });
      resolve();
    });
  });
}
