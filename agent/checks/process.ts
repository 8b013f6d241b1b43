import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { processRuns } from '../platform/children.ts';
import type { Probe } from './probe.ts';

/** The kernel keeps no more of a name, bytes. */
const keptNameBytes = 15;

/** Whether a process of this host runs, by its name. */
export function processNameProbe(name: string): Probe {
  return async (signal) => {
    for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
      signal.throwIfAborted();
      if ((await isCalled(pid, name)) && processRuns(Number(pid))) return null;
    }
    return `no process is called ${name}`;
  };
}

/** Whether the process runs whose id a file holds. */
export function pidFileProbe(file: string): Probe {
  return async (signal) => {
    let text: string;
    try {
      text = (await readFile(file, { encoding: 'utf8', signal })).trim();
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      return isMissing ? `${file} does not exist` : `${file} cannot be read: ${(error as Error).message}`;
    }
    const pid = /^[1-9]\d{0,9}$/.exec(text.split('\n')[0]?.trim() ?? '')?.[0];
    if (pid === undefined) return `${file} holds no process id`;
    return processRuns(Number(pid)) ? null : `process ${pid} of ${file} does not run`;
  };
}

async function isCalled(pid: string, name: string): Promise<boolean> {
  try {
    const kept = (await readFile(`/proc/${pid}/comm`, 'utf8')).trimEnd();
    if (kept === name) return true;
    if (Buffer.byteLength(name) <= keptNameBytes || !name.startsWith(kept) || kept === '') return false;
    const [program = ''] = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    return path.basename(program) === name;
  } catch {
    // It has ended meanwhile.
    return false;
  }
}
