import { createServer as createPlainServer, type Server } from 'node:net';
import { createServer, type SecureContext, type TlsOptions, type TLSSocket } from 'node:tls';
import { HandshakeGate } from './handshakeGate.ts';
import { Handshakes } from './handshakes.ts';
import { listenWhenThere } from './linkListener.ts';
import type { LinkAcceptor, LinkHost } from './linkOptions.ts';

/** One cluster of those that share a listener. */
export interface ListenerTenant {
  /** What its hosts ask for, see `clusterServerName`. */
  readonly serverName: string;
  readonly self: LinkHost;
  readonly port: number;
  /** This host's certificate in the cluster, and the authority that certifies the others. */
  readonly context: SecureContext;
  /** Whether the other end has a certificate of this cluster: for any other one this cluster is not there. */
  readonly isCertified: (socket: TLSSocket) => boolean;
  readonly log: (level: 'info' | 'warn', code: string, message: string) => void;
}

export interface SharedListenerOptions {
  /** Without a certificate: for who asks for no cluster, or for one that is not here. */
  readonly serverOptions: () => TlsOptions;
  readonly explain: (error: unknown, peer: string) => string;
  /** For what is of no cluster. */
  readonly log: (level: 'info' | 'warn', code: string, message: string) => void;
}

interface Member {
  readonly tenant: ListenerTenant;
  readonly network: string;
  readonly onAccepted: (socket: TLSSocket, network: string) => void;
}

/** Accepts the connections of several clusters on the same addresses and ports, and keeps the clusters apart by their certificates. */
export class SharedListener {
  readonly #options: SharedListenerOptions;
  readonly #places = new Map<string, Place>();
  readonly #gate = new HandshakeGate();

  constructor(options: SharedListenerOptions) {
    this.#options = options;
  }

  /** The part of it that is one cluster's. */
  acceptorOf(tenant: ListenerTenant): LinkAcceptor {
    const joined = new Map<string, Place>();
    let onAccepted: Member['onAccepted'] = (socket) => socket.destroy();
    const change = async ({ addresses }: Pick<LinkHost, 'addresses'>): Promise<void> => {
      const wanted = new Map(addresses.map(({ network, address }) => [`${network} ${address}`, { network, address }]));
      for (const [key, place] of [...joined]) {
        if (wanted.has(key)) continue;
        joined.delete(key);
        await this.#leave(place, tenant);
      }
      for (const [key, { network, address }] of wanted) {
        if (joined.has(key)) continue;
        const place = this.#placeAt(address, tenant.port);
        joined.set(key, place);
        await place.join({ tenant, network, onAccepted });
      }
    };
    return {
      start: (accept) => {
        onAccepted = accept;
        return change(tenant.self);
      },
      change,
      stop: () => change({ addresses: [] }),
    };
  }

  async #leave(place: Place, tenant: ListenerTenant): Promise<void> {
    place.leave(tenant);
    if (!place.isEmpty) return;
    if (this.#places.get(place.name) === place) this.#places.delete(place.name);
    await place.close();
  }

  #placeAt(address: string, port: number): Place {
    const name = `${address} ${String(port)}`;
    let place = this.#places.get(name);
    if (!place) this.#places.set(name, (place = new Place(name, address, port, this.#gate, this.#options)));
    return place;
  }
}

/** One address and port, open as long as a cluster has it in its file. */
class Place {
  readonly #members = new Map<string, Member>();
  readonly #accepted = new Map<TLSSocket, ListenerTenant>();
  readonly #handshakes: Handshakes;
  readonly #server: Server;
  readonly #options: SharedListenerOptions;
  #listening: Promise<void> | null = null;
  #closed = false;

  constructor(
    readonly name: string,
    readonly address: string,
    readonly port: number,
    gate: HandshakeGate,
    options: SharedListenerOptions,
  ) {
    this.#options = options;
    this.#handshakes = new Handshakes(gate);
    const secure = createServer(
      {
        ...options.serverOptions(),
        SNICallback: (serverName, done) => done(null, this.#members.get(serverName)?.tenant.context),
      },
      (socket) => this.#onSecure(socket),
    );
    secure.on('tlsClientError', (error, socket) => {
      options.log('warn', 'LINK_REFUSED', options.explain(error, socket.remoteAddress ?? 'an unknown address'));
      // Node leaves it open when it only said nothing.
      socket.destroy();
    });
    this.#server = createPlainServer((socket) => {
      if (this.#handshakes.begin(socket)) secure.emit('connection', socket);
    });
  }

  async join(member: Member): Promise<void> {
    this.#members.set(member.tenant.serverName, member);
    this.#listening ??= listenWhenThere(this.#server, this.address, this.port, {
      warn: (message) => this.#options.log('warn', 'LINK_ADDRESS', message),
      isStopped: () => this.#closed,
    });
    try {
      await this.#listening;
    } catch (error) {
      this.#listening = null;
      throw error;
    }
  }

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  leave(tenant: ListenerTenant): void {
    if (this.#members.get(tenant.serverName)?.tenant === tenant) this.#members.delete(tenant.serverName);
    for (const [socket, owner] of this.#accepted) if (owner === tenant) socket.destroy();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#handshakes.end();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #onSecure(socket: TLSSocket): void {
    socket.on('error', () => socket.destroy());
    this.#handshakes.done(socket);
    const member = this.#members.get(socketName(socket));
    const from = socket.remoteAddress ?? 'an unknown address';
    if (!member) {
      socket.destroy();
      return;
    }
    if (!member.tenant.isCertified(socket)) {
      member.tenant.log('warn', 'LINK_REFUSED', `The connection from ${from} shows no certificate of this cluster.`);
      socket.destroy();
      return;
    }
    this.#accepted.set(socket, member.tenant);
    socket.once('close', () => this.#accepted.delete(socket));
    member.onAccepted(socket, member.network);
  }
}

/** The server name that was asked for, which Node's types know on the other side only. */
function socketName(socket: TLSSocket): string {
  const { servername } = socket as TLSSocket & { readonly servername?: string | false };
  return typeof servername === 'string' ? servername : '';
}
