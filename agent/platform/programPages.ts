import { readFileSync, readlinkSync } from 'node:fs';
import { errnoName, negativeErrno } from './libc/errno.ts';
import { bind } from './libc/library.ts';

const madvise = bind<(start: bigint, length: bigint, advice: number) => number>('int madvise(uint64_t, uint64_t, int)');
const MADV_DONTNEED = 4;

/** A part of the program's file in memory, of which every page is as it is in the file. */
export interface ProgramPart {
  readonly start: bigint;
  readonly length: bigint;
}

/**
 * The parts of `program` that are in memory unchanged and cannot be changed there.
 * @param smaps what /proc/PID/smaps says
 */
export function unchangedParts(smaps: string, program: string): ProgramPart[] {
  const parts: ProgramPart[] = [];
  for (const part of smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p [0-9a-f]+ \S+ [0-9]+ +(.*)$/m.exec(part);
    if (!head || head[3] !== program) continue;
    // Pages of our own would be lost: those that the linker, a debugger or huge pages for code have made.
    if (!/^Anonymous: +0 kB$/m.test(part) || !/^Private_Dirty: +0 kB$/m.test(part)) continue;
    const start = BigInt(`0x${head[1] ?? '0'}`);
    parts.push({ start, length: BigInt(`0x${head[2] ?? '0'}`) - start });
  }
  return parts;
}

/**
 * Lets go of the pages of the program's file that this process has in memory: a start needs most of them, what comes afterwards few. They stay in
 * the page cache, which all processes of the program share, and come back from there one by one when they are used.
 */
export function dropProgramPages(): void {
  const parts = unchangedParts(readFileSync('/proc/self/smaps', 'latin1'), readlinkSync('/proc/self/exe'));
  for (const { start, length } of parts) {
    // Locked in memory, for example: then they stay.
    if (madvise(start, length, MADV_DONTNEED) !== 0) throw new Error(`madvise: ${errnoName(-negativeErrno())}`);
  }
}
