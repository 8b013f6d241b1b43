import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfiguration, readAgentFile } from '../../agent/config/configuration.ts';
import { PendingFile } from '../../agent/config/pendingVersion.ts';
import { VersionStore, type FileVersion } from '../../agent/config/versions.ts';
import type { HostLinks } from '../../agent/host/hostLinks.ts';
import { CurrentConfiguration } from '../../agent/runtime/currentConfiguration.ts';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import { FileApply, isAboutFiles } from '../../agent/runtime/fileApply.ts';
import { driftOf } from '../../agent/runtime/fileDrift.ts';
import { HostFiles } from '../../agent/runtime/hostFiles.ts';
import type { ApplyResult } from '../../schemas/generated/api.ts';
import type { LinkRequest, LinkVersion } from '../../schemas/generated/link.ts';
import type { SmallCluster } from './witnessClusters.ts';

type Name = 'alpha' | 'beta';

/** The part of a cluster's two hosts that applies files, as their agents have it, with real links between them and to the witness. */
export class ApplyingHosts {
  readonly folder = mkdtempSync(join(tmpdir(), 'understudy-applying-'));
  readonly #hosts = new Map<Name, Host>();
  /** Requests of a host that get lost on their way. */
  lost: (to: string, method: LinkRequest['method']) => boolean = () => false;

  constructor(readonly cluster: SmallCluster) {
    mkdirSync(join(this.folder, 'srv'));
    for (const name of ['alpha', 'beta']) {
      mkdirSync(join(this.folder, name, 'modules'), { recursive: true });
      const settings = { host: name, stateDirectory: join(this.folder, name, 'state') };
      writeFileSync(join(this.folder, name, 'agent.jsonc'), JSON.stringify(settings));
      writeFileSync(join(this.folder, name, cluster.fileName), cluster.text());
      writeFileSync(join(this.folder, name, 'modules', 'web.module.jsonc'), this.webText());
    }
  }

  webText(more: object = {}): string {
    return JSON.stringify({
      name: 'web',
      hosts: ['alpha', 'beta'],
      mirror: { directories: [join(this.folder, 'srv')] },
      server: { scripts: { start: ['/bin/true'], stop: ['/bin/true'] } },
      ...more,
    });
  }

  /** What a host's disk remembers as applied. */
  remember(name: Name, version: FileVersion): void {
    new VersionStore(join(this.folder, name, 'state')).save(version);
  }

  async start(name: Name): Promise<Host> {
    const host = await Host.start(this, name);
    this.#hosts.set(name, host);
    return host;
  }

  async stop(name: Name): Promise<void> {
    await this.#hosts.get(name)?.stop();
    this.#hosts.delete(name);
  }

  async remove(): Promise<void> {
    for (const name of [...this.#hosts.keys()]) await this.stop(name);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class Host {
  readonly #told = new Map<string, LinkVersion>();

  private constructor(
    readonly links: HostLinks,
    readonly files: HostFiles,
    readonly fileApply: FileApply,
    readonly configuration: CurrentConfiguration,
  ) {}

  static async start(of: ApplyingHosts, name: Name): Promise<Host> {
    const directory = join(of.folder, name);
    const state = join(directory, 'state');
    const loaded = await loadConfiguration(directory);
    if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join());
    const configuration = new CurrentConfiguration(loaded.configuration);
    const log = new EventLog(join(directory, 'log.jsonl'), name, 'error');
    const store = new VersionStore(state);
    const network = () => ({ self: configuration.self, others: configuration.others });
    const links: HostLinks = of.cluster.links(
      await of.cluster.identity(name),
      {
        ...network(),
        version: () => files.told,
        onHeartbeat: (from, _modules, version) => {
          host.#told.set(from, version);
          fileApply.heard(from, version);
        },
        onRequest: (from, method, params) =>
          isAboutFiles(method) ? fileApply.answer(from, method, params) : Promise.reject(new Error('not asked here')),
      },
      configuration.others.map((other) => other.name),
    );
    const files: HostFiles = new HostFiles({
      configuration,
      agentFile: await readAgentFile(directory),
      store,
      slots: [],
      pending: new PendingFile(state),
      hold: () => Promise.resolve(),
      heardOn: (other) => links.networks(other).flatMap(({ network: on, up }) => (up ? [on] : [])),
      log,
      takeEffect: () => links.change({ ...network(), heartbeatMs: 100, detectionMs: 3000 }),
      onChange: () => links.hurry(),
    });
    const fileApply: FileApply = new FileApply({
      configuration,
      files,
      links: {
        reachable: (other) => links.reachable(other),
        request: (other, method, params, timeoutMs) =>
          of.lost(other, method)
            ? Promise.reject(new Error(`${method} to ${other} got lost`))
            : links.request(other, method, params, timeoutMs),
      },
      toldBy: (other) => host.#told.get(other) ?? null,
      read: (number) => store.read(number),
      log,
    });
    const host: Host = new Host(links, files, fileApply, configuration);
    await files.start();
    await links.start();
    return host;
  }

  apply(changed: Readonly<Record<string, string | null>>, dryRun = false): Promise<ApplyResult> {
    const files = Object.entries(changed).map(([name, text]) => ({ name, text }));
    return this.fileApply.apply(files, 'ops', { note: null, dryRun, base: null });
  }

  /** The version of the files that the other host, or the witness, was last heard to run by. */
  heardOf(other: string): LinkVersion | null {
    return this.#told.get(other) ?? null;
  }

  /** What an operator is shown of differences. */
  get drift(): readonly string[] {
    const told = (name: string, version: LinkVersion) => ({
      host: name,
      version,
      isReachable: this.links.reachable(name),
    });
    return driftOf(
      { host: this.configuration.self.name, version: this.files.told, isReachable: true },
      [...this.#told].map(([name, version]) => told(name, version)),
    );
  }

  async stop(): Promise<void> {
    this.files.close();
    await this.links.stop();
  }
}
