import { formatAddress, parseAddress } from '../client/address.ts';
import type { AgentAddress } from '../client/address.ts';
import { AgentConnection } from '../client/agentConnection.ts';
import type { AgentConnectionOptions, ConnectionState } from '../client/agentConnection.ts';
import { Emitter } from '../client/emitter.ts';
import { apiMethods, isRoleEnough } from '../../schemas/apiMethods.ts';
import type { ApiMethod } from '../../schemas/apiMethods.ts';
import type { LogEntry, Role } from '../../schemas/generated/api.ts';
import { ClusterStore } from '../model/clusterStore.ts';
import type { StoreChange } from '../model/clusterStore.ts';
import { TrafficHistory } from '../model/trafficHistory.ts';
import type { TrafficSample } from '../../schemas/panel.ts';
import type { ClusterProfile } from './profile.ts';

/** One known cluster: its connection, its last known state, and who looks at it. */
export class ClusterSession {
  readonly store = new ClusterStore(() => performance.now());
  /** The state or the connection changed; null: only the connection. */
  readonly onChange = new Emitter<StoreChange | null>();
  readonly onLog = new Emitter<readonly LogEntry[]>();
  readonly onSample = new Emitter<{ readonly module: string; readonly sample: TrafficSample }>();
  /** Addresses of the cluster's hosts, whenever they are told. */
  readonly onLearnt = new Emitter<readonly string[]>();
  readonly #connection: AgentConnection | null;
  readonly #histories = new Map<string, TrafficHistory>();

  constructor(
    readonly profile: ClusterProfile,
    learnt: readonly string[],
    options: Pick<AgentConnectionOptions, 'client' | 'token' | 'tokenFile' | 'log'>,
  ) {
    if (profile.pin === null) {
      this.#connection = null;
      return;
    }
    const addresses = addressesOf(profile.addresses);
    const connection = new AgentConnection({ addresses, pin: profile.pin, ...options });
    connection.learn(addressesOf(learnt));
    connection.onState.on((state) => this.#stateChanged(state));
    connection.onSnapshot.on((snapshot) => this.#changed(this.store.replace(snapshot)));
    connection.onChanged.on((event) => this.#changed(this.store.apply(event)));
    connection.onLog.on((event) => this.onLog.emit(event.entries));
    this.#connection = connection;
  }

  get state(): ConnectionState {
    if (this.#connection !== null) return this.#connection.state;
    const reason = this.profile.problem ?? 'This cluster is not set up completely.';
    return { kind: 'blocked', problem: 'setup', reason };
  }

  get connected(): boolean {
    return this.state.kind === 'connected';
  }

  /** Of the token, while connected. */
  get role(): Role | null {
    return this.state.kind === 'connected' ? this.state.hello.role : null;
  }

  /** Whether the cluster is connected, with a token that may call this. */
  may(method: ApiMethod): boolean {
    return this.role !== null && isRoleEnough(this.role, apiMethods[method].role);
  }

  /** Milliseconds since 1970 at which the state was last known to be true; null: never. */
  get asOf(): number | null {
    return this.store.age === null ? null : Date.now() - this.store.age;
  }

  request: AgentConnection['request'] = (method, params) => {
    if (this.#connection === null) return Promise.reject(new Error(this.profile.problem ?? 'Not connected.'));
    return this.#connection.request(method, params);
  };

  setAttended(attended: boolean): void {
    this.#connection?.setAttended(attended);
  }

  reconnect(): void {
    this.#connection?.restart();
  }

  history(module: string): readonly TrafficSample[] {
    return this.#histories.get(module)?.samples ?? [];
  }

  dispose(): void {
    this.#connection?.dispose();
    this.onChange.dispose();
    this.onLog.dispose();
    this.onSample.dispose();
  }

  #stateChanged(state: ConnectionState): void {
    if (state.kind !== 'connected') {
      this.store.disconnected();
      this.#breakPlots();
    }
    this.onChange.emit(null);
  }

  /** What happened while there was no connection is not known: a plot has a gap there. */
  #breakPlots(): void {
    for (const [module, history] of this.#histories) {
      const sample = history.addGap(Date.now());
      if (sample !== null) this.onSample.emit({ module, sample });
    }
  }

  #changed(change: StoreChange | null): void {
    if (change === null) return;
    if (change.structure || change.hosts.length > 0) this.#learn();
    this.onChange.emit(change);
    for (const name of change.modules) this.#sample(name);
  }

  /** All hosts of a cluster have their API on the same port. */
  #learn(): void {
    const port = addressesOf(this.profile.addresses)[0]?.port;
    const hosts = this.store.snapshot?.hosts ?? [];
    const addresses = hosts.flatMap((host) =>
      host.networks.map((network) => ({ host: network.address, port: port ?? 0 })),
    );
    this.#connection?.learn(addresses);
    this.onLearnt.emit(addresses.map((address) => formatAddress(address)));
  }

  #sample(name: string): void {
    const module = this.store.module(name);
    if (module === undefined) return;
    const history = this.#histories.get(name) ?? new TrafficHistory();
    this.#histories.set(name, history);
    const sample = history.add(module, Date.now());
    if (sample !== null) this.onSample.emit({ module: name, sample });
  }
}

function addressesOf(texts: readonly string[]): AgentAddress[] {
  return texts.map((text) => parseAddress(text)).filter((address) => typeof address !== 'string');
}
