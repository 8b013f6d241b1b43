import { readFile } from 'node:fs/promises';

interface GuestBoot {
  readonly boot: number;
  readonly id: string;
  /** Number of the last record that it found. */
  readonly last: number;
  /** The first line that is another record; `none` without one. */
  readonly bad: string;
}

/** What a guest told over its serial console. */
export interface SerialReport {
  /** The records reported as durable, in the order of the reports, as they were written: "12 boot=1 id=… up=…". */
  readonly acknowledged: readonly string[];
  /** Each start of a guest: its number by its disk, an id of its own, and what it found there. */
  readonly boots: readonly GuestBoot[];
}

/**
 * A line that the loss of power cut short is ended by what the next guest prints first. The time has two digits behind its point (proc(5), uptime):
 * with both the line is whole.
 */
const wrote = /^WROTE (\d+ boot=\d+ id=[0-9a-f]{8} up=\d+\.\d{2})$/;
const up = /^GUEST_UP boot=(\d+) id=([0-9a-f]{8}) last=(\d+) bad=(\S+) uptime=[\d.]+$/;

/** Reads a console log. A line that was cut short is no report: the guest said nothing that could be relied on. */
export function parseSerial(text: string): SerialReport {
  const acknowledged: string[] = [];
  const boots: GuestBoot[] = [];
  const lines = text.split('\n');
  // What follows the last newline is still being written.
  for (const line of lines.slice(0, -1).map((raw) => raw.replace(/\r$/, ''))) {
    const record = wrote.exec(line)?.[1];
    if (record !== undefined) acknowledged.push(record);
    const start = up.exec(line);
    if (start !== null) {
      boots.push({ boot: Number(start[1]), id: start[2] ?? '', last: Number(start[3]), bad: start[4] ?? '' });
    }
  }
  return { acknowledged, boots };
}

/** Reads a console log; a missing one says nothing. */
export async function readSerial(file: string): Promise<SerialReport> {
  try {
    return parseSerial(await readFile(file, 'latin1'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return parseSerial('');
    throw error;
  }
}

/** Number of the last record that a console reports, 0 without one. */
export function lastNumber(report: SerialReport): number {
  return Number(report.acknowledged.at(-1)?.split(' ')[0] ?? 0);
}
