import type { LogEntry } from '../../schemas/generated/api.ts';

/** Every receiver takes so much (RFC 5424, section 6.1, asks for 2048 octets); characters. */
const longestText = 1500;
/** Facility "daemon" (RFC 5424, table 1). */
const facility = 3;
/** Severities of RFC 5424, table 2. */
const severities: Readonly<Record<LogEntry['level'], number>> = { debug: 7, info: 6, warn: 4, error: 3 };

/**
 * One message of RFC 5424. The code of the event is its MSGID. Fields stand behind the text as NAME=VALUE: structured data would need a name
 * that is registered for us.
 */
export function syslogMessage(entry: LogEntry, processId: number): string {
  const priority = facility * 8 + severities[entry.level];
  const name = entry.code.replace(/[^\x21-\x7e]/g, '_').slice(0, 32);
  const fields = Object.entries({ module: entry.module, ...entry.fields })
    .filter(([, value]) => value !== null)
    .map(([field, value]) => ` ${field}=${JSON.stringify(value)}`);
  const text = `${entry.message}${fields.join('')}`.replace(/[\r\n]+/g, ' ').slice(0, longestText);
  // The mark says that the text is UTF-8.
  return `<${String(priority)}>1 ${entry.time} ${entry.host} understudy ${String(processId)} ${name} - \ufeff${text}`;
}
