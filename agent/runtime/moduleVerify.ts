import { join } from 'node:path';
import type { LastVerify, VerifyStatus } from '../../schemas/generated/api.ts';
import type { Outcome } from '../core/types.ts';
import type { Difference, Mirror, VerifyProgress, VerifyReport } from '../mirror/mirror.ts';
import { MirrorError } from '../mirror/mirrorError.ts';
import { unfinished } from '../mirror/verify/report.ts';
import { makeDirectoryDurably, readIfExists, writeDurably } from '../platform/durable.ts';
import type { EventLog } from './eventLog.ts';
import { describeVerify } from './verifyReport.ts';

const formatVersion = 1;
/** Differences that travel with the module's status; the file holds all that are listed. */
const mostShown = 20;
/** Verifies before the last one that the file remembers, without their differences. */
const mostRemembered = 50;
/** Bytes per second of the verify that looks at what came of a repair. */
const afterRepairBandwidth = 50 * 1024 * 1024;

type Remembered = Omit<LastVerify, 'differences'>;

/** The last verify of a module with all that is listed of its differences, and the ones before it, kept on the host that was the primary. */
export class VerifyFile {
  readonly path: string;

  constructor(stateDirectory: string) {
    makeDirectoryDurably(stateDirectory);
    this.path = join(stateDirectory, 'verify.json');
  }

  /** Null: none yet, or one that cannot be read, which the next one replaces. */
  read(): LastVerify | null {
    return this.#content()?.verify ?? null;
  }

