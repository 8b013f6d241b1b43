import { close } from '../platform/libc.ts';
import type { MirrorSpawnOptions } from './childProcess.ts';
import { descriptorsOf } from './keeper.ts';
import type {
  AsideFacts,
  Difference,
  FollowerEndpoint,
  LineageEntry,
  Mirror,
  MirrorEvent,
  MirrorOptions,
  MirrorSettings,
  ReplicaRecord,
  ResyncPace,
} from './mirror.ts';
import { MirrorProcesses, type Carried, type HandedMirror } from './mirrorProcesses.ts';

export type { HandedMirror } from './mirrorProcesses.ts';

/**
 * The agent's end of one mirror process. Spawns the process, checks directory and state directory there, and turns calls into
 * messages. If the agent dies without a word, the channel between the two closes and the process brings itself down. If the process dies
 * while it serves, another one takes its mount over, where the kernel allows: programs that use it wait for that, and notice nothing else.
 */
export class MirrorController implements Mirror {
  readonly #listeners: ((event: MirrorEvent) => void)[] = [];
  readonly #carried: Carried;
  readonly #processes: MirrorProcesses;

  private constructor(options: MirrorOptions, spawnOptions: MirrorSpawnOptions, handed: HandedMirror | null) {
    this.#carried = { attached: false, holds: false, frozen: false, guarded: handed?.guarded ?? [] };
    this.#processes = new MirrorProcesses(options, spawnOptions, handed, this.#carried, (event) => {
      for (const listener of this.#listeners) listener(event);
    });
  }

  /**
   * Starts the mirror process of a module and opens the replica.
   * @throws MirrorError "directory-missing", "directory-not-writable", "already-mirrored", "nested", "state-version", …; the process
   * is gone then.
   */
  static async open(options: MirrorOptions, spawnOptions: MirrorSpawnOptions = {}): Promise<MirrorController> {
    const controller = new MirrorController(options, spawnOptions, null);
    await controller.#processes.open();
    return controller;
  }

  /** Goes on with a mirror that an earlier program of this process started. Throws when its process is not there. */
  static async adopt(
    options: MirrorOptions,
    spawnOptions: MirrorSpawnOptions,
    handed: HandedMirror,
  ): Promise<MirrorController> {
    let controller: MirrorController;
    try {
      controller = new MirrorController(options, spawnOptions, handed);
    } catch (error) {
      // With the channel to it closed the process ends what it carries.
      for (const fd of descriptorsOfMirror(handed)) close(fd);
      throw error;
    }
    try {
      await controller.#processes.send('guard', [controller.#carried.guarded]);
      await controller.awaitAgent(null);
    } catch (error) {
      await controller.abandon();
      throw error;
    }
    return controller;
  }

  /** The process's id, for logs and fault tests; undefined if it could not be started. */
  get pid(): number | undefined {
    return this.#processes.pid;
  }

  readonly events = (listener: (event: MirrorEvent) => void): void => {
    this.#listeners.push(listener);
  };

  async record(): Promise<ReplicaRecord> {
    return (await this.#processes.call('record', [])) as ReplicaRecord;
  }

  async enterEpoch(entry: LineageEntry): Promise<void> {
    await this.#processes.call('enterEpoch', [entry]);
  }

  async follow(address: string, epoch: number): Promise<FollowerEndpoint> {
    return (await this.#processes.call('follow', [address, epoch])) as FollowerEndpoint;
  }

  async serve(epoch: number): Promise<void> {
    await this.#processes.call('serve', [epoch]);
  }

  async attach(address: string, endpoint: FollowerEndpoint, epoch: number): Promise<void> {
    this.#carried.attached = true;
    await this.#processes.call('attach', [address, endpoint, epoch]);
  }

  async paceResync(pace: ResyncPace): Promise<void> {
    await this.#processes.call('paceResync', [pace]);
  }

  async reconfigure(settings: MirrorSettings): Promise<void> {
    await this.#processes.reconfigure(settings);
  }

  async onPeerLoss(mode: 'hold' | 'continue'): Promise<void> {
    await this.#processes.call('onPeerLoss', [mode]);
    this.#carried.holds = mode === 'hold';
  }

  async freeze(): Promise<void> {
    this.#carried.frozen = true;
    await this.#processes.call('freeze', []);
  }

  async thaw(): Promise<void> {
    await this.#processes.call('thaw', []);
    this.#carried.frozen = false;
  }

  async goAlone(entry: LineageEntry): Promise<void> {
    await this.#processes.call('goAlone', [entry]);
    this.#letGo();
  }

  async verify(bandwidth: number | null): Promise<void> {
    await this.#processes.call('verify', [bandwidth]);
  }

  async stopVerify(): Promise<boolean> {
    return (await this.#processes.call('stopVerify', [])) as boolean;
  }

  async markDifferences(differences: readonly Difference[] | null): Promise<void> {
    await this.#processes.call('markDifferences', [differences]);
  }

  async abort(): Promise<void> {
    await this.#processes.call('abort', []);
    this.#letGo();
  }

  async release(): Promise<void> {
    await this.#processes.call('release', []);
    this.#letGo();
  }

  async keepAside(name: string, about: AsideFacts): Promise<string> {
    return (await this.#processes.call('keepAside', [name, about])) as string;
  }

  async checkAsideRoom(): Promise<void> {
    await this.#processes.call('checkAsideRoom', []);
  }

  async guard(processGroups: readonly number[]): Promise<void> {
    this.#carried.guarded = processGroups;
    await this.#processes.call('guard', [processGroups]);
  }

  destroy(): void {
    this.#processes.destroy();
  }

  /** Leaves the process as the end of this one would: it freezes, kills what it guards, and unmounts. Resolves when it has ended. */
  async abandon(): Promise<void> {
    await this.#processes.abandon();
  }

  /** Whether another process can go on with what this one serves. */
  get isResumable(): boolean {
    return this.#processes.isResumable;
  }

  /**
   * Tells the process that another program takes the agent over within so many milliseconds: when that does not happen, it does what it does
   * at the agent's end. Null: it is over, or does not happen.
   */
  async awaitAgent(limitMs: number | null): Promise<void> {
    await this.#processes.call('awaitAgent', [limitMs]);
  }

  /** What the program needs that takes the agent over; null when something is under way, then a moment later may be better. */
  handOver(): HandedMirror | null {
    return this.#processes.handOver();
  }

  renew(): Promise<number> {
    return this.#processes.renew();
  }

  async close(): Promise<void> {
    await this.#processes.close();
  }

  /** There is nothing more that another process would have to go on with. */
  #letGo(): void {
    this.#carried.holds = this.#carried.frozen = this.#carried.attached = false;
  }
}

/** Everything that the program inherits which takes the agent over. */
export function descriptorsOfMirror({ child, keeper }: HandedMirror): readonly number[] {
  return [child.channelFd, ...(child.logFd === -1 ? [] : [child.logFd]), ...descriptorsOf(keeper)];
}
