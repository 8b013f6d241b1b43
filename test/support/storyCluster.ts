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
  MaintenanceStatus,
  ModuleStatus,
  ReplicaStatus,
  ResyncPause,
  ResyncStatus,
  Role,
} from '../../schemas/generated/api.ts';
import { freePort } from '../ui/vscodeHost.ts';
import { moduleStatus, replicaStatus } from './memoryFacade.ts';
import { addresses, StoryState } from './storyState.ts';
import type { StoryHost } from './storyState.ts';

export type { StoryHost } from './storyState.ts';

/**
 * A cluster behind the real API (TLS, tokens, sessions) whose modules do what they are told at once, without hosts, mirrors or
 * servers. What is tested against it is the editor's side.
 */
export class StoryCluster extends StoryState {
  readonly token: string;
  readonly port: number;
  readonly folder: string;
  readonly authority: CertifiedKey;
  /** Milliseconds that a command takes. */
  commandTime = 200;
  /** What a command awaits before that time begins: a test holds one back with it. */
  heldUntil: Promise<void> | null = null;
  /** How often the agents refused a token, which each of them writes into its audit log. */
  refusedTokens = 0;
  readonly #servers = new Map<StoryHost, ApiServer>();
  readonly #tokens: ClientTokens;

  private constructor(folder: string, port: number, authority: CertifiedKey, files: Readonly<Record<string, string>>) {
    super(files);
    this.folder = folder;
    this.port = port;
    this.authority = authority;
    this.#tokens = new ClientTokens(folder);
    this.token = this.createToken('editor', 'admin');
  }

  /** Starts both agents' APIs. `web` is stopped, `db` runs on beta. @param files that the hosts run by, by their names */
  static async start(
    files: Readonly<Record<string, string>> = { 'web.module.jsonc': '{ "name": "web" }\n' },
  ): Promise<StoryCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'understudy-story-'));
    const story = new StoryCluster(folder, await freePort(), await createAuthority('site'), files);
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
    this.down.delete(host);
  }

  async stopAgent(host: StoryHost): Promise<void> {
    this.down.add(host);
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

  async close(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.close()));
    await rm(this.folder, { recursive: true, force: true });
  }

  #facadeOf(host: StoryHost): AgentFacade {
    return {
      host,
      cluster: 'site',
      agentVersion: '0.1.0',
      snapshot: () => this.snapshot(host),
      onChange: (listener) => this.onChange(listener),
      onLog: (listener) => this.onLog(listener),
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
      applyFiles: async (...asked) => this.#told(await this.files.applyFiles(...asked)),
      restoreFiles: async (...asked) => this.#told(await this.files.restoreFiles(...asked)),
      versions: this.files.versions,
      version: this.files.version,
      isServing: (module) => this.modules.get(module)?.primary === host,
    };
  }

  /** With another version of the files, perhaps. */
  #told<T>(outcome: T): T {
    this.tell([]);
    return outcome;
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
      this.drained.add(host);
    } else this.drained.delete(host);
    this.tell([]);
    const message = drain ? `${host} may be rebooted` : `${host} takes modules again`;
    return Promise.resolve({ ok: true, result: { durationMs: 0, message } });
  }

  /** Goes on until {@link endVerify}. */
  #verify(module: string): Promise<Outcome> {
    this.verifyProgress(module, { toCheck: 0, checked: 0, secondsLeft: null });
    return Promise.resolve({ ok: true, result: { durationMs: 0, message: `${module} is being verified` } });
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
