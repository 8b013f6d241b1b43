import { MirrorController } from '../../../agent/mirror/controller.ts';
import type { FollowerEndpoint, MirrorEvent, MirrorOptions } from '../../../agent/mirror/mirror.ts';
import type { HostName, Lab } from '../../lab/harness/lab.ts';
import type { System, SystemName } from './system.ts';

/** Benchmarks load the machine on purpose: a peer is lost when it is gone, not when it is slow. */
const acknowledgeTimeoutMs = 30_000;
const attachLimitMs = 60_000;

/** A mirror of ours from host alpha to host beta. */
export class MirroredDirectory implements System {
  #epoch = 1;
  #beta: MirrorController | null = null;
  #endpoint: FollowerEndpoint | null = null;
  #lost: string | null = null;
  readonly #listeners = new Set<(event: MirrorEvent) => void>();

  private constructor(
    private readonly lab: Lab,
    readonly name: SystemName,
    private readonly bundle: string | null,
    private readonly alpha: MirrorController,
    private readonly directIo: MirrorOptions['directIo'],
  ) {}

  /** @param bundle the mirror process to run, null for the product's */
  static async open(
    lab: Lab,
    name: SystemName,
    bundle: string | null,
    directIo: MirrorOptions['directIo'],
  ): Promise<MirroredDirectory> {
    const alpha = await MirroredDirectory.#start(lab, 'alpha', name, bundle, directIo);
    const mirrored = new MirroredDirectory(lab, name, bundle, alpha, directIo);
    alpha.events((event) => mirrored.#onEvent(event));
    await alpha.enterEpoch({ epoch: 1, primary: 'alpha' });
    await alpha.serve(1);
    await mirrored.attach();
    return mirrored;
  }

  static async #start(
    lab: Lab,
    host: HostName,
    name: SystemName,
    bundle: string | null,
    directIo: MirrorOptions['directIo'],
  ): Promise<MirrorController> {
    const directory = `/srv/${name}`;
    await lab.host(host).run(['mkdir', '-p', directory]);
    return MirrorController.open(
      {
        module: name,
        host,
        directory,
        stateDirectory: `/var/lib/${name}`,
        exclude: [],
        acknowledgeTimeoutMs,
        resyncBandwidth: null,
        resyncUndo: null,
        directIo,
        processors: 'awake',
      },
      {
        prefix: lab.host(host).prefix(),
        ...(bundle === null ? {} : { bundle }),
        onLog: (line) => process.stderr.write(`${name} on ${host}: ${line}\n`),
      },
    );
  }

  get directory(): string {
    return `/srv/${this.name}`;
  }

  get stores(): readonly string[] {
    return (['alpha', 'beta'] as const).map((host) => this.lab.host(host).outside(this.directory));
  }

  /** Starts the secondary, unless it runs: it listens then. */
  async startSecondary(): Promise<FollowerEndpoint> {
    this.#beta ??= await MirroredDirectory.#start(this.lab, 'beta', this.name, this.bundle, this.directIo);
    return (this.#endpoint ??= await this.#beta.follow(this.lab.host('beta').address('lan'), this.#epoch));
  }

  /** Takes the secondary along; resolves when both are in step, with what the resync told. */
  async attach(): Promise<Extract<MirrorEvent, { type: 'inStep' }>> {
    const endpoint = await this.startSecondary();
    const inStep = this.#event('inStep');
    await this.alpha.attach(this.lab.host('beta').address('lan'), endpoint, this.#epoch);
    const event = await inStep;
    await this.alpha.onPeerLoss('hold');
    this.#epoch++;
    await this.alpha.enterEpoch({ epoch: this.#epoch, primary: 'alpha' });
    this.#lost = null;
    return event;
  }

  /** The secondary goes away without a word of the primary's; the primary goes on alone. */
  async detach(): Promise<void> {
    const lost = this.#event('peerLost');
    await this.#beta?.close();
    this.#beta = this.#endpoint = null;
    await lost;
    this.#epoch++;
    await this.alpha.goAlone({ epoch: this.#epoch, primary: 'alpha' });
  }

  /** @throws when the pair is not whole: what was measured then was no mirror */
  assertInStep(): void {
    if (this.#lost !== null) throw new Error(`${this.name}: the secondary was lost: ${this.#lost}`);
  }

  async stop(): Promise<void> {
    await this.alpha.close();
    await this.#beta?.close();
  }

  #onEvent(event: MirrorEvent): void {
    if (event.type === 'peerLost' || event.type === 'failed') this.#lost = event.reason;
    for (const listener of this.#listeners) listener(event);
  }

  #event<T extends MirrorEvent['type']>(type: T): Promise<Extract<MirrorEvent, { type: T }>> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(limit);
        this.#listeners.delete(listener);
      };
      const listener = (event: MirrorEvent) => {
        if (event.type === type) {
          end();
          resolve(event as Extract<MirrorEvent, { type: T }>);
        } else if (event.type === 'failed') {
          end();
          reject(new Error(`${this.name}: ${event.reason}`));
        }
      };
      const limit = setTimeout(() => {
        end();
        reject(
          new Error(`${this.name}: no "${type}" within ${attachLimitMs / 1000} s (${this.#lost ?? 'nothing lost'})`),
        );
      }, attachLimitMs);
      this.#listeners.add(listener);
    });
  }
}
