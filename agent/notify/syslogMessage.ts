import type { LogEntry } from '../../schemas/generated/api.ts';

/** Every receiver should take so much (RFC 5424, section 6.1), octets. */
const longestMessage = 2048;
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
  const text = `${entry.message}${fields.join('')}`.replace(/[\r\n]+/g, ' ');
  // The mark says that the text is UTF-8.
  const head = `<${String(priority)}>1 ${entry.time} ${entry.host} understudy ${String(processId)} ${name} - \ufeff`;
  return cut(`${head}${text}`, longestMessage);
}

/** As many whole characters from the beginning as so many octets of UTF-8 hold. */
function cut(text: string, octets: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(octets));
  return text.slice(0, read);
}
