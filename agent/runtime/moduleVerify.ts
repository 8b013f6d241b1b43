import { join } from 'node:path';
import type { LastVerify, VerifyStatus } from '../../schemas/generated/api.ts';
import type { Outcome } from '../core/types.ts';
import type { Mirror, VerifyProgress, VerifyReport } from '../mirror/mirror.ts';
import { MirrorError } from '../mirror/mirrorError.ts';
import { unfinished } from '../mirror/verify/report.ts';
import { makeDirectoryDurably, readIfExists, writeDurably } from '../platform/durable.ts';
import type { EventLog } from './eventLog.ts';
import { describeVerify } from './verifyReport.ts';

const formatVersion = 1;
/** Differences that travel with the module's status; the file holds all that are listed. */
const mostShown = 20;

/** The last verify of a module, kept on the host that was the primary. */
export class VerifyFile {
  readonly path: string;

  constructor(stateDirectory: string) {
    makeDirectoryDurably(stateDirectory);
    this.path = join(stateDirectory, 'verify.json');
  }

  /** Null: none yet, or one that cannot be read, which the next one replaces. */
  read(): LastVerify | null {
    try {
      const content = readIfExists(this.path);
      if (content === null) return null;
      const parsed = JSON.parse(content.toString('utf8')) as { formatVersion?: unknown; verify?: LastVerify };
      if (parsed.formatVersion !== formatVersion || parsed.verify === undefined) return null;
      return { ...parsed.verify, differences: parsed.verify.differences.slice(0, mostShown) };
    } catch {
      return null;
    }
  }

  save(verify: LastVerify): void {
    writeDurably(this.path, `${JSON.stringify({ formatVersion, verify }, null, 2)}\n`);
  }
}

/** The verify of one module on this host: who asked for it, how far it is, what the last one found. */
export class ModuleVerify {
  readonly #module: string;
  readonly #host: string;
  readonly #file: VerifyFile;
  readonly #log: EventLog;
  readonly #onChange: () => void;
  #running: { readonly by: string; readonly at: string; progress: VerifyProgress | null } | null = null;
  #last: LastVerify | null;

  constructor(parts: { module: string; host: string; file: VerifyFile; log: EventLog; onChange: () => void }) {
    this.#module = parts.module;
    this.#host = parts.host;
    this.#file = parts.file;
    this.#log = parts.log;
    this.#onChange = parts.onChange;
    this.#last = parts.file.read();
  }

  get last(): LastVerify | null {
    return this.#last;
  }

  /** Another object, or null, whenever {@link status} is another one. */
  get progressed(): object | null {
    return this.#running?.progress ?? this.#running;
  }

  get status(): VerifyStatus | null {
    if (this.#running === null) return null;
    const { names, toCheck, checked, differences, rate, secondsLeft } = this.#running.progress ?? {
      ...{ names: 0, toCheck: 0, checked: 0, differences: 0, rate: 0 },
      secondsLeft: null,
    };
    return { startedAt: this.#running.at, names, toCheck, checked, differences, rate, secondsLeft };
  }

  async start(mirror: Mirror, bandwidth: number | null, by: string): Promise<Outcome> {
    if (this.#running) return refused('BUSY', `a verify of ${this.#module} is running already: see understudy status`);
    this.#running = { by, at: new Date().toISOString(), progress: null };
    try {
      await mirror.verify(bandwidth);
    } catch (error) {
      this.#running = null;
      if (!(error instanceof MirrorError)) throw error;
      return refused(error.code === 'not-in-step' ? 'NOT_IN_SYNC' : 'NOT_HEALTHY', error.message);
    }
    this.#onChange();
    return { ok: true, message: `the replicas of ${this.#module} are being compared from ${this.#host}` };
  }

  async stop(mirror: Mirror): Promise<Outcome> {
    if (!this.#running || !(await mirror.stopVerify())) {
      return refused('ALREADY', `no verify of ${this.#module} is running`);
    }
    return { ok: true, message: `the verify of ${this.#module} is stopped` };
  }

  onProgress(progress: VerifyProgress): void {
    if (this.#running) this.#running.progress = progress;
    this.#onChange();
  }

  /** The mirror is gone, and with it what was found. */
  interrupted(reason: string): void {
    if (this.#running) this.onReport(unfinished(reason));
  }

  onReport(report: VerifyReport): void {
    const by = this.#running?.by ?? 'nobody known';
    this.#running = null;
    const { outcome, reason, names, checked, durationMs, total } = report;
    const facts = { outcome, reason, names, checked, durationMs, total };
    const verify = { at: new Date().toISOString(), host: this.#host, by, ...facts };
    this.#last = { ...verify, differences: report.differences.slice(0, mostShown) };
    const level = total === 0 ? 'info' : 'error';
    this.#log.add(level, this.#module, 'VERIFIED', describeVerify(report), { total, checked, durationMs, by });
    try {
      this.#file.save({ ...verify, differences: [...report.differences] });
    } catch (error) {
      this.#log.add('warn', this.#module, 'VERIFY_NOT_KEPT', `${this.#file.path} cannot be written: ${String(error)}`);
    }
    this.#onChange();
  }
}

function refused(code: 'BUSY' | 'NOT_IN_SYNC' | 'NOT_HEALTHY' | 'ALREADY', reason: string): Outcome {
  return { ok: false, code, reason, numbers: {} };
}
