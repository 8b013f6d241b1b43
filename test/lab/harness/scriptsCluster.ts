import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ClusterView } from './clusterView.ts';
import type { LabHost } from './host.ts';
import type { Lab } from './lab.ts';
import { pair, type PairName } from './labCluster.ts';
import { LabError } from './labError.ts';
import { repositoryRoot, understudyProgram } from './paths.ts';

/** What the module's server does: it makes numbered records durable, one after the other, and writes down elsewhere which of them are. */
const server = (directory: string, acknowledged: string): string => `#!/bin/bash
case "$1" in
start)
  setsid bash -c 'n=$(wc -l < ${directory}/records 2>/dev/null || echo 0)
    while n=$((n + 1)) && echo $n >> ${directory}/records && sync ${directory}/records
    do echo $n >> ${acknowledged}; sleep 0.02; done' > /dev/null 2>&1 < /dev/null &
  echo $! > ${acknowledged}.pid ;;
stop) kill -- -"$(cat ${acknowledged}.pid)" 2> /dev/null; true ;;
esac
`;

/**
 * A cluster of its own on the lab's hosts alpha and beta, beside others there: own ports, own folders, own authority, and one module whose
 * server is a script. Gamma is its witness.
 */
export class ScriptsCluster {
  readonly #lab: Lab;
  readonly #api: number;
  readonly #directory: string;
  #view: ClusterView | null = null;

  constructor(
    lab: Lab,
    readonly name: string,
    number: number,
  ) {
    this.#lab = lab;
    this.#api = 4900 + 10 * number;
    this.#directory = `/srv/${name}`;
  }

