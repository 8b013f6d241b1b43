import { performance } from 'node:perf_hooks';
import { LabCluster, otherOf, pair, type PairName } from '../harness/labCluster.ts';
import { drawTable } from './liveTable.ts';
import { openEditor, type OpenEditor } from './editor.ts';

const redrawMs = 200;

/** The demonstration at a terminal, until the operator quits. */
export class Demonstration {
  readonly #messages: string[] = [];
  readonly #records: Record<PairName, number> = { alpha: 0, beta: 0 };
  #editor: OpenEditor | null = null;
  #isCut = false;
  #busy: string | null = null;
  #quit: () => void = () => undefined;

  private constructor(private readonly cluster: LabCluster) {}

  static async run(log: (line: string) => void): Promise<void> {
    const cluster = await LabCluster.create({ log });
    const demonstration = new Demonstration(cluster);
    try {
      log('starting the module web');
      await cluster.startModule();
      demonstration.#editor = await openEditor(cluster, log);
      await demonstration.#live();
    } finally {
      process.stdout.write('\x1b[?25h\x1b[?1049l');
      log('cleaning up');
      await demonstration.#editor?.close();
      cluster.destroy();
    }
  }

  async #live(): Promise<void> {
    const ended = new Promise<void>((resolve) => (this.#quit = resolve));
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, this.#quit);
    process.stdout.write('\x1b[?1049h\x1b[?25l\x1b[2J');
    process.stdin.setRawMode(true);
    process.stdin.resume();
    process.stdin.setEncoding('utf8').on('data', (keys: string) => {
      for (const key of keys) this.#key(key);
    });
    const redraw = setInterval(() => void this.#draw(), redrawMs);
    await ended;
    clearInterval(redraw);
    process.stdin.setRawMode(false);
    process.stdin.pause();
  }

  async #draw(): Promise<void> {
    for (const name of pair) this.#records[name] = await this.cluster.lastRecord(name);
    const messages = this.#busy === null ? this.#messages : [...this.#messages, `… ${this.#busy}`];
    const address = this.#editor?.url ?? null;
    const input = { cluster: this.cluster, address, isCut: this.#isCut, records: this.#records, messages };
    process.stdout.write(drawTable(input, process.stdout.columns));
  }

  #key(key: string): void {
    if (key === 'q' || key === '\x03') this.#quit();
    else if (key === 'p') this.#act(() => this.#pullPlug());
    else if (key === 'b') this.#act(() => this.#bringBack());
    else if (key === 's') this.#act(() => this.#switchOver());
    else if (key === 'l') this.#act(() => this.#cutOrHeal());
  }

  #act(action: () => Promise<string>): void {
    if (this.#busy !== null) return;
    this.#busy = 'working';
    const began = performance.now();
    void action()
      .then((text) => `${text} (${((performance.now() - began) / 1000).toFixed(1)} s)`)
      .catch((error: unknown) => `Not done: ${(error as Error).message.split('\n')[0]}`)
      .then((text) => this.#messages.push(text))
      .finally(() => (this.#busy = null));
  }

  async #pullPlug(): Promise<string> {
    const name = this.cluster.primary();
    if (name === null) return 'There is no primary now.';
    const other = otherOf(name);
    this.#busy = `${name} lost its power; waiting for ${other} to take over`;
    const lossAt = await this.cluster.powerLoss(name);
    if (!this.cluster.host(other).isOn) return `${name} is off, too: nobody is left to take over.`;
    const before = await this.cluster.lastRecord(other);
    await this.cluster.waitUntilServing(other);
    const startedAt = Date.parse(this.cluster.view.replica(other, 'web')?.server.startedAt ?? '');
    this.#busy = `the server runs on ${other}; waiting for the guest`;
    while ((await this.cluster.lastRecord(other)) === before) await new Promise((resolve) => setTimeout(resolve, 20));
    return `${name} lost its power: the server ran on ${other} after ${startedAt - lossAt} ms, the guest wrote again after ${Date.now() - lossAt} ms`;
  }

  async #bringBack(): Promise<string> {
    const off = pair.filter((each) => !this.cluster.host(each).isOn);
    const name = off.join(' and ');
    if (off.length === 0) return 'No host is switched off.';
    this.#busy = `${name} starts and is resynchronised`;
    for (const each of off) await this.cluster.powerOn(each);
    await this.cluster.view.waitFor(`${name} is in the pair again`, () =>
      pair.some((each) => this.cluster.isHealthy(each)),
    );
    const primary = this.cluster.primary();
    const resync = primary === null ? null : this.cluster.view.module(primary, 'web')?.lastResync;
    if (resync?.host !== name) return `${name} is back`;
    return `${name} is back: ${resync.kind} resync, ${resync.sent} bytes in ${resync.durationMs} ms, while the guest ran on`;
  }

  async #switchOver(): Promise<string> {
    const from = this.cluster.primary();
    if (from === null) return 'There is no primary now.';
    const to = otherOf(from);
    this.#busy = `moving the server from ${from} to ${to}`;
    const began = Date.now();
    await this.cluster.view.request(from, 'module.switchover', { module: 'web', to });
    await this.cluster.waitUntilServing(to);
    const startedAt = Date.parse(this.cluster.view.replica(to, 'web')?.server.startedAt ?? '');
    return `switched over: the server ran on ${to} ${startedAt - began} ms after the request`;
  }

  async #cutOrHeal(): Promise<string> {
    const { lab } = this.cluster;
    const alpha = lab.host('alpha').station;
    if (this.#isCut) {
      await lab.network.heal(alpha, ['link']);
      this.#isCut = false;
      this.#busy = 'the link is whole; the secondary catches up';
      await this.cluster.view.waitFor('the pair is whole again', () =>
        pair.some((each) => this.cluster.isHealthy(each)),
      );
      return 'the link is whole and the pair is in sync again';
    }
    await lab.network.cutSilently(alpha, 'link');
    this.#isCut = true;
    this.#busy = 'the link carries nothing any more; watching what the agents do';
    const settled = (): boolean => pair.some((each) => this.cluster.isServing(each) && !this.cluster.isHealthy(each));
    await this.cluster.view.waitFor(
      'the hosts have noticed',
      () => settled() || pair.every((each) => this.cluster.isHealthy(each)),
      20_000,
    );
    return 'the link between the hosts is cut, silently: the other network still joins them';
  }
}
