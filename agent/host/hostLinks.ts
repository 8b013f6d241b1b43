import { randomUUID } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import type {
  LinkHeartbeat,
  LinkHello,
  LinkModule,
  LinkRequest,
  LinkResponse,
  LinkVersion,
} from '../../schemas/generated/link.ts';
import type { Amount } from '../../schemas/capacity.ts';
import { parseIpAddress } from '../../schemas/ipAddress.ts';
import { agentProtocolVersion } from '../../schemas/protocolVersion.ts';
import { leftOutText, LineLimit } from './lineLimit.ts';
import { LinkListener } from './linkListener.ts';
import { LinkRequests, UnreachableError } from './linkRequests.ts';
import { HostNews } from './hostNews.ts';
import type { HostLinksOptions, LinkAcceptor, LinkHost, LinkNetwork } from './linkOptions.ts';
import { PeerConnection, type PeerConnectionEvents } from './peerConnection.ts';
import { Suspicion, suspicionTimes, type Liveness } from './suspicion.ts';
import { UnprovenAnswers } from './unprovenAnswers.ts';

export interface NetworkState {
  readonly network: string;
  readonly address: string;
  readonly up: boolean;
  readonly rttMs: number | null;
}

interface Path {
  readonly host: LinkHost;
  readonly network: string;
  readonly address: string;
  connection: PeerConnection | null;
  /** Connected, but not greeted yet. */
  candidate: PeerConnection | null;
  candidateSince: number;
  /** Not connected yet. */
  dialling: TLSSocket | null;
  nextDialAt: number;
  /** When the connection that is there, or was last, was greeted. */
  greetedAt: number;
  heardAt: number;
  /** When the last heartbeat was sent that was answered: until then at least it carried both ways. */
  provenAt: number;
  readonly unproven: UnprovenAnswers;
  rttMs: number | null;
  readonly sent: Map<number, number>;
  lastError: string | null;
  /** Of the agent at the other end, as it has greeted. */
  life: string | undefined;
  /** What was last told and last heard of the modules on this connection: a heartbeat without them means the same again. */
  told: string | null;
  heard: Heard | null;
}

interface Heard {
  readonly modules: Record<string, LinkModule>;
  readonly version: LinkVersion;
}

const dialTimeoutMs = 1000;
const redialMs = 300;
/** Lines on connections that were refused. */
const refusalsAtOnce = 20;
const refusalsPerSecond = 0.1;
/** A shorter stall of this process is nobody's business, milliseconds. */
const stallToldMs = 1000;

/**
 * The connections of this agent to all others: one per host and network, mutual TLS, dialled by the host whose name sorts first.
 * Heartbeats go over all of them; requests over one that has just carried something both ways.
 */
export class HostLinks {
  #options: HostLinksOptions;
  #paths: readonly Path[] = [];
  readonly #listener: LinkAcceptor;
  readonly #requests = new LinkRequests();
  readonly #refusals = new LineLimit(refusalsAtOnce, refusalsPerSecond);
  readonly #versions = new Map<string, string>();
  readonly #capacities = new Map<string, Amount>();
  readonly #certificateEnds = new Map<string, Date>();
  readonly #lastSeen = new Map<string, Date>();
  /** Of the heartbeats. It begins with the time since the machine was started: an agent that is started anew goes on with higher numbers. */
  #sequence = Math.floor(Number(process.hrtime.bigint() / 1_000_000n));
  #beatAt = -Infinity;
  #isHurried = false;
  readonly #life = randomUUID();
  readonly #news = new Map<string, HostNews>();
  /** Why what a host tells was not taken in. */
  readonly #unheard = new Map<string, string>();
  readonly #suspicions = new Map<string, Suspicion>();
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(options: HostLinksOptions) {
    this.#options = options;
    this.#listener =
      options.acceptor ??
      new LinkListener({
        ...options,
        isHost: (address) => this.#paths.some((path) => isSameAddress(path.address, address)),
        onRefused: (reason) => this.#refused(reason),
      });
    this.#lookFor(options);
  }

