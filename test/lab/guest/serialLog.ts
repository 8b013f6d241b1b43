import { readFile } from 'node:fs/promises';

/** What a guest told over its serial console. */
export interface SerialReport {
  /** The records reported as durable, in the order of the reports, as they were written: "12 boot=1 id=… up=…". */
  readonly acknowledged: readonly string[];
  readonly boots: readonly { readonly boot: number; readonly last: number; readonly bad: string }[];
}

const wrote = /^WROTE (\d+ boot=\d+ id=[0-9a-f]{8} up=[\d.]+)$/;
const up = /^GUEST_UP boot=(\d+) id=[0-9a-f]{8} last=(\d+) bad=(\S+) uptime=[\d.]+$/;

/** Reads a console log. A line that was cut short is no report: the guest said nothing that could be relied on. */
export function parseSerial(text: string): SerialReport {
  const acknowledged: string[] = [];
  const boots: { boot: number; last: number; bad: string }[] = [];
  const lines = text.split('\n');
  // What follows the last newline is still being written.
  for (const line of lines.slice(0, -1).map((raw) => raw.replace(/\r$/, ''))) {
    const record = wrote.exec(line)?.[1];
    if (record !== undefined) acknowledged.push(record);
    const start = up.exec(line);
    if (start !== null) boots.push({ boot: Number(start[1]), last: Number(start[2]), bad: start[3] ?? '' });
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
