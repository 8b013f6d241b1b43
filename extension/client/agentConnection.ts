import { apiProtocolVersion } from '../../schemas/protocolVersion.ts';
import type { HelloResult, LogEvent, ChangedEvent, Snapshot } from '../../schemas/generated/api.ts';
import type { ApiMethod, ApiMethods } from '../../schemas/apiMethods.ts';
import { formatAddress } from './address.ts';
import type { AgentAddress } from './address.ts';
import { backoff } from './backoff.ts';
import type { Pin } from './certificates.ts';
import { Emitter } from './emitter.ts';
import {
  CertificateError,
  ConnectionLostError,
  messageOf,
  ProtocolError,
  RefusedError,
  RequestTimeoutError,
  SetupError,
  TokenError,
} from './errors.ts';
import { race } from './race.ts';
import { RpcConnection } from './rpcConnection.ts';
import type { Notification } from './rpcConnection.ts';
import { isTokenRefused, TokenRefusals } from './tokenRefusals.ts';

/** How things stand between this editor and a cluster. */
export type ConnectionState =
  /** Nobody looks, so nothing is tried. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'connecting' }
  | { readonly kind: 'connected'; readonly address: string; readonly hello: HelloResult }
  /** Tried again by itself. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** A person has to do something first, or hosts that are down have to come back: where that is possible it is tried again. */
  | {
      readonly kind: 'blocked';
      readonly problem: 'token' | 'certificate' | 'version' | 'setup';
      readonly reason: string;
    };

export interface AgentConnectionOptions {
  /** Addresses to begin with, the preferred one first. */
  readonly addresses: readonly AgentAddress[];
  readonly pin: Pin;
  /** Reads the token each time one is needed; undefined: none is known. */
  readonly token: () => Promise<string | undefined>;
  /** File that it is from; without, a person has entered it. */
  readonly tokenFile?: string | null;
  /** Program and version, for the agent's log. */
  readonly client: string;
  readonly log?: (level: 'debug' | 'info' | 'warn', message: string) => void;
  /** From 0 to 1; for tests. */
  readonly random?: () => number;
}

/** Milliseconds that the next address waits while the ones before it are still being tried. */
const stagger = 400;
const attendedPing = { interval: 2000, timeout: 4000 };
const unattendedPing = { interval: 30_000, timeout: 10_000 };

/**
 * The lasting connection to a cluster: through whichever of its hosts answers, again and again with growing pauses, for as long
 * as somebody looks. After each reconnect it begins with a fresh snapshot.
 */
export class AgentConnection {
  readonly onState = new Emitter<ConnectionState>();
  readonly onSnapshot = new Emitter<Snapshot>();
  readonly onChanged = new Emitter<ChangedEvent>();
  readonly onLog = new Emitter<LogEvent>();
  readonly #options: AgentConnectionOptions;
  #state: ConnectionState = { kind: 'idle' };
  #addresses: readonly AgentAddress[];
  #rpc: RpcConnection | null = null;
  #attempt = 0;
  #retry: NodeJS.Timeout | null = null;
  #attended = false;
  #running: AbortController | null = null;
  #disposed = false;
  /** Forgotten whenever a person asks for another try. */
  readonly #refusals = new TokenRefusals();