  /** Suspicions and paths for these hosts; those that are there already go on. */
  #lookFor({ self, others, heartbeatMs, detectionMs }: LinkNetwork): void {
    const times = suspicionTimes(heartbeatMs, detectionMs);
    for (const name of this.#suspicions.keys()) {
      if (!others.some((host) => host.name === name)) this.#suspicions.delete(name);
    }
    for (const { name } of others) {
      const known = this.#suspicions.get(name);
      if (known) known.retime(times);
      else this.#suspicions.set(name, new Suspicion(times));
    }
    const own = new Map(self.addresses.map(({ network, address }) => [network, address]));
    const before = new Map(this.#options.self.addresses.map(({ network, address }) => [network, address]));
    this.#paths = others.flatMap((host) =>
      host.addresses
        .filter(({ network }) => own.has(network))
        .map(({ network, address }) => {
          const old = this.#paths.find((path) => path.host.name === host.name && path.network === network);
          return old?.address === address && own.get(network) === before.get(network)
            ? old
            : newPath(host, network, address);
        }),
    );
  }

  /** Hosts, addresses or times are others. Connections to addresses that stay go on; the others are closed, and new ones dialled. */
  async change(network: LinkNetwork): Promise<void> {
    const before = this.#paths;
    this.#lookFor(network);
    this.#options = { ...this.#options, ...network };
    for (const path of before) {
      if (this.#paths.includes(path)) continue;
      giveUp(path, 'the cluster file names another address');
    }
    if (this.#timer) {
      clearInterval(this.#timer);
      this.#timer = setInterval(() => this.#beat(), network.heartbeatMs);
    }
    await this.#listener.change(network.self);
    if (this.#timer) this.#beat();
  }

  /** This host has another certificate: connections from now on are made with it. Those that there are go on, or are made anew with it. */
  renew(connections: 'keep' | 'replace'): void {
    this.#listener.renew?.();
    if (connections === 'keep') return;
    for (const path of this.#paths) path.connection?.close('this host has another certificate');
  }

  /** Listens on this host's addresses and begins to dial. Rejects with a clear error when a port is in use. */
  async start(): Promise<void> {
    await this.#listener.start((socket, network) => this.#onAccepted(socket, network));
    this.#timer = setInterval(() => this.#beat(), this.#options.heartbeatMs);
    this.#beat();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearInterval(this.#timer);
    for (const path of this.#paths) giveUp(path, 'this agent stops');
    await this.#listener.stop();
  }

  reachable(host: string): boolean {
    return this.#paths.some((path) => path.host.name === host && path.connection !== null);
  }

  networks(host: string): NetworkState[] {
    return this.#paths
      .filter((path) => path.host.name === host)
      .map(({ network, address, connection, rttMs }) => ({
        network,
        address,
        up: connection !== null,
        rttMs: connection ? rttMs : null,
      }));
  }

  /** When anything of the host was last heard on each network that both are on; null: not since this agent started. */
  heardOn(host: string): { readonly network: string; readonly at: number | null }[] {
    return this.#paths
      .filter((path) => path.host.name === host)
      .map(({ network, heardAt }) => ({ network, at: heardAt === -Infinity ? null : heardAt }));
  }

  liveness(host: string): Liveness {
    return this.#suspicions.get(host)?.liveness ?? 'silent';
  }

  lastSeen(host: string): Date | null {
    return this.#lastSeen.get(host) ?? null;
  }

  version(host: string): string | null {
    return this.#versions.get(host) ?? null;
  }

  /** When the certificate ends that a host has shown last, which it may have replaced since; null: it was never connected. */
  certificateEnd(host: string): Date | null {
    return this.#certificateEnds.get(host) ?? null;
  }

  /** What a host's system has counted; null: it was never heard, or takes no modules. */
  capacity(host: string): Amount | null {
    return this.#capacities.get(host) ?? null;
  }

  /**
   * Sends a heartbeat now instead of at the next beat, for a change that the peer should learn at once: one for all changes of this turn, as each
   * heartbeat tells of all modules. In a failover all of them change, and one for each would be more than can be sent.
   */
  hurry(): void {
    if (this.#isHurried) return;
    this.#isHurried = true;
    setImmediate(() => {
      if (this.#isHurried && !this.#stopped) this.#sendHeartbeats();
    });
  }

  /** @throws UnreachableError when nothing is known of the outcome; Error when the other host answered with one. */
  request(
    host: string,
    method: LinkRequest['method'],
    params: Record<string, unknown>,
    timeoutMs: number,
  ): Promise<Record<string, unknown>> {
    const connection = this.#best(host);
    if (!connection) return Promise.reject(new UnreachableError(`${host} is not reachable`));
    return this.#requests.ask(connection, method, params, timeoutMs);
  }

  /** The connection to a host that is known best to carry both ways, the first of equals: one may be dead and not given up yet. */
  #best(host: string): PeerConnection | null {
    let best: Path | null = null;
    for (const path of this.#paths) {
      if (path.host.name !== host || !path.connection) continue;
      if (best === null || path.provenAt > best.provenAt) best = path;
    }
    return best?.connection ?? null;
  }

  /** A path from which nothing is heard for this long is taken down and dialled anew. */
  get #silenceMs(): number {
    return Math.max(4 * this.#options.heartbeatMs, 1000);
  }

  /**
   * All hosts' heartbeats go out together, earlier than by a host's own clock, never later: an answer then travels with a heartbeat, and each
   * host wakes up for both at once.
   */
  #beatAlong(): void {
    if (this.#stopped || performance.now() - this.#beatAt <= this.#options.heartbeatMs / 2) return;
    this.#timer?.refresh();
    this.#beat();
  }

  #beat(): void {
    const now = performance.now();
    this.#noteStall(now);
    this.#beatAt = now;
    for (const path of this.#paths) {
      // Nothing is heard on one that is not read for a while.
      const silentMs = path.connection ? now - Math.max(path.heardAt, path.connection.restsUntil) : 0;
      if (silentMs > this.#silenceMs) path.connection?.close(`nothing heard for ${String(Math.round(silentMs))} ms`);
      if (path.candidate && now - path.candidateSince > dialTimeoutMs) path.candidate.close('no greeting');
      const dials = this.#options.self.name < path.host.name;
      if (dials && !path.connection && !path.candidate && !path.dialling && now >= path.nextDialAt) this.#dial(path);
    }
    this.#sendHeartbeats();
    this.#lookAtLiveness(now);
  }

  /** What was not heard while this process stood still says nothing of the others. */
  #noteStall(now: number): void {
    const stoodStillMs = now - this.#beatAt - this.#options.heartbeatMs;
    if (this.#beatAt === -Infinity || stoodStillMs < this.#options.heartbeatMs) return;
    for (const suspicion of this.#suspicions.values()) suspicion.excuse(stoodStillMs);
    // What was sent meanwhile lies in the sockets and is read after this: the arbiter must be at hand then, and is asked over them.
    for (const path of this.#paths) {
      path.heardAt = Math.min(now, path.heardAt + stoodStillMs);
      path.candidateSince = Math.min(now, path.candidateSince + stoodStillMs);
    }
    if (stoodStillMs < stallToldMs) return;
    const seconds = (stoodStillMs / 1000).toFixed(1);
    this.#options.log('warn', 'AGENT_STALLED', `the agent of ${this.#options.self.name} stood still for ${seconds} s`);
  }

  #lookAtLiveness(now: number): void {
    for (const [host, suspicion] of this.#suspicions) {
      const before = suspicion.look(now);
      if (before === null) continue;
      const { liveness, longestMs } = suspicion;
      if (liveness === 'alive') suspicion.forget();
      const networks = this.#paths.filter((path) => path.host.name === host).map(({ network }) => network);
      this.#options.onLiveness(host, { liveness, before, longestMs, networks });
    }
  }

  #sendHeartbeats(): void {
    this.#isHurried = false;
    this.#sequence += 1;
    const now = performance.now();
    const version = this.#options.version();
    const news = new Map<string, { readonly modules: Record<string, LinkModule>; readonly text: string }>();
    for (const path of this.#paths) {
      // What is behind tells of the modules when it has caught up. Questions wait there as well, and are not to be lost for it.
      if (!path.connection || path.connection.isBehind) continue;
      path.sent.set(this.#sequence, now);
      if (path.sent.size > 64) path.sent.delete(path.sent.keys().next().value ?? 0);
      let current = news.get(path.host.name);
      if (!current) {
        // One that takes no modules has no use for them, and may serve others as well.
        const modules = this.#capacities.has(path.host.name) ? this.#options.modules(path.host.name) : {};
        news.set(path.host.name, (current = { modules, text: this.#newsOf(path.host.name).textOf(modules, version) }));
      }
      const isNew = path.told !== current.text;
      path.told = current.text;
      const heartbeat: LinkHeartbeat = {
        type: 'heartbeat',
        sequence: this.#sequence,
        modules: isNew ? current.modules : null,
        configuration: isNew ? version : null,
      };
      sendOrClose(path.connection, heartbeat);
    }
  }

  #newsOf(host: string): HostNews {
    let news = this.#news.get(host);
    if (!news) this.#news.set(host, (news = new HostNews()));
    return news;
  }

  #dial(path: Path): void {
    const own = this.#options.self.addresses.find(({ network }) => network === path.network);
    const socket = connect({
      ...this.#options.security.clientOptions(path.host.name),
      host: path.address,
      port: this.#options.port,
      ...(own ? { localAddress: own.address } : {}),
    });
    path.dialling = socket;
    const timer = setTimeout(() => socket.destroy(new Error('no answer')), dialTimeoutMs);
    const failed = (error: Error): void => {
      clearTimeout(timer);
      if (path.dialling !== socket) return;
      path.dialling = null;
      path.nextDialAt = performance.now() + redialMs;
      const reason = this.#options.security.explain(error, path.host.name);
      if (reason !== path.lastError) {
        path.lastError = reason;
        this.#options.log('warn', 'LINK_DOWN', `${path.host.name} over ${path.network} (${path.address}): ${reason}`);
      }
    };
    socket.once('error', failed);
    socket.once('close', () => failed(new Error('the connection was closed during the handshake')));
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      path.dialling = null;
      socket.removeAllListeners('error');
      socket.removeAllListeners('close');
      if (this.#stopped) socket.destroy();
      else this.#adopt(path, socket);
    });
  }

  #onAccepted(socket: TLSSocket, network: string): void {
    const peer = this.#options.security.peerHost(socket);
    const path = peer.ok
      ? this.#paths.find((each) => each.host.name === peer.host && each.network === network)
      : undefined;
    if (!path || this.#stopped) {
      this.#refused(peer.ok ? `${peer.host} has no address on ${network} in the cluster file` : peer.reason);
      socket.destroy();
      return;
    }
    // The other side only dials again when it gave the old connection up.
    path.connection?.close('replaced by a new connection');
    path.candidate?.close('replaced by a new connection');
    this.#adopt(path, socket);
  }

  /** Anybody may try as often as they like. */
  #refused(reason: string): void {
    if (this.#stopped) return;
    const leftOut = this.#refusals.next();
    if (leftOut !== null) this.#options.log('warn', 'LINK_REFUSED', `${reason}${leftOutText(leftOut)}`);
  }

  #adopt(path: Path, socket: TLSSocket): void {
    // Nothing is known of it any more once it is closed.
    const certificate = socket.getPeerX509Certificate();
    const events: PeerConnectionEvents = {
      onHello: (from, hello) => {
        if (certificate) this.#certificateEnds.set(path.host.name, new Date(certificate.validTo));
        this.#onHello(path, from, hello);
      },
      onMessage: (from, message) => {
        if (path.connection !== from) return;
        path.heardAt = performance.now();
        switch (message.type) {
          case 'heartbeat':
            this.#onHeartbeat(path, from, message);
            return;
          case 'heartbeatAnswer':
            this.#onAnswer(path, message.sequence);
            return;
          case 'request':
            void this.#serve(from, message);
            return;
          case 'response':
            this.#requests.answered(from.host, message.id, message.result, message.error);
            return;
        }
      },
      onClosed: (from, reason) => this.#onClosed(path, from, reason),
    };
    const connection = new PeerConnection(socket, path.host.name, path.network, events, this.#options.allowance);
    const { cluster, agentVersion, self, capacity } = this.#options;
    const protocolVersion = agentProtocolVersion;
    const hello = { type: 'hello', protocolVersion, agentVersion, host: self.name, cluster, life: this.#life } as const;
    connection.send({ ...hello, ...(capacity && { capacity }) });
    path.candidate = connection;
    path.candidateSince = performance.now();
  }

  #onHeartbeat(path: Path, connection: PeerConnection, { sequence, modules, configuration }: LinkHeartbeat): void {
    const { name } = path.host;
    const news = this.#newsOf(name);
    if (!news.isOfNow(path.life)) {
      connection.close('the agent at its other end has ended: another one has greeted');
      return;
    }
    this.#lastSeen.set(name, new Date());
    this.#suspicions.get(name)?.heard(path.heardAt);
    if (modules && configuration) {
      path.heard = { modules: news.heard(modules), version: news.heardVersion(configuration) };
    }
    if (!path.heard) {
      connection.close('its first heartbeat told nothing of the modules');
      return;
    }
    // The answer renews the leases of what the other host serves. Whoever waits for that host to fall silent has to wait anew before.
    if (news.isNewest(sequence)) {
      if (!this.#deliver(name, path.heard)) return;
      news.delivered(sequence);
    }
    connection.send({ type: 'heartbeatAnswer', sequence });
    this.#beatAlong();
  }

  /** Whether everybody here has heard what a host tells. What they do with it must not cost the connection, over which others are asked. */
  #deliver(host: string, { modules, version }: Heard): boolean {
    try {
      this.#options.onHeartbeat(host, modules, version);
      this.#unheard.delete(host);
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (this.#unheard.get(host) !== reason) {
        this.#unheard.set(host, reason);
        this.#options.log('warn', 'HEARTBEAT_FAILED', `what ${host} tells could not be taken in: ${reason}`);
      }
      return false;
    }
  }

  #onHello(path: Path, connection: PeerConnection, hello: LinkHello): void {
    if (hello.cluster !== this.#options.cluster) {
      connection.close(`${path.host.name} belongs to cluster ${hello.cluster}, this host to ${this.#options.cluster}`);
      return;
    }
    const wasReachable = this.reachable(path.host.name);
    path.candidate = null;
    path.connection = connection;
    path.greetedAt = performance.now();
    path.heardAt = performance.now();
    path.provenAt = path.heardAt;
    path.unproven.take();
    path.lastError = null;
    path.sent.clear();
    path.life = hello.life;
    path.told = null;
    path.heard = null;
    this.#newsOf(path.host.name).greeted(hello.life);
    this.#versions.set(path.host.name, hello.agentVersion);
    if (hello.capacity) this.#capacities.set(path.host.name, hello.capacity);
    else this.#capacities.delete(path.host.name);
    this.#options.log('info', 'LINK_UP', `${path.host.name} over ${path.network} (${path.address})`);
    if (!wasReachable) this.#options.onReachable(path.host.name, true, `over ${path.network}`);
    this.hurry();
  }

  #onClosed(path: Path, connection: PeerConnection, reason: string): void {
    path.nextDialAt = performance.now() + redialMs;
    if (path.candidate === connection) path.candidate = null;
    if (path.connection !== connection) {
      // Never greeted: another version, or not ours.
      if (path.connection === null && reason !== path.lastError && !this.#stopped) {
        path.lastError = reason;
        this.#options.log('warn', 'LINK_DOWN', `${path.host.name} over ${path.network} (${path.address}): ${reason}`);
      }
      return;
    }
    path.connection = null;
    if (this.#stopped) return;
    this.#answerAnew(path);
    // One that had served for a while is dialled at once: the other side may have closed it while this process stood still.
    if (performance.now() - path.greetedAt > stallToldMs) this.#dialAtOnce(path);
    this.#options.log('warn', 'LINK_DOWN', `${path.host.name} over ${path.network} (${path.address}): ${reason}`);
    if (this.reachable(path.host.name)) return;
    this.#newsOf(path.host.name).forgetSequence();
    this.#requests.lost(path.host.name, reason);
    this.#options.onReachable(path.host.name, false, reason);
  }

  #dialAtOnce(path: Path): void {
    path.greetedAt = performance.now();
    path.nextDialAt = 0;
    const isKnown = this.#paths.includes(path);
    if (isKnown && this.#options.self.name < path.host.name && !path.candidate && !path.dialling) this.#dial(path);
  }

  #onAnswer(path: Path, sequence: number): void {
    const sentAt = path.sent.get(sequence);
    if (sentAt === undefined) return;
    for (const key of path.sent.keys()) {
      if (key <= sequence) path.sent.delete(key);
    }
    path.provenAt = sentAt;
    path.unproven.arrived(sentAt);
    const rtt = performance.now() - sentAt;
    path.rttMs = path.rttMs === null ? rtt : path.rttMs * 0.8 + rtt * 0.2;
    if (this.#newsOf(path.host.name).isAnswered(sentAt)) this.#options.onAnswered(path.host.name, sentAt);
  }

  async #serve(connection: PeerConnection, request: LinkRequest): Promise<void> {
    const answer = (result: Record<string, unknown> | null, error: string | null): void =>
      this.#answer(connection, { type: 'response', id: request.id, result, error });
    try {
      answer(await this.#options.onRequest(connection.host, request.method, request.params), null);
    } catch (error) {
      answer(null, error instanceof Error ? error.message : String(error));
    }
  }

  /** What took long may have outlived the connection, while whoever asked is still reached over another one, and waits. */
  #answer(connection: PeerConnection, response: LinkResponse): void {
    const open = connection.send(response) ? connection : this.#best(connection.host);
    if (!open || (open !== connection && !open.send(response))) return;
    this.#paths.find((path) => path.connection === open)?.unproven.add(response, performance.now());
  }

  /** Answers that may have been lost with their connection: whoever has got one already does not wait for it any more. */
  #answerAnew({ host, unproven }: Path): void {
    for (const response of unproven.take()) {
      const other = this.#best(host.name);
      if (other) this.#answer(other, response);
    }
  }
}

/** What cannot be told to a host must not end this agent, which tells others, and carries servers. */
function sendOrClose(connection: PeerConnection, heartbeat: LinkHeartbeat): void {
  try {
    connection.send(heartbeat);
  } catch (error) {
    connection.close(`it cannot be told of the modules: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** One address may be written in several ways. */
function isSameAddress(one: string, other: string): boolean {
  const canonical = (address: string): string => parseIpAddress(address)?.canonical ?? address;
  return canonical(one) === canonical(other);
}

function giveUp(path: Path, reason: string): void {
  // It says nothing any more.
  const { dialling } = path;
  path.dialling = null;
  dialling?.destroy();
  path.connection?.close(reason);
  path.candidate?.close(reason);
}

function newPath(host: LinkHost, network: string, address: string): Path {
  return {
    host,
    network,
    address,
    connection: null,
    candidate: null,
    candidateSince: 0,
    dialling: null,
    nextDialAt: 0,
    greetedAt: -Infinity,
    heardAt: -Infinity,
    provenAt: -Infinity,
    unproven: new UnprovenAnswers(),
    rttMs: null,
    sent: new Map<number, number>(),
    lastError: null,
    life: undefined,
    told: null,
    heard: null,
  };
}
