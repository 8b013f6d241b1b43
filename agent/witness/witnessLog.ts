import { LineLimit } from '../host/lineLimit.ts';
import { journalLines } from '../runtime/eventLog.ts';

export type LogLine = (level: 'info' | 'warn', code: string, message: string) => void;

/** Lines of one cluster at once, and per second: what happens to one must not hide what happens to the others. */
const atOnce = 50;
const perSecond = 1;

/** What happens, on standard error: the service manager keeps it, and nothing of it is on this program's own disk. */
export class WitnessLog {
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** For one cluster. @param who its name, or that of the whole */
  of(who: string): LogLine {
    const limit = new LineLimit(atOnce, perSecond);
    return (level, code, message) => {
      const left = limit.next();
      if (left === null) return;
      if (left > 0) this.#line('warn', who, 'LOG_LEFT_OUT', `${String(left)} lines were left out, there were too many`);
      this.#line(level, who, code, message);
    };
  }

  #line(level: 'info' | 'warn', who: string, code: string, message: string): void {
    // What others have sent must not look like lines of its own.
    const text = message.replace(/\p{Cc}+/gu, ' ');
    this.#write(journalLines(level, `${new Date().toISOString()} ${level} ${who} ${code} ${text}`));
  }
}
