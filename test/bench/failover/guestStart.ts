import { readFileSync } from 'node:fs';
import type { LabHost } from '../../lab/harness/host.ts';
import { monotonicMs } from './clock.ts';

/** The kernel tells the start of a process in these, and its own uptime as well. */
const tickMs = 10;

let bootOffset: number | null = null;

/** The kernel's time since boot minus ours, to a fraction of a tick: taken where the former changes. */
function bootOffsetMs(): number {
  if (bootOffset !== null) return bootOffset;
  const uptime = (): number => Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 1000;
  const first = uptime();
  for (;;) {
    const now = uptime();
    if (now !== first) return (bootOffset = now - monotonicMs());
  }
}

function startOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Behind the name, which may hold anything: field 22 of all.
    const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
    return ticks * tickMs - bootOffsetMs();
  } catch {
    // Gone while we looked.
    return null;
  }
}

/** When the guest that runs now on one of the hosts was begun, by `monotonicMs`; null without one that is younger than the moment. */
export function guestStart(hosts: readonly LabHost[], sinceMs: number): number | null {
  const starts = hosts.flatMap((host) => host.guests().map(startOf));
  const young = starts.filter((each): each is number => each !== null && each > sinceMs - tickMs);
  return young.length === 0 ? null : Math.max(...young);
}
