import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describeFailure, run, tryRun } from '../harness/run.ts';
import { readSerial, type SerialReport } from './serialLog.ts';

/** What became of the records that the guest had reported as durable. */
export interface RecordVerdict {
  readonly acknowledged: number;
  /** Reported records that are not on the disk as they were reported. */
  readonly lost: readonly string[];
  /** Line of the first record that is not where its number says: missing, twice, or out of order. */
  readonly firstOutOfOrder: number | null;
  readonly onDisk: number;
}

/** The records on a guest disk that no guest has open, as its file system has them after the replay of its journal. Leaves the image alone. */
export async function readRecords(image: string): Promise<readonly string[]> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'understudy-records-'));
  try {
    const copy = path.join(folder, 'disk.raw');
    await run(['cp', '--sparse=always', image, copy]);
    const check = ['e2fsck', '-f', '-p', copy];
    const checked = await tryRun(check);
    // 1: errors were corrected, which the replay of a journal counts as.
    if (checked.code !== 0 && checked.code !== 1) throw new Error(describeFailure(check, checked));
    const log = await run(['debugfs', '-R', 'cat /log', copy]);
    return log.split('\n').slice(0, -1);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Compares what a disk holds with what the guest reported on all hosts' consoles. A record counts only if the whole line is the same:
 * a number that was reported on one host and written anew after a failover is a lost record.
 */
export function judgeRecords(onDisk: readonly string[], reports: readonly SerialReport[]): RecordVerdict {
  const acknowledged = new Set(reports.flatMap((report) => report.acknowledged));
  const lost = [...acknowledged].filter((record) => onDisk[numberOf(record) - 1] !== record);
  const wrong = onDisk.findIndex((record, index) => numberOf(record) !== index + 1);
  return {
    acknowledged: acknowledged.size,
    lost,
    firstOutOfOrder: wrong < 0 ? null : wrong + 1,
    onDisk: onDisk.length,
  };
}

/** {@link readRecords} and {@link judgeRecords} for one replica's image and the console logs of all hosts. */
export async function checkRecords(image: string, serialLogs: readonly string[]): Promise<RecordVerdict> {
  // The consoles first: a guest that still writes adds to the disk before it reports.
  const reports = await Promise.all(serialLogs.map(readSerial));
  return judgeRecords(await readRecords(image), reports);
}

function numberOf(record: string): number {
  return Number(record.split(' ', 1)[0]);
}
