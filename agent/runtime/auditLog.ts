import type { Audit } from '../api/audit.ts';
import { leftOutText, LineLimit } from '../host/lineLimit.ts';
import type { EventLog } from './eventLog.ts';

/** Lines on those who were not let in, whom nobody knows: they must not wash away what was done. At once, and per second. */
const strangersAtOnce = 20;
const strangersPerSecond = 0.1;

/** Writes what clients ask for into the log. */
export function auditTo(log: EventLog): Audit {
  const strangers = new LineLimit(strangersAtOnce, strangersPerSecond);
  return ({ who, role, from, what, parameters, outcome, code, message, durationMs }) => {
    const leftOut = who === null && outcome === 'refused' ? strangers.next() : 0;
    if (leftOut === null) return;
    log.add(
      outcome === 'done' ? 'info' : 'warn',
      parameters['module'] ?? null,
      'AUDIT',
      `${what} by ${who ?? 'nobody known'} from ${from}: ${outcome}${message ? ` (${message})` : ''}${leftOutText(leftOut)}`,
      {
        who,
        role,
        code,
        durationMs,
        ...parameters,
      },
    );
  };
}
