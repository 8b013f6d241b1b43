import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const CLOCK_TICKS_PER_SECOND = 100;

/** What one process of ours uses at a moment. */
export interface ProcessUse {
  readonly pid: number;
  /** Name as `ps` shows it. */
  readonly title: string;
  readonly rssMiB: number;
  /** Its share of what it has in memory, where pages that several processes use count in parts; MiB. */
  readonly pssMiB: number;
  readonly threads: number;
  /** Processor time since it began, milliseconds. */
  readonly cpuMs: number;
}

/** The product's processes in the pid namespace of `init`: what runs under the same Node as this program. */
export function processesOf(init: number): readonly ProcessUse[] {
  const namespace = readlinkSync(`/proc/${init}/ns/pid`);
  const found: ProcessUse[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(entry)) continue;
    try {
      if (readlinkSync(`/proc/${entry}/ns/pid`) !== namespace) continue;
      if (readlinkSync(`/proc/${entry}/exe`) !== process.execPath) continue;
      found.push(use(Number(entry)));
    } catch {
      // Gone while we looked.
    }
  }
  return found;
}

function use(pid: number): ProcessUse {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // Behind the name, which may hold anything: field 3 comes first.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const kib = (name: string): number => Number(new RegExp(`^${name}: +([0-9]+) kB$`, 'm').exec(rollup)?.[1] ?? 0);
  return {
    pid,
    title: readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim(),
    rssMiB: kib('Rss') / 1024,
    pssMiB: kib('Pss') / 1024,
    threads: field(20),
    cpuMs: ((field(14) + field(15)) * 1000) / CLOCK_TICKS_PER_SECOND,
  };
}
