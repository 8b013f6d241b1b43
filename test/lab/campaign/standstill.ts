import { readdirSync, readFileSync } from 'node:fs';
import type { LabHost } from '../harness/host.ts';

/**
 * Has processes of a host stand still for so long by a process of that host, however late this one gets its turn. Resolves when they go on.
 * @param signal what sends a signal to them, in the words of a shell
 */
export async function standStill(host: LabHost, ms: number, signal: (name: 'STOP' | 'CONT') => string): Promise<void> {
  const script = `${signal('STOP')}; sleep ${ms / 1000}; ${signal('CONT')}`;
  await host.exec(['bash', '-c', script], { timeoutMs: ms + 60_000 });
  if (host.isOn) wakeEntrances(host.firstPid);
}

/** Every process of the host but the first one: agent, mirror and guest. */
export const everyProcess = (name: 'STOP' | 'CONT'): string => `kill -${name} -1`;

/** Has what was stopped on a host go on: a signal CONT by these arguments. */
export async function goOn(host: LabHost, argv: readonly string[]): Promise<void> {
  await host.exec(argv);
  wakeEntrances(host.firstPid);
}

/**
 * What brings a process into a host from outside (nsenter) stops when that process is stopped, and does not go on with it: it would never take note of
 * its end, for which the host's first process waits when the power goes. Not while the host is to stand still: it wakes what it brought in.
 */
export function wakeEntrances(firstPid: number): void {
  const entrance = `nsenter\0-t\0${firstPid}\0`;
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith(entrance)) process.kill(Number(pid), 'SIGCONT');
    } catch {
      // It has ended.
    }
  }
}
