import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostLinks } from '../../agent/host/hostLinks.ts';
import type { HostLinksOptions } from '../../agent/host/linkOptions.ts';
import { createAuthority, createHostCertificate, type CertifiedKey } from '../../agent/security/certificates.ts';
import type { Identity } from '../../agent/security/identity.ts';
import { agentClientOptions, agentServerOptions, explainTlsError, peerHost } from '../../agent/security/tlsOptions.ts';
import { askControl } from '../../agent/witness/control.ts';
import { WitnessFolder } from '../../agent/witness/witnessFolder.ts';
import { runWitness, type ClusterState } from '../../agent/witness/witnessProcess.ts';

export const witnessAddress = '127.0.13.3';

/** Another cluster: hosts alpha and beta, and gamma as its witness, which is the same machine for all of them. */
export class SmallCluster {
  private constructor(
    readonly name: string,
    readonly authority: CertifiedKey,
    readonly port: number,
    private readonly hostAddresses: Readonly<Record<string, string>>,
  ) {}

  static async make(name: string, port: number, number: number): Promise<SmallCluster> {
    const at = (last: number): string => `127.1.${String(number)}.${String(last)}`;
    return new SmallCluster(name, await createAuthority(name), port, {
      alpha: at(1),
      beta: at(2),
      gamma: witnessAddress,
    });
  }

  get fileName(): string {
    return `${this.name}.cluster.jsonc`;
  }

  /** Its file, as all have it. */
  text(more: object = {}): string {
    return JSON.stringify({
      name: this.name,
      networks: { lan: {} },
      hosts: this.hosts,
      arbiter: { witness: 'gamma' },
      ports: { agent: this.port },
      ...more,
    });
  }

  get hosts(): Readonly<Record<string, { readonly lan: string }>> {
    return Object.fromEntries(Object.entries(this.hostAddresses).map(([name, lan]) => [name, { lan }]));
  }

  async identity(host: string, by = this.authority): Promise<Identity> {
    const { certificate, key } = await createHostCertificate(by, { host, addresses: [] });
    return { host, certificate, key, authority: by.certificate, expires: new Date(Date.now() + 86_400_000) };
  }

  async install(folder: WitnessFolder, as = this.name, more: object = {}): Promise<void> {
    const file = { name: this.fileName, text: this.text(more) };
    folder.install(as, { file, identity: await this.identity('gamma') });
  }

  /** One host's links to the witness. */
  links(own: Identity, changes: Partial<HostLinksOptions> = {}, others = ['gamma']): HostLinks {
    const host = (name: string) => ({
      name,
      addresses: [{ network: 'lan', address: this.hostAddresses[name] ?? '' }],
    });
    return new HostLinks({
      cluster: this.name,
      agentVersion: '1.2.3',
      self: host(own.host),
      others: others.map(host),
      port: this.port,
      heartbeatMs: 100,
      detectionMs: 3000,
      security: {
        serverOptions: () => agentServerOptions(own),
        clientOptions: (peer) => agentClientOptions(own, peer),
        peerHost: (socket) => peerHost(socket, others),
        explain: explainTlsError,
      },
      modules: () => ({}),
      version: () => ({ number: 0, hash: '', files: {}, edited: [], problem: null }),
      onHeartbeat: () => undefined,
      onAnswered: () => undefined,
      onRequest: () => Promise.resolve({}),
      onReachable: () => undefined,
      onLiveness: () => undefined,
      log: () => undefined,
      ...changes,
    });
  }
}

/** A witness that runs in this process. */
export class RunningWitness {
  readonly folder = new WitnessFolder(mkdtempSync(join(tmpdir(), 'understudy-witness-')));
  readonly said: string[] = [];
  #end = new AbortController();
  #running: Promise<void> = Promise.resolve();

  async start(retryEveryMs?: number): Promise<void> {
    this.#end = new AbortController();
    await new Promise<void>((ready, failed) => {
      this.#running = runWitness({
        folder: this.folder.path,
        agentVersion: '1.2.3',
        signal: this.#end.signal,
        write: (text) => this.said.push(text),
        onReady: ready,
        ...(retryEveryMs !== undefined && { retryEveryMs }),
      });
      this.#running.catch(failed);
    });
  }

  async reload(): Promise<readonly ClusterState[]> {
    return (await askControl(this.folder.controlSocket, 'POST /reload')) as readonly ClusterState[];
  }

  async states(): Promise<readonly ClusterState[]> {
    return (await askControl(this.folder.controlSocket, 'GET /clusters')) as readonly ClusterState[];
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async remove(): Promise<void> {
    await this.stop().catch(() => undefined);
    rmSync(this.folder.path, { recursive: true, force: true });
  }
}
