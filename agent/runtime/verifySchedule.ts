import { join } from 'node:path';
import type { LastVerify, VerifySchedule as ScheduleStatus } from '../../schemas/generated/api.ts';
import { lastTime, nextTime, parseSchedule, type Schedule } from '../../schemas/schedule.ts';
import { makeDirectoryDurably, readIfExists, writeDurably } from '../platform/durable.ts';
import type { EventLog } from './eventLog.ts';

const formatVersion = 1;
/** One that did not come to its end is begun anew after this. */
const retryMs = 10 * 60_000;

/** Since when a schedule holds on this host: what was due before is nothing that was missed. */
export class ScheduleFile {
  readonly #file: string;

  constructor(stateDirectory: string) {
    makeDirectoryDurably(stateDirectory);
    this.#file = join(stateDirectory, 'verifySchedule.json');
  }

  /** Of another schedule than before, and of one that is not known: since now. */
  since(schedule: string, now: Date): Date {
    try {
      const content = readIfExists(this.#file);
      const parsed = JSON.parse(content?.toString('utf8') ?? '{}') as Record<string, unknown>;
      const since = new Date(String(parsed['since']));
      const isKnown = parsed['formatVersion'] === formatVersion && parsed['schedule'] === schedule;
      if (isKnown && !Number.isNaN(since.getTime())) return since;
    } catch {
      // As if there were none.
    }
    writeDurably(this.#file, `${JSON.stringify({ formatVersion, schedule, since: now.toISOString() })}\n`);
    return now;
  }
}

/** What of a module the schedule looks at. */
export interface Verified {
  /** A healthy pair, and nobody compares or repairs it. */
  readonly canBegin: () => boolean;
  /** Null: it has begun. */
  readonly begin: () => Promise<string | null>;
  /** The last ones that each host knows of. */
  readonly last: () => readonly (LastVerify | null)[];
}

/**
 * Begins verifies of one module at the times of its schedule, while this host is the primary. A time at which it cannot begin is made up as
 * soon as it can.
 */
export class VerifySchedule {
  readonly #module: string;
  readonly #schedule: Schedule | null;
  readonly #since: Date;
  readonly #log: EventLog;
  readonly #verified: Verified;
  /** When the last attempt began, and the time that was told of as missed. */
  #triedAt = -Infinity;
  #told = 0;
  #status: ScheduleStatus | null = null;

  /** @param schedule as in the module's file; "off": never */
  constructor(parts: {
    module: string;
    schedule: string;
    file: ScheduleFile;
    log: EventLog;
    verified: Verified;
    now: Date;
  }) {
    this.#module = parts.module;
    this.#schedule = parseSchedule(parts.schedule);
    this.#since = this.#schedule === null ? parts.now : parts.file.since(parts.schedule, parts.now);
    this.#log = parts.log;
    this.#verified = parts.verified;
  }

  /** The same object as long as nothing of it has changed; null without a schedule. */
  get status(): ScheduleStatus | null {
    return this.#status;
  }

  /** Call it now and then while this host is the primary. Returns whether the status has changed. */
  look(now: Date): boolean {
    if (this.#schedule === null) return false;
    const due = this.#dueSince(this.#schedule, now);
    if (due !== null) this.#attempt(due, now);
    const next = nextTime(this.#schedule, now).toISOString();
    const dueSince = due?.toISOString() ?? null;
    if (this.#status?.next === next && this.#status.dueSince === dueSince) return false;
    this.#status = { next, dueSince };
    return true;
  }

  /** The time at which a verify was due that has not been made since. */
  #dueSince(schedule: Schedule, now: Date): Date | null {
    const time = lastTime(schedule, now);
    if (time <= this.#since) return null;
    // One that somebody stopped was not wanted then; one that could not come to its end is still due.
    const isDone = this.#verified
      .last()
      .some((verify) => verify !== null && verify.outcome !== 'incomplete' && new Date(verify.at) >= time);
    return isDone ? null : time;
  }

  #attempt(due: Date, now: Date): void {
    if (!this.#verified.canBegin()) {
      this.#tell(due, 'there is no secondary in sync, or a resync, verify or repair is under way');
      return;
    }
    if (now.getTime() - this.#triedAt < retryMs) return;
    this.#triedAt = now.getTime();
    this.#verified.begin().then(
      (refusal) => refusal !== null && this.#tell(due, refusal),
      (error: unknown) => this.#tell(due, String(error)),
    );
  }

  #tell(due: Date, reason: string): void {
    if (this.#told === due.getTime()) return;
    this.#told = due.getTime();
    const message = `the verify of ${this.#module} that was due at ${due.toISOString()} waits: ${reason}; it is made up for as soon as it can be`;
    this.#log.add('warn', this.#module, 'VERIFY_DUE', message);
  }
}
