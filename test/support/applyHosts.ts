import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfiguration, readAgentFile } from '../../agent/config/configuration.ts';
import { PendingFile } from '../../agent/config/pendingVersion.ts';
import { VersionStore } from '../../agent/config/versions.ts';
import { UnreachableError } from '../../agent/host/linkRequests.ts';
import { CurrentConfiguration } from '../../agent/runtime/currentConfiguration.ts';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import { FileApply, type ChangedFile } from '../../agent/runtime/fileApply.ts';
import { HostFiles } from '../../agent/runtime/hostFiles.ts';
import type { ApplyResult } from '../../schemas/generated/api.ts';
import type { LinkRequest } from '../../schemas/generated/link.ts';

export type HostName = 'alpha' | 'beta' | 'gamma';
export const hostNames: readonly HostName[] = ['alpha', 'beta', 'gamma'];
export const webFile = 'web.module.jsonc';
export const clusterFile = 'site.cluster.jsonc';

export interface ApplyHost {
  readonly configuration: CurrentConfiguration;
  readonly files: HostFiles;
  readonly apply: FileApply;
  readonly store: VersionStore;
  /** The versions that took effect. */
  readonly took: string[];
}

/** The parts of three agents that apply files, with the others at the end of calls instead of connections. */
export class ApplyHosts {
  readonly folder = mkdtempSync(join(tmpdir(), 'understudy-apply-'));
  readonly hosts = new Map<HostName, ApplyHost>();
  /** Why a host keeps modules closed. */
  readonly held = new Map<HostName, string | null>();
  /** What was done on which host, in order. */
  readonly order: string[] = [];
  isStopped = false;
  /** Why a host does not know its replica of a module to be as good as the other one. */
  notInSync: (name: HostName) => string | null = () => null;
  /** Requests that get lost on their way. */
  lost: (to: HostName, method: LinkRequest['method']) => boolean = () => false;
  /** Networks that two hosts do not hear each other on. */
  down: (name: HostName, network: string) => boolean = () => false;
  onHold: (name: HostName) => void = () => undefined;

  static async start(): Promise<ApplyHosts> {
    const made = new ApplyHosts();
    mkdirSync(join(made.folder, 'srv'));
    for (const name of hostNames) made.install(name, made.webText());
    for (const name of hostNames) await made.start(name);
    return made;
  }

  close(): void {
    for (const name of [...this.hosts.keys()]) this.stop(name);
    rmSync(this.folder, { recursive: true, force: true });
  }

  clusterText(more: object = {}): string {
    return JSON.stringify({
      name: 'site',
      networks: { lan: {}, link: {} },
      hosts: {
        alpha: { lan: '10.77.0.1', link: '10.78.0.1' },
        beta: { lan: '10.77.0.2', link: '10.78.0.2' },
        gamma: { lan: '10.77.0.3' },
      },
      arbiter: { witness: 'gamma' },
      ...more,
    });
  }

  webText(detection = '3s', more: object = {}): string {
    return JSON.stringify({
      name: 'web',
      hosts: ['alpha', 'beta'],
      mirror: { directories: [join(this.folder, 'srv')] },
      server: { scripts: { start: ['/bin/true'], stop: ['/bin/true'] } },
      failover: { detection },
      ...more,
    });
  }

  host(name: HostName): ApplyHost {
    const found = this.hosts.get(name);
    if (!found) throw new Error(`${name} is off`);
    return found;
  }

  fileOf(name: HostName): string {
    return join(this.folder, name, 'modules', webFile);
  }

  /** What a host keeps of its replica of a module. */
  recordOf(name: HostName, module: string): string {
    return join(this.folder, name, 'state', 'modules', module, 'replica.json');
  }

  install(name: HostName, text: string): void {
    mkdirSync(join(this.folder, name, 'modules'), { recursive: true });
    const settings = { host: name, stateDirectory: join(this.folder, name, 'state') };
    writeFileSync(join(this.folder, name, 'agent.jsonc'), JSON.stringify(settings));
    writeFileSync(join(this.folder, name, clusterFile), this.clusterText());
    writeFileSync(this.fileOf(name), text);
  }

