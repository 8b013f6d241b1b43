import { orThrow } from './errno.ts';
import { bind } from './library.ts';

const c = {
  prctl: bind<(option: number, a: number, b: number, c: number, d: number) => number>(
    'int prctl(int, uint64_t, uint64_t, uint64_t, uint64_t)',
  ),
  mlockall: bind<(flags: number) => number>('int mlockall(int)'),
  umask: bind<(mask: number) => number>('uint32_t umask(uint32_t)'),
};

const PR_SET_PDEATHSIG = 1;
const PR_SET_IO_FLUSHER = 57;

/** prctl(2). */
export function prctl(option: number, a = 0, b = 0): number {
  return orThrow(c.prctl(option, a, b, 0, 0), 'prctl');
}

/**
 * Tells the kernel that this thread serves I/O: memory reclaim on its behalf never waits for I/O that only this thread could complete
 * (prctl(2) PR_SET_IO_FLUSHER). Needs CAP_SYS_RESOURCE. Call it in the thread that serves.
 */
export function setIoFlusher(): void {
  prctl(PR_SET_IO_FLUSHER, 1);
}

/** This process gets `signal` when the thread that started it ends (PR_SET_PDEATHSIG). */
export function setParentDeathSignal(signal: number): void {
  prctl(PR_SET_PDEATHSIG, signal);
}

const MCL_CURRENT = 1;
const MCL_FUTURE = 2;
const MCL_ONFAULT = 4;

/** mlockall(2): pages that were touched once are never swapped out; address space that was never touched costs nothing. */
export function lockMemory(): void {
  orThrow(c.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT), 'mlockall');
}

/** umask(2), for the whole process, from any thread (Node allows it in the main thread only). Returns the old mask. */
export function setUmask(mask: number): number {
  return c.umask(mask);
}
