import { appendFileSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { LogEntry } from '../../schemas/generated/api.ts';
import { LogEntry as isLogEntry } from '../../schemas/generated/apiValidators.js';

type Level = LogEntry['level'];
type Fields = Readonly<Record<string, number | string | boolean | null>>;

/** Entries kept in memory for readers. */
const keptEntries = 5000;
/** The file is set aside once at this size, so that the log never takes more than twice as much. */
const maximumFileBytes = 4 << 20;
const levels: readonly Level[] = ['debug', 'info', 'warn', 'error'];

/** What happened on this host, for people: in memory, on disk within a bound, and on standard error. */
export class EventLog {
  readonly #file: string;
  readonly #host: string;
  readonly #level: Level;
  readonly #entries: LogEntry[];
  readonly #listeners = new Set<(entries: LogEntry[]) => void>();
  #fileBytes: number;
  /** The last line was cut off, as by a loss of power: what comes next must not become part of it. */
  #isTorn: boolean;

  constructor(file: string, host: string, level: Level) {
    this.#file = file;
    this.#host = host;
    this.#level = level;
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    this.#fileBytes = sizeOf(file);
    const [older, newer] = [textOf(`${file}.1`), textOf(file)];
    this.#isTorn = newer !== '' && !newer.endsWith('\n');
    this.#entries = [...entriesOf(older), ...entriesOf(newer)].slice(-keptEntries);
  }

  add(level: Level, module: string | null, code: string, message: string, fields: Fields = {}): void {
    const entry: LogEntry = {
      time: new Date().toISOString(),
      host: this.#host,
      module,
      level,
      code,
      message,
      fields: { ...fields },
    };
    if (levels.indexOf(level) >= levels.indexOf(this.#level)) {
      process.stderr.write(journalLines(level, `${entry.time} ${level} ${module ?? this.#host} ${code} ${message}`));
    }
    if (level === 'debug') return;
    this.#entries.push(entry);
    if (this.#entries.length > keptEntries) this.#entries.splice(0, this.#entries.length - keptEntries);
    this.#append(entry);
    for (const listener of this.#listeners) listener([entry]);
  }

  read(filter: { readonly module?: string; readonly limit: number }): LogEntry[] {
    const { module } = filter;
    const matching = module === undefined ? this.#entries : this.#entries.filter((entry) => entry.module === module);
    return matching.slice(-filter.limit);
  }

  onEntries(listener: (entries: LogEntry[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The log is a witness, not a promise: a full disk must not stop a failover. */
  #append(entry: LogEntry): void {
    const line = Buffer.from(`${this.#isTorn ? '\n' : ''}${JSON.stringify(entry)}\n`);
    try {
      if (this.#fileBytes + line.length > maximumFileBytes) {
        renameSync(this.#file, `${this.#file}.1`);
        this.#fileBytes = 0;
      }
      appendFileSync(this.#file, line, { mode: 0o600 });
      this.#fileBytes += line.length;
      this.#isTorn = false;
    } catch (error) {
      process.stderr.write(`the event log ${this.#file} cannot be written: ${String(error)}\n`);
    }
  }
}

/** The journal takes the priority of each line from its beginning (sd-daemon(3)). Elsewhere it would only be in the way. */
export function journalLines(level: Level, text: string): string {
  if (process.env['JOURNAL_STREAM'] === undefined) return `${text}\n`;
  const prefix = `<${String({ debug: 7, info: 6, warn: 4, error: 3 }[level])}>`;
  return `${text.replace(/^/gm, prefix)}\n`;
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** Nothing where it cannot be read. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function entriesOf(text: string): LogEntry[] {
  return text.split('\n').flatMap((line) => {
    try {
      const entry: unknown = JSON.parse(line);
      return isLogEntry(entry) ? [entry as LogEntry] : [];
    } catch {
      return [];
    }
  });
}
