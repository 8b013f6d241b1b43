import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** The argument list of a process; null when it is gone or a kernel thread. */
export async function argumentsOf(pid: number): Promise<readonly string[] | null> {
  try {
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    return text === '' ? null : text.replace(/\0$/, '').split('\0');
  } catch {
    return null;
  }
}

/** Every process whose argument list satisfies the predicate. */
export async function findProcesses(matches: (argv: readonly string[]) => boolean): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const argv = await argumentsOf(pid);
      return argv !== null && matches(argv) ? pid : null;
    }),
  );
  return found.filter((pid) => pid !== null);
}

/** Resolves with true once the process has ended (a zombie has), with false after the time-out, milliseconds. */
export async function hasEnded(pid: number, timeoutMs: number): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while (await isRunning(pid)) {
    if (performance.now() > end) return false;
    await delay(10);
  }
  return true;
}

async function isRunning(pid: number): Promise<boolean> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}
