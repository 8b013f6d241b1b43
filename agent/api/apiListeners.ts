import type { Server as HttpServer } from 'node:http';
import { isLoopback, parseIpAddress } from '../../schemas/ipAddress.ts';

/** Milliseconds between two attempts to listen on an address that is not there yet. */
const retryListenMs = 2000;

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

export interface ApiListenersOptions {
  /** 0: any free one (tests). */
  readonly port: number;
  /** Without it only addresses of the loopback interface may be listened on. */
  readonly hasTls: boolean;
  readonly createServer: () => HttpServer;
  /** An address that is not there yet, for the log; it is tried again until it is. */
  readonly warn: (message: string) => void;
  /** Failures of our own, for the log. */
  readonly internalError: (error: unknown) => void;
}

interface Place {
  readonly server: HttpServer;
  /** Until the next attempt. */
  timer: NodeJS.Timeout | null;
}

/** The addresses that the API listens on. One that the host does not have yet (a network that comes up later) is listened on once it is there. */
export class ApiListeners {
  readonly #options: ApiListenersOptions;
  readonly #places = new Map<string, Place>();

  constructor(options: ApiListenersOptions) {
    this.#options = options;
  }

  /** Where it listens now. */
  bound(): readonly { readonly address: string; readonly port: number }[] {
    return [...this.#places.values()].flatMap(({ server }) => {
      const bound = server.address();
      return bound === null || typeof bound === 'string' ? [] : [{ address: bound.address, port: bound.port }];
    });
  }

  /** Those that listen, and those that wait for their address. */
  servers(): readonly HttpServer[] {
    return [...this.#places.values()].map(({ server }) => server);
  }

  /**
   * These are the addresses from now on. Those that stay are listened on without a break; a session over one that goes lasts as long as its connection.
   * @throws ApiListenError when one of them cannot be listened on; the others are, and the next change tries it again
   */
  async change(addresses: readonly string[]): Promise<void> {
    for (const [address, place] of this.#places) {
      if (addresses.includes(address)) continue;
      this.#places.delete(address);
      void leave(place);
    }
    const fresh = addresses.filter((address) => !this.#places.has(address));
    const outcomes = await Promise.allSettled(fresh.map((address) => this.#add(address)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  /** Frees the ports. Resolves when all connections have ended; those of sessions are ended by whoever has them. */
  async close(): Promise<void> {
    const places = [...this.#places.values()];
    this.#places.clear();
    await Promise.all(places.map(leave));
  }

  async #add(address: string): Promise<void> {
    const { hasTls, createServer, warn } = this.#options;
    checkAddress(address, hasTls);
    const place: Place = { server: createServer(), timer: null };
    this.#places.set(address, place);
    await this.#listen(address, place);
    if (place.timer) warn(`${address} is no address of this host now: the API listens on it once it is there.`);
  }

  async #listen(address: string, place: Place): Promise<void> {
    const isWanted = (): boolean => this.#places.get(address) === place;
    try {
      await listen(place.server, address, this.#options.port);
      if (!isWanted()) await leave(place);
    } catch (error) {
      if (!isWanted()) return;
      if (error instanceof ApiListenError && error.code === 'ADDRESS_NOT_HERE') {
        place.timer = setTimeout(
          () => void this.#listen(address, place).catch(this.#options.internalError),
          retryListenMs,
        );
        return;
      }
      this.#places.delete(address);
      throw error;
    }
  }
}

function checkAddress(text: string, hasTls: boolean): void {
  const address = parseIpAddress(text);
  if (address === null) {
    throw new ApiListenError('BAD_ADDRESS', `"${text}" is no IP address: correct api.listen in agent.jsonc.`);
  }
  if (!hasTls && !isLoopback(address)) {
    throw new ApiListenError(
      'INSECURE',
      `The agent does not listen on ${text} without TLS: set api.tls to true in agent.jsonc, or api.listen to 127.0.0.1.`,
    );
  }
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

function leave({ server, timer }: Place): Promise<void> {
  if (timer) clearTimeout(timer);
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