  constructor(options: AgentConnectionOptions) {
    this.#options = options;
    this.#addresses = options.addresses;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /**
   * Says whether somebody looks at this cluster. Only then is it tried again and again; an open connection stays open, since the
   * agent sends changes by itself, and when it is lost every host is asked once.
   */
  setAttended(attended: boolean): void {
    if (this.#attended === attended || this.#disposed) return;
    this.#attended = attended;
    this.#keepAlive();
    const isRefused = this.#refusals.any && this.#refusals.willing(this.#addresses).length === 0;
    if (attended && !isRefused) this.retryNow();
    if (!attended && this.#retry !== null) this.#pause({ kind: 'idle' });
  }

  /** Tries at once, whatever was in the way; for a person who asks for it or has put it right. */
  retryNow(): void {
    if (this.#disposed || this.#rpc !== null || this.#running !== null) return;
    this.#clearRetry();
    this.#attempt = 0;
    this.#refusals.clear();
    // Not at the tries that follow: a tree that flickers with each of them tells nothing.
    this.#setState({ kind: 'connecting' });
    void this.#connect();
  }

  /** Ends the present connection and connects anew, for example with another token. */
  restart(): void {
    this.#running?.abort();
    this.#running = null;
    const rpc = this.#rpc;
    this.#rpc = null;
    rpc?.close();
    this.retryNow();
  }

  /** Adds the addresses of the cluster's other hosts, so that one of them can be asked when this one is gone. */
  learn(addresses: readonly AgentAddress[]): void {
    // A certificate pinned by itself covers one host only.
    if (this.#options.pin.kind !== 'authority') return;
    const known = new Map(
      [...this.#options.addresses, ...addresses].map((address) => [formatAddress(address), address]),
    );
    // In the order that there is: whoever failed last stays the last to be asked.
    const kept = this.#addresses.filter((address) => known.delete(formatAddress(address)));
    this.#addresses = [...kept, ...known.values()];
  }

  /** @throws RefusedError, RequestTimeoutError, ConnectionLostError or ProtocolError */
  request<M extends ApiMethod>(method: M, params: ApiMethods[M]['params']): Promise<ApiMethods[M]['result']> {
    if (this.#rpc === null) return Promise.reject(new ConnectionLostError('Not connected to the cluster now.'));
    return this.#rpc.request(method, params);
  }

  dispose(): void {
    this.#disposed = true;
    this.#clearRetry();
    this.#running?.abort();
    this.#rpc?.close();
    this.#rpc = null;
    for (const emitter of [this.onState, this.onSnapshot, this.onChanged, this.onLog]) emitter.dispose();
  }

  async #connect(): Promise<void> {
    const running = new AbortController();
    this.#running = running;
    try {
      const token = await this.#options.token();
      if (token === undefined) throw new TokenError('No token is known for this cluster. Enter one.');
      const session = await race(
        this.#refusals.willing(this.#addresses),
        stagger,
        running.signal,
        (address, signal) => this.#open(address, token, signal),
        (late) => late.rpc.close(),
      );
      if (this.#isStale(running)) session.rpc.close();
      // It may have come to its end before anybody listened.
      else if (session.rpc.ended !== null) throw session.rpc.ended;
      else this.#connected(session);
    } catch (error) {
      if (!this.#isStale(running)) this.#failed(error);
    }
  }

  async #open(address: AgentAddress, token: string, signal: AbortSignal): Promise<Session> {
    try {
      const { pin, tokenFile = null } = this.#options;
      return await this.#greet(address, await RpcConnection.open({ address, pin, token, tokenFile, signal }));
    } catch (error) {
      if (!isTokenRefused(error)) throw error;
      if (!signal.aborted) this.#refusals.add(address);
      throw new TokenError(messageOf(error), { cause: error });
    }
  }

  async #greet(address: AgentAddress, rpc: RpcConnection): Promise<Session> {
    try {
      const hello = await rpc.request('session.hello', {
        protocolVersion: apiProtocolVersion,
        client: this.#options.client,
      });
      // Changes may follow on the heels of the snapshot: keep them until somebody listens.
      const early: Notification[] = [];
      const buffering = rpc.onNotification.on((notification) => early.push(notification));
      const snapshot = await rpc.request('cluster.subscribe', { log: true });
      return { address, rpc, hello, snapshot, early, buffering };
    } catch (error) {
      rpc.close();
      throw error;
    }
  }

  #connected({ address, rpc, hello, snapshot, early, buffering }: Session): void {
    this.#running = null;
    this.#rpc = rpc;
    this.#attempt = 0;
    this.#refusals.clear();
    // The host that answered goes first the next time.
    this.#addresses = [address, ...this.#addresses.filter((other) => other !== address)];
    const own = snapshot.hosts.find(({ name }) => name === hello.host)?.networks ?? [];
    const isOwn = (other: AgentAddress): boolean =>
      formatAddress(other) === formatAddress(address) || own.some((network) => network.address === other.host);
    rpc.onClosed.on((reason) => this.#lost(rpc, isOwn, reason));
    this.#log(
      'info',
      `connected to ${hello.host} of cluster ${hello.cluster} at ${formatAddress(address)} as ${hello.role}`,
    );
    this.#setState({ kind: 'connected', address: formatAddress(address), hello });
    this.onSnapshot.emit(snapshot);
    buffering.dispose();
    for (const notification of early) this.#notified(notification);
    rpc.onNotification.on((notification) => this.#notified(notification));
    this.#keepAlive();
  }

  #notified(notification: Notification): void {
    if (notification.method === 'cluster.changed') this.onChanged.emit(notification.params);
    else this.onLog.emit(notification.params);
  }

  /** @param isOwn tells the addresses of the host that it went to */
  #lost(rpc: RpcConnection, isOwn: (address: AgentAddress) => boolean, reason: Error): void {
    if (this.#rpc !== rpc) return;
    this.#rpc = null;
    this.#log('info', `connection lost: ${reason.message}`);
    // The other hosts first: this one has just failed.
    const others = this.#addresses.filter((address) => !isOwn(address));
    this.#addresses = [...others, ...this.#addresses.filter((address) => isOwn(address))];
    if (reason instanceof ProtocolError) this.#failed(reason);
    // Once even when nobody looks: the host may be lost, and what became of its modules is what an editor is told most for.
    else this.retryNow();
  }

  #failed(error: unknown): void {
    this.#running = null;
    const obstacle = problemOf(error);
    // Some hosts are up and refused; the token may be good on one that is down.
    const isPartly = this.#refusals.any && obstacle !== 'token';
    const problem = isPartly ? 'token' : obstacle;
    const reason = isPartly ? this.#refusals.words(messageOf(error)) : messageOf(error);
    // The same failure again and again is one line in the log.
    const repeated = 'reason' in this.#lastFailure && this.#lastFailure.reason === reason;
    this.#log(repeated ? 'debug' : 'warn', reason);
    this.#lastFailure = { reason };
    this.#setState(problem === null ? { kind: 'unreachable', reason } : { kind: 'blocked', problem, reason });
    // Nobody is left who could take the token.
    if (obstacle === 'token' || !this.#attended) return;
    const pause = backoff(obstacle === null ? this.#attempt++ : 10, (this.#options.random ?? Math.random)());
    this.#retry = setTimeout(() => {
      this.#retry = null;
      void this.#connect();
    }, pause);
  }

  #lastFailure: { readonly reason: string } | Record<never, never> = {};

  #pause(state: ConnectionState): void {
    this.#clearRetry();
    if (this.#state.kind !== 'blocked') this.#setState(state);
  }

  #clearRetry(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }

  #keepAlive(): void {
    const { interval, timeout } = this.#attended ? attendedPing : unattendedPing;
    this.#rpc?.keepAlive(interval, timeout);
  }

  #isStale(running: AbortController): boolean {
    return this.#disposed || this.#running !== running;
  }

  #setState(state: ConnectionState): void {
    this.#state = state;
    this.onState.emit(state);
  }

  #log(level: 'debug' | 'info' | 'warn', message: string): void {
    this.#options.log?.(level, message);
  }
}

interface Session {
  readonly address: AgentAddress;
  readonly rpc: RpcConnection;
  readonly hello: HelloResult;
  readonly snapshot: Snapshot;
  readonly early: readonly Notification[];
  readonly buffering: { dispose(): void };
}

/** What a person has to put right before it can work; null: nothing, it may work next time. */
function problemOf(error: unknown): 'token' | 'certificate' | 'version' | 'setup' | null {
  if (error instanceof TokenError) return 'token';
  if (error instanceof SetupError) return 'setup';
  if (error instanceof CertificateError) return 'certificate';
  if (error instanceof RefusedError && error.refusal.code === 'PROTOCOL_VERSION') return 'version';
  return error instanceof ProtocolError && !(error instanceof RequestTimeoutError) ? 'version' : null;
}
