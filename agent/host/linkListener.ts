import type { Server as PlainServer } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { HostLinksOptions, LinkAcceptor } from './linkOptions.ts';

const relistenMs = 2000;

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

/** Accepts connections on each of this host's addresses. */
export class LinkListener implements LinkAcceptor {
  readonly #options: Pick<HostLinksOptions, 'self' | 'port' | 'security' | 'log'>;
  #servers: { readonly network: string; readonly address: string; readonly server: Server }[] = [];
  #onAccepted: (socket: TLSSocket, network: string) => void = (socket) => socket.destroy();
  #addresses: HostLinksOptions['self']['addresses'] = [];
  readonly #accepted = new Set<TLSSocket>();
  #stopped = false;

  constructor(options: Pick<HostLinksOptions, 'self' | 'port' | 'security' | 'log'>) {
    this.#options = options;
  }

  /** Rejects with a clear error when a port is in use. */
  async start(onAccepted: (socket: TLSSocket, network: string) => void): Promise<void> {
    this.#onAccepted = onAccepted;
    await this.change(this.#options.self);
  }

  /** This host has other addresses: those that stay are listened on without a break. */
  async change({ addresses }: Pick<HostLinksOptions['self'], 'addresses'>): Promise<void> {
    const { port, security, log } = this.#options;
    const isIn = (among: HostLinksOptions['self']['addresses'], network: string, address: string): boolean =>
      among.some((each) => each.network === network && each.address === address);
    for (const each of this.#servers) if (!isIn(addresses, each.network, each.address)) each.server.close();
    this.#servers = this.#servers.filter(({ network, address }) => isIn(addresses, network, address));
    const before = this.#addresses;
    this.#addresses = addresses;
    for (const { network, address } of addresses) {
      if (isIn(before, network, address)) continue;
      const server = createServer(security.serverOptions(), (socket) => {
        this.#accepted.add(socket);
        socket.once('close', () => this.#accepted.delete(socket));
        socket.on('error', () => socket.destroy());
        this.#onAccepted(socket, network);
      });
      server.on('tlsClientError', (error, socket) => {
        log('warn', 'LINK_REFUSED', security.explain(error, socket.remoteAddress ?? 'an unknown address'));
        // Node leaves it open when it only said nothing.
        socket.destroy();
      });
      const place = { network, address, server };
      this.#servers.push(place);
      await listenWhenThere(server, address, port, {
        warn: (message) => log('warn', 'LINK_ADDRESS', message),
        isStopped: () => this.#stopped || !this.#servers.includes(place),
      });
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const socket of this.#accepted) socket.destroy();
    await Promise.all(this.#servers.map(({ server }) => new Promise((resolve) => server.close(resolve))));
  }
}

/**
 * Listens; an address that is not there yet (the network comes up after the agent) is tried again until it is.
 * @throws ListenError when a port is in use.
 */
export async function listenWhenThere(
  server: PlainServer,
  address: string,
  port: number,
  waiting: { readonly warn: (message: string) => void; readonly isStopped: () => boolean },
): Promise<void> {
  try {
    await listen(server, address, port);
    if (waiting.isStopped()) server.close();
  } catch (error) {
    if (!(error instanceof ListenError) || error.code !== 'EADDRNOTAVAIL') throw error;
    waiting.warn(error.message);
    setTimeout(() => {
      if (waiting.isStopped()) return;
      listenWhenThere(server, address, port, waiting).catch((later: unknown) => waiting.warn(String(later)));
    }, relistenMs).unref();
  }
}

function listen(server: PlainServer, address: string, port: number): Promise<void> {
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
      resolve();
    });
  });
}
