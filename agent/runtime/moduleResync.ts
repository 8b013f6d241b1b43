import { join } from 'node:path';
import type { ResyncBandwidth, ResyncPause, ResyncReport, ResyncStatus } from '../../schemas/generated/api.ts';
import type { Outcome } from '../core/types.ts';
import type { Mirror, ResyncPace, ResyncProgress } from '../mirror/mirror.ts';
import { MirrorError } from '../mirror/mirrorError.ts';
import { makeDirectoryDurably, readIfExists, removeDurably, writeDurably } from '../platform/durable.ts';
import type { EventLog } from './eventLog.ts';

const formatVersion = 1;

/** What an operator has asked of the resync; what is not there is as in the module's file. */
export interface ResyncControl {
  readonly paused?: ResyncPause;
  readonly bandwidth?: ResyncBandwidth;
}

const nothingAsked: ResyncControl = {};

/** What an operator has asked of a resync that is not over, kept over restarts of the agent and the host. */
export class ResyncFile {
  readonly #file: string;

  constructor(stateDirectory: string) {
    makeDirectoryDurably(stateDirectory);
    this.#file = join(stateDirectory, 'resync.json');
  }

  /** One that cannot be read asks for nothing: the secondary is brought up to date then. */
  read(): ResyncControl {
    try {
      const content = readIfExists(this.#file);
      if (content === null) return nothingAsked;
      const parsed = JSON.parse(content.toString('utf8')) as ResyncControl & { formatVersion?: unknown };
      if (parsed.formatVersion !== formatVersion) return nothingAsked;
      const { paused, bandwidth } = parsed;
      return { ...(paused && { paused }), ...(bandwidth !== undefined && { bandwidth }) };
    } catch {
      return nothingAsked;
    }
  }

  save(control: ResyncControl): void {
    if (Object.keys(control).length === 0) removeDurably(this.#file);
    else writeDurably(this.#file, `${JSON.stringify({ formatVersion, ...control })}\n`);
  }
}

/** The resync of one module from this host: how far it is, what an operator asked of it, what the last one did. */
export class ModuleResync {
  readonly #module: string;
  readonly #peer: string;
  #bandwidth: ResyncBandwidth;
  readonly #file: ResyncFile;
  readonly #log: EventLog;
  readonly #onChange: () => void;
  #control: ResyncControl;
  #running: { readonly startedAt: string; readonly progress: ResyncProgress } | null = null;
  #last: ResyncReport | null = null;
  /** On a secondary: why what it was is not kept. */
  #undoLost: string | null = null;
  /** Another object whenever something to be shown is another one. */
  #shown: object = {};

  constructor(parts: {
    module: string;
    peer: string;
    /** As in the module's file. */
    bandwidth: ResyncBandwidth;
    file: ResyncFile;
    log: EventLog;
    onChange: () => void;
  }) {
    this.#module = parts.module;
    this.#peer = parts.peer;
    this.#bandwidth = parts.bandwidth;
    this.#file = parts.file;
    this.#log = parts.log;
    this.#onChange = parts.onChange;
    this.#control = parts.file.read();
  }

  get shown(): object {
    return this.#shown;
  }

  get last(): ResyncReport | null {
    return this.#last;
  }

  set last(report: ResyncReport | null) {
    this.#last = report;
  }

  get status(): ResyncStatus | null {
    if (this.#running === null) return null;
    const { startedAt, progress } = this.#running;
    const paused = this.#control.paused !== undefined;
    const { kind, cause, toCheck, checked, sent, holes, content, names, rate, sentRate, secondsLeft } = progress;
    const ledger = { kind, cause, toCheck, checked, holes, content, names, sent };
    const speed = paused ? { rate: 0, sentRate: 0, secondsLeft: null } : { rate, sentRate, secondsLeft };
    return { startedAt, ...ledger, ...speed, bandwidth: this.#pace.bandwidth };
  }

  get paused(): ResyncPause | null {
    return this.#control.paused ?? null;
  }

  get undoLost(): string | null {
    return this.#undoLost;
  }

  get #pace(): ResyncPace {
    const { paused, bandwidth = this.#bandwidth } = this.#control;
    return { paused: paused !== undefined, bandwidth };
  }

  /** Before a secondary is attached: what was asked of its resync holds for it, too. */
  async begin(mirror: Mirror): Promise<void> {
    await mirror.paceResync(this.#pace);
  }

  /** The module's file says another one; what an operator asked of a resync under way holds all the same. */
  async change(mirror: Mirror, bandwidth: ResyncBandwidth): Promise<void> {
    if (bandwidth === this.#bandwidth) return;
    this.#bandwidth = bandwidth;
    await this.#ask(mirror, this.#control);
  }

  async pause(mirror: Mirror, by: string): Promise<Outcome> {
    const { paused } = this.#control;
    if (paused) {
      return refused('ALREADY', `the resync of ${this.#module} is paused since ${paused.at}, by ${paused.by}`);
    }
    if (this.#running === null) return refused('ALREADY', `no resync of ${this.#module} is under way`);
    await this.#ask(mirror, { ...this.#control, paused: { at: new Date().toISOString(), by } });
    // It may have ended before the mirror heard of it.
    if (this.paused === null) return refused('ALREADY', `no resync of ${this.#module} is under way any more`);
    this.#log.add(
      'warn',
      this.#module,
      'RESYNC_PAUSED',
      `${this.#peer} stays out of sync until its resync is resumed`,
      {
        by,
      },
    );
    return {
      ok: true,
      message: `the resync of ${this.#peer} is paused: ${this.#module} has no second replica until \`understudy resync ${this.#module} --resume\``,
    };
  }

  async resume(mirror: Mirror, bandwidth: ResyncBandwidth | undefined, by: string): Promise<Outcome> {
    const { paused, ...rest } = this.#control;
    if (!paused) return refused('ALREADY', `the resync of ${this.#module} is not paused`);
    await this.#ask(mirror, { ...rest, ...(bandwidth !== undefined && { bandwidth }) });
    this.#log.add('info', this.#module, 'RESYNC_RESUMED', `the resync of ${this.#peer} goes on`, { by });
    return { ok: true, message: `the resync of ${this.#peer} goes on` };
  }

  async pace(mirror: Mirror, bandwidth: ResyncBandwidth): Promise<Outcome> {
    if (this.#running === null && !this.#control.paused) {
      return refused('ALREADY', `no resync of ${this.#module} is under way`);
    }
    await this.#ask(mirror, { ...this.#control, bandwidth });
    return { ok: true, message: `the bandwidth of the resync of ${this.#peer} is changed until it has ended` };
  }

  /** Durable before it acts: whatever ends now, the next resync begins as it was asked. */
  async #ask(mirror: Mirror, control: ResyncControl): Promise<void> {
    this.#file.save(control);
    this.#control = control;
    this.#change();
    // A mirror that serves nothing at this moment is told before it attaches the secondary.
    await mirror.paceResync(this.#pace).catch((error: unknown) => {
      if (!(error instanceof MirrorError)) throw error;
    });
  }

  /** Nothing that was asked of this host's resync holds any more: the secondary is in sync, or this host follows itself. */
  forget(): void {
    if (this.#control === nothingAsked) return;
    this.#control = nothingAsked;
    try {
      this.#file.save(nothingAsked);
    } catch (error) {
      this.#log.add('warn', this.#module, 'RESYNC_NOT_KEPT', `what was asked of the resync stays: ${String(error)}`);
    }
    this.#change();
  }

  onProgress(progress: ResyncProgress): void {
    const startedAt = this.#running?.startedAt ?? new Date().toISOString();
    this.#running = { startedAt, progress };
    this.#change();
  }

  interrupted(): void {
    if (this.#running === null) return;
    this.#running = null;
    this.#change();
  }

  /** The secondary is up to date. */
  onDone(progress: ResyncProgress, durationMs: number): void {
    const { kind, cause, checked, sent } = progress;
    this.#running = null;
    this.#last = {
      kind,
      at: new Date().toISOString(),
      host: this.#peer,
      cause,
      checked,
      sent,
      durationMs: Math.round(durationMs),
    };
    this.#log.add('info', this.#module, 'RESYNC_DONE', `${this.#peer} is up to date (${kind}: ${cause})`, {
      checked,
      sent,
      durationMs: Math.round(durationMs),
    });
    this.forget();
    this.#change();
  }

  onUndo(lost: string | null): void {
    if (this.#undoLost === lost) return;
    this.#undoLost = lost;
    this.#change();
  }

  #change(): void {
    this.#shown = {};
    this.#onChange();
  }
}

function refused(code: 'ALREADY', reason: string): Outcome {
  return { ok: false, code, reason, numbers: {} };
}
