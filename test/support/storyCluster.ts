import { MemoryFiles } from './memoryFiles.ts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApiServer } from '../../agent/api/apiServer.ts';
import type { ApiServer } from '../../agent/api/apiServer.ts';
import type { AgentFacade, Outcome } from '../../agent/api/facade.ts';
import { createAuthority, createHostCertificate } from '../../agent/security/certificates.ts';
import type { CertifiedKey } from '../../agent/security/certificates.ts';
import { ClientTokens } from '../../agent/security/clientTokens.ts';
import type {
  ChangedEvent,
  HostStatus,
  LastVerify,
  MaintenanceStatus,
  LogEntry,
  LogEvent,
  ModuleStatus,
  ReplicaStatus,
  ResyncPause,
  ResyncStatus,
  Role,
  Snapshot,
  VerifyStatus,
} from '../../schemas/generated/api.ts';
import { freePort } from '../ui/vscodeHost.ts';
import { moduleStatus, replicaStatus } from './memoryFacade.ts';

/** Loopback addresses stand for the hosts: all of them have the API on the same port, as in a real cluster. */
const addresses = { alpha: '127.0.0.1', beta: '127.0.0.2' } as const;
export type StoryHost = keyof typeof addresses;

/**
 * A cluster behind the real API (TLS, tokens, sessions) whose modules do what they are told at once, without hosts, mirrors or
 * servers. What is tested against it is the editor's side.
 */
export class StoryCluster {
  readonly modules = new Map<string, ModuleStatus>();
  readonly files = new MemoryFiles({ 'web.module.jsonc': '{ "name": "web" }\n' });
  readonly entries: LogEntry[] = [];
  readonly token: string;
  readonly port: number;
  readonly folder: string;
  readonly authority: CertifiedKey;
  /** Milliseconds that a command takes. */
  commandTime = 200;
  /** What a command awaits before that time begins: a test holds one back with it. */
  heldUntil: Promise<void> | null = null;
  witnessReachable = true;
  /** How often the agents refused a token, which each of them writes into its audit log. */
  refusedTokens = 0;
  /** What hosts carry, by their names. */
  readonly loads = new Map<string, HostStatus['load']>();
  #revision = 1;
  readonly #servers = new Map<StoryHost, ApiServer>();
  readonly #changes = new Set<(event: ChangedEvent) => void>();
  readonly #logs = new Set<(event: LogEvent) => void>();
  readonly #tokens: ClientTokens;
  readonly #drained = new Set<string>();
  readonly #down = new Set<string>();

  private constructor(folder: string, port: number, authority: CertifiedKey) {
    this.folder = folder;
    this.port = port;
    this.authority = authority;
    this.#tokens = new ClientTokens(folder);
    this.token = this.createToken('editor', 'admin');
  }