  get view(): ClusterView {
    if (this.#view === null) throw new LabError(`The cluster ${this.name} is not made.`);
    return this.#view;
  }

  /** Alpha makes the cluster and beta joins. Returns what `witness add` has to be given. */
  async create(): Promise<readonly string[]> {
    const [alpha, beta] = [this.#lab.host('alpha'), this.#lab.host('beta')];
    for (const host of [alpha, beta]) this.#install(host);
    const file = path.join(this.#lab.directory, `${this.name}.cluster.jsonc`);
    writeFileSync(file, JSON.stringify(this.#clusterFile()));
    const answer = await alpha.runUnderstudy([
      'init',
      '--host',
      'alpha',
      '--cluster',
      file,
      '--json',
      ...this.#folders(),
    ]);
    const lines = (JSON.parse(answer) as { join: { host: string; token: string }[] }).join;
    const tokenOf = (host: string): string => lines.find((line) => line.host === host)?.token ?? '';
    writeFileSync(
      alpha.outside(`/etc/${this.name}/modules/web.module.jsonc`),
      JSON.stringify({
        ...{ name: 'web', hosts: pair, mirror: { directories: [this.#directory] } },
        server: { scripts: { start: [this.#script, 'start'], stop: [this.#script, 'stop'] } },
      }),
    );
    this.startAgent('alpha');
    await repeat(() => beta.runUnderstudy(['join', ...this.#server(), '--token', tokenOf('beta'), ...this.#folders()]));
    this.startAgent('beta');
    this.#view = new ClusterView(
      this.#lab,
      [alpha, beta].map((host) => ({
        ...{ name: host.name, address: host.address('lan'), port: this.#api },
        tokenFile: host.outside(`/var/lib/${this.name}/local.token`),
        authorityFile: host.outside(`/etc/${this.name}/tls/ca.crt`),
      })),
    );
    return [...this.#server(), '--token', tokenOf('gamma')];
  }

  /** A further token for the witness. */
  async witnessToken(): Promise<readonly string[]> {
    const config = ['--config', `/etc/${this.name}`];
    const made = await this.#lab.host('alpha').runUnderstudy(['token', 'join', '--host', 'gamma', '--json', ...config]);
    return [...this.#server(), '--token', (JSON.parse(made) as { token: string }).token];
  }

  startAgent(name: PairName): void {
    const host = this.#lab.host(name);
    const script = path.join(repositoryRoot, 'test/lab/harness/supervise.sh');
    const agent = [process.execPath, understudyProgram, 'agent', '--config', `/etc/${this.name}`];
    const supervised = [`/run/supervise-${this.name}`, `/var/log/${this.name}.log`, ...agent];
    const child = host.spawn(['setsid', 'bash', script, ...supervised]);
    child.stdout?.resume();
    child.stderr?.resume();
    child.unref();
  }

  start(): Promise<unknown> {
    return this.view.request('alpha', 'module.start', { module: 'web' });
  }

  stateOf(name: PairName): string {
    const replica = this.view.replica(name, 'web');
    return replica ? `${replica.state} ${replica.transition ?? 'ready'}` : 'unreachable';
  }

  waitFor(name: PairName, state: string, timeoutMs = 60_000): Promise<void> {
    const isThere = (): boolean => this.stateOf(name) === `${state} ready`;
    return this.view.waitFor(`${this.name}: ${name} is ${state}`, isThere, timeoutMs);
  }

  async waitUntilWhole(primary: PairName): Promise<void> {
    await this.waitFor(primary, 'PRIM');
    await this.waitFor(primary === 'alpha' ? 'beta' : 'alpha', 'SECOND');
  }

  /** Records that the server was told are durable, wherever it ran. */
  acknowledged(): number {
    return Math.max(...pair.map((name) => lastNumber(this.#lab.host(name).outside(this.#acknowledged))));
  }

  async waitForRecords(more: number): Promise<void> {
    const wanted = this.acknowledged() + more;
    await repeat(() => {
      if (this.acknowledged() < wanted) throw new LabError(`${this.name} wrote no ${String(more)} records`);
      return Promise.resolve();
    }, 30_000);
  }

  /** Numbers that are missing or out of order in what a host serves. */
  wrongRecords(name: PairName): readonly string[] {
    const records = readFileSync(this.#lab.host(name).throughRoot(`${this.#directory}/records`), 'utf8').split('\n');
    return records.slice(0, -1).filter((record, index) => Number(record) !== index + 1);
  }

  recordsOn(name: PairName): number {
    return lastNumber(this.#lab.host(name).throughRoot(`${this.#directory}/records`));
  }

  describe(): string {
    const logs = pair.map((name) =>
      readIfThere(this.#lab.host(name).outside(`/var/log/${this.name}.log`)).slice(-2500),
    );
    return [this.name, this.#view?.describe() ?? '', ...logs].join('\n');
  }

  close(): void {
    this.#view?.close();
  }

  get #script(): string {
    return `/etc/${this.name}-server`;
  }

  get #acknowledged(): string {
    return `/var/log/${this.name}.acknowledged`;
  }

  #server(): string[] {
    return ['--server', `${this.#lab.host('alpha').address('lan')}:${String(this.#api)}`];
  }

  #folders(): string[] {
    return ['--config', `/etc/${this.name}`, '--state', `/var/lib/${this.name}`, '--run', `/run/${this.name}`];
  }

  #install(host: LabHost): void {
    mkdirSync(host.outside(this.#directory), { recursive: true });
    appendFileSync(host.outside(this.#acknowledged), '');
    writeFileSync(host.outside(this.#script), server(this.#directory, this.#acknowledged), { mode: 0o755 });
  }

  #clusterFile(): object {
    const addresses = this.#lab.hosts.map((host) => [host.name, { lan: host.address('lan') }] as const);
    return {
      ...{ name: this.name, networks: { lan: {} }, hosts: Object.fromEntries(addresses) },
      ...{ arbiter: { witness: 'gamma' }, ports: { api: this.#api, agent: this.#api + 1 } },
    };
  }
}

function lastNumber(file: string): number {
  const complete = readIfThere(file).split('\n').slice(0, -1);
  return Number(complete.at(-1) ?? 0);
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Until it succeeds: an agent may still be starting. */
async function repeat<T>(what: () => Promise<T>, limitMs = 15_000): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    try {
      return await what();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
