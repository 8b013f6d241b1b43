import type { ReplicaFacts } from '../core/types.ts';
import type { HandedMirror, MirrorController } from '../mirror/controller.ts';
import type { MirrorEvent, MirrorSettings, ReplicaRecord } from '../mirror/mirror.ts';
import { MirrorError } from '../mirror/mirrorError.ts';
import type { EventLog } from './eventLog.ts';
import type { ModuleServer } from './moduleServer.ts';
import { within } from './within.ts';

/** For freeze and kill, before what waits for the mirror is failed. */
const headStartMs = 300;
const abortAnswerMs = 10_000;
const fenceRetryMs = 1000;

export interface ModuleMirrorOptions {
  readonly module: string;
  readonly log: EventLog;
  /** By what the module's file says now. */
  readonly open: () => Promise<MirrorController>;
  /** By which the first process was opened. */
  readonly settings: MirrorSettings;
  /** Whether the directory had files when it was last seen as plain files. */
  readonly content: boolean;
  readonly onEvent: (event: MirrorEvent) => void;
  /** Another process has opened the replica. */
  readonly onReopened: (replica: ReplicaFacts) => void;
}

/** The mirror of one module, through all the processes that carry it one after the other. */
export class ModuleMirror {
  readonly #options: ModuleMirrorOptions;
  #controller: MirrorController;
  #settings: MirrorSettings;
  #gone = false;
  #guarded: string;

  constructor(options: ModuleMirrorOptions, controller: MirrorController, handed: HandedMirror | null) {
    this.#options = options;
    this.#controller = controller;
    this.#settings = options.settings;
    this.#guarded = handed?.guarded.join() ?? '';
    this.#listen(controller);
  }

  /** Whichever process carries the mirror, also one that is gone: whoever needs one that is there asks for {@link opened}. */
  get controller(): MirrorController {
    return this.#controller;
  }

  get isGone(): boolean {
    return this.#gone;
  }

  /** The process has ended, and nobody has taken over. */
  noteGone(): void {
    this.#gone = true;
  }

  facts({ lineage, consistent, restorable = false, diskError = null }: ReplicaRecord): ReplicaFacts {
    return { lineage, consistent, restorable, diskError, content: this.#options.content };
  }

  guard(processGroups: readonly number[]): void {
    if (processGroups.join() === this.#guarded) return;
    this.#guarded = processGroups.join();
    this.#controller.guard(processGroups).catch(() => undefined);
  }

  /** The module's file says another thing of it: that holds at once, whatever the mirror does. */
  reconfigure(settings: MirrorSettings): void {
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    this.#tellSettings();
  }

  #tellSettings(): void {
    const { log, module } = this.#options;
    this.#controller.reconfigure(this.#settings).catch((error: unknown) => {
      // The process that comes after one that is gone is opened by what holds then.
      if (error instanceof MirrorError && error.code === 'process-gone') return;
      const reason = error instanceof Error ? error.message : String(error);
      const told = `the mirror does not go by what has changed in the file of ${module} (${reason})`;
      log.add('warn', module, 'MIRROR_NOT_CHANGED', `${told}: restart the agent of this host for that`);
    });
  }

  /** The mirror, opened again if its process is gone. */
  async opened(): Promise<MirrorController> {
    if (this.#gone) {
      const settings = this.#settings;
      await this.#controller.close().catch(() => undefined);
      this.#controller = await this.#options.open();
      this.#gone = false;
      this.#guarded = '';
      this.#listen(this.#controller);
      // The file may have become another one while it was opened.
      if (this.#settings !== settings) this.#tellSettings();
      this.#options.onReopened(this.facts(await this.#controller.record()));
    }
    return this.#controller;
  }

  /**
   * Held writes stay held until nothing of the server runs any more; only then are they failed. Rejects, after a pause, when the server may
   * still run.
   */
  async fence(server: ModuleServer): Promise<void> {
    const { log, module } = this.#options;
    server.giveUpStart();
    // Neither waits for the other: a mirror process that stands still must not keep the server alive while the other host may start its own.
    // Until the freeze holds nothing is acknowledged that would not be otherwise: of a pair only what the secondary has as well; of a host that
    // was alone what belongs to the history that it leaves, which is kept aside before it is overwritten.
    const frozen = within(headStartMs, this.#controller.freeze());
    const killed = server.kill();
    // A server that waits for a frozen write cannot die before the write is answered: give the kill a head start, then fail the write.
    await Promise.all([frozen, within(headStartMs, killed)]);
    if (!(await within(abortAnswerMs, this.#controller.abort()))) {
      if (!this.#gone) {
        log.add('error', module, 'MIRROR_STUCK', 'the mirror does not let go of its mount: its process is killed');
      }
      this.#controller.destroy();
      await this.#controller.close().catch(() => undefined);
      this.#gone = true;
    }
    // What the kill needs may have stood still with the mirror, as a stop script that lies in it.
    const failure = (await killed) === null ? null : await server.kill();
    if (failure !== null) {
      await new Promise((resolve) => setTimeout(resolve, fenceRetryMs));
      const why = failure instanceof Error ? failure.message : 'unknown';
      throw new Error(`the server could not be killed, or its virtual addresses not removed (${why})`, {
        cause: failure,
      });
    }
    server.noteKilled();
    // Nothing runs and nothing is served: that the mirror cannot be opened again yet is found by whoever needs it.
    await this.opened().catch((error: unknown) => log.add('error', module, 'MIRROR_NOT_OPENED', String(error)));
  }

  /** As {@link fence}, again and again until nothing of the server runs any more. */
  async fenceUntilGone(server: ModuleServer): Promise<void> {
    for (;;) {
      try {
        await this.fence(server);
        return;
      } catch (error) {
        const { log, module } = this.#options;
        log.add(
          'error',
          module,
          'FENCE_FAILED',
          `${module} may still run here: ${(error as Error).message}: trying again`,
        );
      }
    }
  }

  async close(): Promise<void> {
    await this.#controller.close().catch(() => undefined);
  }

  #listen(controller: MirrorController): void {
    controller.events((event) => {
      if (controller === this.#controller) this.#options.onEvent(event);
    });
  }
}