  #content(): { readonly verify: LastVerify; readonly history: readonly Remembered[] } | null {
    try {
      const content = readIfExists(this.path);
      if (content === null) return null;
      const parsed = JSON.parse(content.toString('utf8')) as {
        formatVersion?: unknown;
        verify?: LastVerify;
        history?: Remembered[];
      };
      if (parsed.formatVersion !== formatVersion || parsed.verify === undefined) return null;
      return { verify: parsed.verify, history: parsed.history ?? [] };
    } catch {
      return null;
    }
  }

  /** Of another verify than the last one: that becomes the newest of those before. */
  save(verify: LastVerify): void {
    const before = this.#content();
    const history = [...(before?.history ?? [])];
    if (before && before.verify.at !== verify.at) history.push(remembered(before.verify));
    const content = { formatVersion, verify, history: history.slice(-mostRemembered) };
    writeDurably(this.path, `${JSON.stringify(content, null, 2)}\n`);
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
  /** As in the file: with all differences that are listed. */
  #last: LastVerify | null;
  /** Asked for, and not begun: the arbiter has not answered yet. */
  #plan: { readonly by: string; readonly verify: LastVerify } | null = null;

  constructor(parts: { module: string; host: string; file: VerifyFile; log: EventLog; onChange: () => void }) {
    this.#module = parts.module;
    this.#host = parts.host;
    this.#file = parts.file;
    this.#log = parts.log;
    this.#onChange = parts.onChange;
    this.#last = parts.file.read();
  }

  get last(): LastVerify | null {
    return this.#last && { ...this.#last, differences: this.#last.differences.slice(0, mostShown) };
  }

  /** Another object, or null, whenever {@link status} is another one. */
  get progressed(): object | null {
    return this.#running?.progress ?? this.#running;
  }

  /** A verify or a repair is under way, or about to begin. */
  get isBusy(): boolean {
    return this.#running !== null || this.#plan !== null || this.#last?.repair?.phase === 'begun';
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
    if (this.#plan) return refused('BUSY', `a repair of ${this.#module} is about to begin`);
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

  /** Null when what the verify found that ended at `verifiedAt` may be repaired. */
  planRepair(verifiedAt: string, by: string): Outcome | null {
    const last = this.#last;
    if (this.#running) return refused('BUSY', `a verify of ${this.#module} is running: wait for its end, or stop it`);
    if (last?.at !== verifiedAt) {
      return refused(
        'NOT_HEALTHY',
        `the last verify of ${this.#module} that ${this.#host} knows is ${last ? `that of ${last.at}` : 'none'}: verify again, and repair what that finds`,
      );
    }
    if (last.outcome !== 'complete') {
      return refused('NOT_HEALTHY', `the verify of ${last.at} is not complete: verify again`);
    }
    if (last.repair?.phase === 'begun') return refused('BUSY', `what it found is being repaired already`);
    if (last.total === 0) return refused('ALREADY', `the verify of ${last.at} found no differences: nothing to repair`);
    const unreadable = last.differences.find(({ what }) => what === 'unreadable');
    if (unreadable) {
      return refused(
        'NOT_HEALTHY',
        `${JSON.stringify(unreadable.path)} cannot be read ${unreadable.detail}: mend what ails that disk first, then verify again`,
      );
    }
    this.#plan = { by, verify: last };
    return null;
  }

  dropPlan(): void {
    this.#plan = null;
  }

  /** The secondary has left the in-sync set for this: what was found is marked for the resync that follows. */
  async beginRepair(mirror: Mirror, secondary: string): Promise<void> {
    const plan = this.#plan;
    this.#plan = null;
    let found: readonly Difference[] | null = null;
    if (plan) {
      const { by, verify } = plan;
      const repair = { at: new Date().toISOString(), by, host: secondary, differences: verify.total };
      this.#last = { ...verify, repair: { ...repair, phase: 'begun' } };
      // Durable first: wherever this is interrupted, the pair is compared again when it is whole.
      this.#keep(this.#last);
      if (verify.total === verify.differences.length) found = verify.differences;
    }
    try {
      await mirror.markDifferences(found);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.add(
        'error',
        this.#module,
        'REPAIR_NOT_MARKED',
        `${reason}: the repair will have to be asked for again`,
      );
    }
    this.#onChange();
  }

  /** The pair is whole: if that is after a repair, both replicas are compared again. */
  checkRepair(mirror: Mirror): void {
    // A repair that did not begin before the secondary was lost, and is back now, begins no more.
    this.#plan = null;
    const repair = this.#last?.repair;
    if (repair?.phase !== 'begun' || this.#running) return;
    // What is refused now is asked again with the next change.
    this.start(mirror, afterRepairBandwidth, repair.by).catch((error: unknown) =>
      this.#log.add('error', this.#module, 'REPAIR_NOT_CHECKED', String(error)),
    );
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
    const repair = this.#last?.repair?.phase === 'begun' ? this.#last.repair : null;
    this.#running = null;
    const { outcome, reason, names, checked, durationMs, total } = report;
    const facts = { outcome, reason, names, checked, durationMs, total };
    const verify: Remembered = {
      ...{ at: endedAt(this.#last?.at), host: this.#host, by, ...facts },
      // One that could not come to its end tells nothing: the next one will.
      ...(repair && { repair: { ...repair, phase: outcome === 'incomplete' ? 'begun' : 'checked' } }),
    };
    this.#last = { ...verify, differences: [...report.differences] };
    const level = total === 0 ? 'info' : 'error';
    const told = `${repair ? `after the repair of ${repair.host}: ` : ''}${describeVerify(report)}`;
    this.#log.add(level, this.#module, 'VERIFIED', told, { total, checked, durationMs, by });
    this.#keep(this.#last);
    this.#onChange();
  }

  #keep(verify: LastVerify): void {
    try {
      this.#file.save(verify);
    } catch (error) {
      this.#log.add('warn', this.#module, 'VERIFY_NOT_KEPT', `${this.#file.path} cannot be written: ${String(error)}`);
    }
  }
}

/** Now; another time than that of the verify before, since a verify is named by the time of its end. */
function endedAt(before: string | undefined): string {
  const now = new Date();
  return now.toISOString() === before ? new Date(now.getTime() + 1).toISOString() : now.toISOString();
}

function remembered({ differences: _, ...verify }: LastVerify): Remembered {
  return verify;
}

function refused(code: 'BUSY' | 'NOT_IN_SYNC' | 'NOT_HEALTHY' | 'ALREADY', reason: string): Outcome {
  return { ok: false, code, reason, numbers: {} };
}
