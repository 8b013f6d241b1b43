import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { LabHost } from '../../lab/harness/host.ts';
import { repositoryRoot } from '../../lab/harness/paths.ts';

/** A daemon of a peer in the hands of what stands for a service manager, as the product's agent is: it starts it again when it ends. */
export class Supervised {
  readonly #state: string;
  readonly #log: string;

  constructor(
    private readonly host: LabHost,
    name: string,
    private readonly argv: readonly string[],
  ) {
    this.#state = `/run/supervise-${name}`;
    this.#log = `/var/log/${name}.console`;
  }

  start(): void {
    const script = path.join(repositoryRoot, 'test/lab/harness/supervise.sh');
    const child = this.host.spawn(['setsid', 'bash', script, this.#state, this.#log, ...this.argv]);
    child.stdout?.resume();
    child.stderr?.resume();
    child.unref();
  }

  async kill(): Promise<void> {
    await this.#signal('KILL');
  }

  /** Ends it in order, and it stays down. */
  async stop(): Promise<void> {
    await this.host.run(['touch', `${this.#state}/agent.off`]);
    await this.#signal('TERM');
  }

  async lastLines(count: number): Promise<string> {
    const text = await readFile(this.host.outside(this.#log), 'utf8').catch(() => '');
    return text.split('\n').slice(-count).join('\n');
  }

  async #signal(signal: 'KILL' | 'TERM'): Promise<void> {
    const pid = (await this.host.run(['cat', `${this.#state}/agent.pid`])).trim();
    await this.host.run(['kill', `-${signal}`, pid]);
  }
}