  /** Starts both agents' APIs. `web` is stopped, `db` runs on beta. */
  static async start(): Promise<StoryCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'understudy-story-'));
    const story = new StoryCluster(folder, await freePort(), await createAuthority('site'));
    const stopped = { server: { state: 'stopped' as const, detail: null, startedAt: null, restarts: 0 } };
    story.modules.set(
      'web',
      moduleStatus('web', {
        desired: 'stopped',
        primary: null,
        onHosts: [replicaStatus('alpha', 'STOP', stopped), replicaStatus('beta', 'STOP', stopped)],
      }),
    );
    story.modules.set('db', moduleStatus('db', { primary: 'beta', hosts: ['beta', 'alpha'] }));
    story.serveOn('db', 'beta');
    await Promise.all([story.startAgent('alpha'), story.startAgent('beta')]);
    return story;
  }

  /** Clients that are subscribed now. */
  get clients(): number {
    return this.#changes.size;
  }

  createToken(name: string, role: Role): string {
    return this.#tokens.create(name, role);
  }

  revokeToken(name: string): void {
    this.#tokens.revoke(name);
  }

  /** `HOST:PORT` of an agent. */
  addressOf(host: StoryHost): string {
    return `${addresses[host]}:${this.port}`;
  }

  /**
   * @param authority another one, for a host that was set up anew
   * @param tokens those of this host, when they are not those of the others
   */
  async startAgent(host: StoryHost, authority = this.authority, tokens = this.#tokens): Promise<void> {
    const key = await createHostCertificate(authority, { host, addresses: [addresses[host]] });
    const server = await startApiServer({
      facade: this.#facadeOf(host),
      tokens,
      listen: [addresses[host]],
      port: this.port,
      identity: { ...key, authority: authority.certificate },
      enrol: null,
      audit: ({ code }) => {
        if (code === 'NOT_AUTHENTICATED') this.refusedTokens += 1;
      },
      internalError: (error) => {
        throw error;
      },
      warn: () => undefined,
    });
    this.#servers.set(host, server);
    this.#down.delete(host);
  }

  async stopAgent(host: StoryHost): Promise<void> {
    this.#down.add(host);
    await this.#servers.get(host)?.close();
    this.#servers.delete(host);
  }

  /** Writes the file that UNDERSTUDY_CLUSTER_FILE names, with the token beside it; returns its path. */
  async writeClusterFile(): Promise<string> {
    const file = join(this.folder, 'cluster.json');
    await writeFile(join(this.folder, 'ca.crt'), this.authority.certificate);
    await writeFile(join(this.folder, 'editor.token'), `${this.token}\n`, { mode: 0o600 });
    const content = { name: 'site', addresses: [this.addressOf('alpha')], caFile: 'ca.crt', tokenFile: 'editor.token' };
    await writeFile(file, JSON.stringify(content));
    return file;
  }

  /** Changes a module and tells every client. */
  change(name: string, edit: (module: ModuleStatus) => void): void {
    const module = this.modules.get(name);
    if (module === undefined) throw new Error(`There is no module ${name}.`);
    const next = structuredClone(module);
    edit(next);
    this.modules.set(name, next);
    this.#tell([next]);
  }

  log(module: string | null, code: string, message: string, level: LogEntry['level'] = 'info'): void {
    const entry: LogEntry = { time: new Date().toISOString(), host: 'alpha', module, level, code, message };
    this.entries.push(entry);
    for (const listener of this.#logs) listener({ entries: [entry] });
  }

  /** Makes `host` the primary, with the other one as its secondary in sync. */
  serveOn(name: string, host: string): void {
    this.change(name, (module) => {
      module.desired = 'started';
      module.primary = host;
      module.epoch += 1;
      module.warnings = [];
      module.inSync = [...module.hosts];
      module.onHosts = module.hosts.map((other) =>
        replicaStatus(other, other === host ? 'PRIM' : 'SECOND', {
          epoch: module.epoch,
          since: new Date().toISOString(),
          traffic: other === host ? trafficNow(0) : null,
        }),
      );
    });
  }

  /** Sends a new measurement of a running module. `step` makes it vary. */
  traffic(name: string, step: number): void {
    this.change(name, (module) => {
      for (const replica of module.onHosts) if (replica.traffic !== null) replica.traffic = trafficNow(step);
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.close()));
    await rm(this.folder, { recursive: true, force: true });
  }

  snapshot(self: string): Snapshot {
    return {
      revision: this.#revision,
      time: new Date().toISOString(),
      cluster: 'site',
      self,
      arbiter: { kind: 'witness', host: 'gamma', reachable: this.witnessReachable },
      hosts: this.#hosts(),
      modules: [...this.modules.values()],
    };
  }

  #hosts(): HostStatus[] {
    const lastSeen = new Date().toISOString();
    const host = (name: string, role: HostStatus['role'], address: string, reachable: boolean): HostStatus => ({
      name,
      role,
      reachable,
      lastSeen,
      agentVersion: '0.1.0',
      drain: this.#drained.has(name) ? 'drained' : null,
      load: this.loads.get(name) ?? null,
      networks: [{ name: 'lan', address, up: reachable, rttMs: reachable ? 0.4 : null }],
    });
    return [
      host('alpha', 'host', addresses.alpha, !this.#down.has('alpha')),
      host('beta', 'host', addresses.beta, !this.#down.has('beta')),
      host('gamma', 'witness', '127.0.0.3', this.witnessReachable),
    ];
  }

  #tell(modules: ModuleStatus[]): void {
    this.#revision += 1;
    const { revision, time, arbiter, hosts } = this.snapshot('alpha');
    for (const listener of this.#changes) listener({ revision, time, arbiter, hosts, modules });
  }

  #facadeOf(host: StoryHost): AgentFacade {
    const subscribe = <T>(set: Set<T>, listener: T): (() => void) => {
      set.add(listener);
      return () => set.delete(listener);
    };
    return {
      host,
      cluster: 'site',
      agentVersion: '0.1.0',
      snapshot: () => this.snapshot(host),
      onChange: (listener) => subscribe(this.#changes, listener),
      onLog: (listener) => subscribe(this.#logs, listener),
      eventCounts: () => [],
      readLog: ({ module, limit }) =>
        this.entries.filter((entry) => module === undefined || entry.module === module).slice(-limit),
      start: (module, anyway) => this.#start(module, anyway),
      stop: (module) => this.#perform(module, 'stopping', () => this.#stop(module)),
      switchover: (module, to) => this.#perform(module, 'demoting', () => this.serveOn(module, to ?? '')),
      forcePrimary: (module, target) => this.#perform(module, 'promoting', () => this.#alone(module, target)),
      resolve: (module, keep) => this.#perform(module, 'demoting', () => this.serveOn(module, keep)),
      verify: (module) => this.#verify(module),
      stopVerify: (module, by) => {
        this.endVerify(module, by.name, [], 'stopped');
        return Promise.resolve({ ok: true, result: { durationMs: 0, message: `the verify of ${module} is stopped` } });
      },
      pauseResync: (module, by) => this.#paceResync(module, { at: new Date().toISOString(), by: by.name }),
      resumeResync: (module, bandwidth) => this.#paceResync(module, null, bandwidth),
      paceResync: (module, bandwidth) => this.#paceResync(module, undefined, bandwidth),
      repair: (module, verifiedAt, by) => this.#repair(module, verifiedAt, by.name),
      beginMaintenance: (module, forMs, reason, by) =>
        this.#maintain(module, { until: new Date(Date.now() + forMs).toISOString(), reason, by: by.name }),
      endMaintenance: (module) => this.#maintain(module, null),
      drain: (target) => this.#drain(target, 'drained'),
      undrain: (target) => this.#drain(target, null),
      fence: () => Promise.resolve({ ok: false, refusal: { code: 'BAD_REQUEST', reason: 'Nothing fences here.' } }),
      testFence: () => Promise.resolve({ ok: false, refusal: { code: 'BAD_REQUEST', reason: 'Nothing fences here.' } }),
      upgrade: () => Promise.resolve({ ok: false, refusal: { code: 'FAILED', reason: 'There is nothing newer.' } }),
      applyFiles: this.files.applyFiles,
      restoreFiles: this.files.restoreFiles,
      versions: this.files.versions,
      version: this.files.version,
      isServing: (module) => this.modules.get(module)?.primary === host,
    };
  }

  #maintain(name: string, maintenance: MaintenanceStatus | null): Promise<Outcome> {
    this.change(name, (module) => (module.maintenance = maintenance));
    const message = maintenance ? `${name} is in maintenance` : `the maintenance of ${name} has ended`;
    return Promise.resolve({ ok: true, result: { durationMs: 0, message } });
  }

  #drain(host: string, drain: 'drained' | null): Promise<Outcome> {
    if (drain) {
      for (const [name, { primary, hosts }] of this.modules) {
        if (primary === host) this.serveOn(name, hosts.find((other) => other !== host) ?? '');
      }
      this.#drained.add(host);
    } else this.#drained.delete(host);
    this.#tell([]);
    const message = drain ? `${host} may be rebooted` : `${host} takes modules again`;
    return Promise.resolve({ ok: true, result: { durationMs: 0, message } });
  }

  /** Goes on until {@link endVerify}. */
  #verify(module: string): Promise<Outcome> {
    this.verifyProgress(module, { toCheck: 0, checked: 0, secondsLeft: null });
    return Promise.resolve({ ok: true, result: { durationMs: 0, message: `${module} is being verified` } });
  }

  verifyProgress(module: string, progress: Pick<VerifyStatus, 'toCheck' | 'checked' | 'secondsLeft'>): void {
    this.change(module, (status) => {
      const primary = status.onHosts.find(({ host }) => host === status.primary);
      if (primary === undefined) return;
      const startedAt = primary.verify?.startedAt ?? new Date().toISOString();
      primary.verify = { startedAt, names: 8, differences: 0, rate: 52_428_800, ...progress };
    });
  }

  endVerify(
    module: string,
    by: string,
    differences: LastVerify['differences'],
    outcome: LastVerify['outcome'] = 'complete',
  ): void {
    this.change(module, (status) => {
      for (const replica of status.onHosts) replica.verify = null;
      status.lastVerify = {
        ...{ at: new Date().toISOString(), host: status.primary ?? '', by, outcome },
        ...{ reason: outcome === 'stopped' ? 'it was stopped' : null, names: 8, checked: 2_147_483_648 },
        ...{ durationMs: 41_000, total: differences.length, differences },
      };
    });
  }

  /** A resync from the primary goes on until {@link serveOn}. */
  resyncProgress(module: string, progress: Partial<ResyncStatus>): void {
    this.change(module, (status) => {
      status.inSync = [status.primary ?? ''];
      for (const replica of status.onHosts) {
        const serves = replica.host === status.primary;
        replica.state = serves ? 'ALONE' : 'SECOND';
        replica.transition = serves ? null : 'resynchronising';
        if (!serves) continue;
        replica.resync = {
          ...{ kind: 'full', cause: 'alpha holds no data of the module yet', toCheck: 0, checked: 0, sent: 0 },
          ...{ startedAt: new Date().toISOString(), holes: 0, content: 0, names: 8, bandwidth: 'adaptive' },
          ...{ rate: 0, sentRate: 0, secondsLeft: null, ...replica.resync, ...progress },
        };
      }
    });
  }

  #paceResync(
    module: string,
    paused: ResyncPause | null | undefined,
    bandwidth?: ResyncStatus['bandwidth'],
  ): Promise<Outcome> {
    this.change(module, (status) => {
      const primary = status.onHosts.find(({ host }) => host === status.primary);
      if (primary === undefined) return;
      if (paused !== undefined) primary.resyncPaused = paused;
      if (primary.resync && bandwidth !== undefined) primary.resync.bandwidth = bandwidth;
    });
    const message = paused ? `the resync of ${module} is paused` : `the resync of ${module} goes on`;
    return Promise.resolve({ ok: true, result: { durationMs: 0, message } });
  }

  #repair(module: string, verifiedAt: string, by: string): Promise<Outcome> {
    const last = this.modules.get(module)?.lastVerify;
    if (last?.at !== verifiedAt) {
      const reason = `The verify of ${verifiedAt} is not the last one of ${module}.`;
      return Promise.resolve({ ok: false, refusal: { code: 'NOT_HEALTHY', reason } });
    }
    return this.#perform(module, 'resynchronising', (status) =>
      this.change(module, (each) => {
        each.lastVerify = {
          ...{ ...last, at: new Date().toISOString(), by, total: 0, differences: [] },
          repair: {
            at: last.at,
            by,
            host: status.hosts.find((host) => host !== last.host) ?? '',
            differences: last.total,
            phase: 'checked',
          },
        };
      }),
    );
  }

  async #perform(
    name: string,
    transition: NonNullable<ReplicaStatus['transition']>,
    done: (module: ModuleStatus) => void,
  ): Promise<Outcome> {
    const started = Date.now();
    const module = this.modules.get(name);
    if (module === undefined) {
      return { ok: false, refusal: { code: 'UNKNOWN_MODULE', reason: `There is no module ${name} in this cluster.` } };
    }
    this.change(name, (status) => {
      for (const replica of status.onHosts) replica.transition = transition;
    });
    await this.heldUntil;
    await new Promise((resolve) => setTimeout(resolve, this.commandTime));
    done(module);
    const durationMs = Date.now() - started;
    const message = `${name}: ${transition} done`;
    this.log(name, transition.toUpperCase(), message);
    return { ok: true, result: { durationMs, message } };
  }

  /** What is held back is started only when it is asked for all the same. */
  #start(name: string, anyway: boolean): Promise<Outcome> {
    const held = this.modules.get(name)?.onHosts.find(({ heldBack }) => (heldBack ?? null) !== null);
    if (held !== undefined && !anyway) {
      const reason = `${name} is held back on ${held.host}: ${held.heldBack ?? ''}`;
      return Promise.resolve({ ok: false, refusal: { code: 'NOT_HEALTHY', reason } });
    }
    return this.#perform(name, 'starting', ({ hosts }) => this.serveOn(name, held?.host ?? hosts[0] ?? ''));
  }

  #stop(name: string): void {
    this.change(name, (module) => {
      module.desired = 'stopped';
      module.primary = null;
      module.onHosts = module.hosts.map((host) => replicaStatus(host, 'STOP', { since: new Date().toISOString() }));
    });
  }

  #alone(name: string, host: string): void {
    this.serveOn(name, host);
    this.change(name, (module) => {
      module.inSync = [host];
      for (const replica of module.onHosts) {
        replica.state = replica.host === host ? 'ALONE' : 'WAIT';
        replica.reason = replica.host === host ? null : 'Not in sync: waits to be resynchronised.';
      }
    });
  }
}

function trafficNow(step: number): NonNullable<ReplicaStatus['traffic']> {
  const wave = 1 + Math.sin(step / 3) * 0.4 + Math.sin(step * 1.7) * 0.15;
  return {
    writesPerSecond: 240 * wave,
    bytesPerSecond: 3_400_000 * wave,
    flushesPerSecond: 31 * wave,
    unacknowledged: Math.round(2 * wave),
    lagMicros: 420 + 180 * wave,
    markedBytes: Math.round(1_310_720 * wave),
  };
}