  /** This host's part as the agent has it. */
  async start(name: HostName): Promise<ApplyHost> {
    const directory = join(this.folder, name);
    const loaded = await loadConfiguration(directory);
    if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join());
    const configuration = new CurrentConfiguration(loaded.configuration);
    const store = new VersionStore(join(directory, 'state'));
    const log = new EventLog(join(directory, 'log.jsonl'), name, 'error');
    const took: string[] = [];
    const files = new HostFiles({
      configuration,
      agentFile: await readAgentFile(directory),
      store,
      slots: configuration.modules.map((module) => this.#slot(name, configuration, module.name)),
      pending: new PendingFile(join(directory, 'state')),
      hold: (reason) => {
        this.held.set(name, reason);
        this.onHold(name);
        return Promise.resolve();
      },
      heardOn: (other) =>
        (configuration.cluster.hosts.find((each) => each.name === other)?.addresses ?? [])
          .map(({ network }) => network)
          .filter((network) => !this.down(name, network) && !this.down(other as HostName, network)),
      log,
      takeEffect: () => {
        took.push(String(configuration.version));
        this.order.push(`${name} runs by it`);
        return Promise.resolve();
      },
      onChange: () => undefined,
    });
    const apply = new FileApply({
      configuration,
      files,
      links: {
        reachable: (other) => this.hosts.has(other as HostName),
        request: async (other, method, params) => {
          if (!this.hosts.has(other as HostName) || this.lost(other as HostName, method)) {
            throw new UnreachableError(`${other} is not reachable`);
          }
          this.order.push(`${other}: ${method}`);
          return this.host(other as HostName).apply.answer(name, method, params);
        },
      },
      toldBy: (other) => this.hosts.get(other as HostName)?.files.told ?? null,
      read: (number) => store.read(number),
      log,
    });
    await files.start();
    const made = { configuration, files, apply, store, took };
    this.hosts.set(name, made);
    return made;
  }

  #slot(name: HostName, configuration: CurrentConfiguration, module: string) {
    const first = configuration.modules.find((each) => each.name === module);
    if (!first) throw new Error(`there is no ${module}`);
    const now = () => configuration.modules.find((each) => each.name === module) ?? first;
    const isStopped = () => this.isStopped;
    const notInSync = () => this.notInSync(name);
    return {
      get module() {
        return now();
      },
      get isOurs() {
        return now().hosts.includes(name);
      },
      get isStopped() {
        return isStopped();
      },
      get arbiterHindrance() {
        if (!now().hosts.includes(name)) return null;
        return isStopped() ? notInSync() : `${module} is not stopped`;
      },
    };
  }

  stop(name: HostName): void {
    this.host(name).files.close();
    this.hosts.delete(name);
  }

  apply(
    on: HostName,
    changed: readonly ChangedFile[],
    dryRun = false,
    base: number | null = null,
  ): Promise<ApplyResult> {
    return this.host(on).apply.apply(changed, 'ops', { note: null, dryRun, base });
  }

  applyWeb(on: HostName, text: string | null, dryRun = false): Promise<ApplyResult> {
    return this.apply(on, [{ name: webFile, text }], dryRun);
  }

  applyCluster(on: HostName, more: object): Promise<ApplyResult> {
    return this.apply(on, [{ name: clusterFile, text: this.clusterText(more) }]);
  }

  /** A heartbeat of one host reaches another one. */
  hear(on: HostName, from: HostName): void {
    this.host(on).apply.heard(from, this.host(from).files.told);
  }

  numbers(): (number | undefined)[] {
    return hostNames.map((name) => this.hosts.get(name)?.files.number);
  }
}

export function said({ problems }: Pick<ApplyResult, 'problems'>): string {
  return problems.map(({ host, message }) => `${host}: ${message}`).join('\n');
}
