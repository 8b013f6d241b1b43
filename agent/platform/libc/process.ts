import { setCloseOnExec } from './events.ts';
import { ErrnoError, errnos, negativeErrno, orThrow } from './errno.ts';
import { bind } from './library.ts';

const c = {
  prctl: bind<(option: number, a: number, b: number, c: number, d: number) => number>(
    'int prctl(int, uint64_t, uint64_t, uint64_t, uint64_t)',
  ),
  mlockall: bind<(flags: number) => number>('int mlockall(int)'),
  execve: bind<(path: string, argv: readonly (string | null)[], env: readonly (string | null)[]) => number>(
    'int execve(const char *, const char **, const char **)',
  ),
  waitpid: bind<(pid: number, status: Uint8Array, options: number) => number>('int waitpid(int, void *, int)'),
  mallocTrim: bind<(pad: number) => number>('int malloc_trim(uint64_t)'),
  umask: bind<(mask: number) => number>('uint32_t umask(uint32_t)'),
  getrlimit: bind<(resource: number, limits: Uint8Array) => number>('int getrlimit(int, void *)'),
  setrlimit: bind<(resource: number, limits: Uint8Array) => number>('int setrlimit(int, const void *)'),
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

const RLIMIT_NOFILE = 7;

/** Lets this process have at least so many files open; throws EPERM where it may not (CAP_SYS_RESOURCE), and all is as it was. */
export function raiseOpenFileLimit(files: number): void {
  const limits = Buffer.alloc(16);
  orThrow(c.getrlimit(RLIMIT_NOFILE, limits), 'getrlimit');
  if (limits.readBigUInt64LE(0) >= BigInt(files)) return;
  limits.writeBigUInt64LE(BigInt(files), 0);
  if (limits.readBigUInt64LE(8) < BigInt(files)) limits.writeBigUInt64LE(BigInt(files), 8);
  orThrow(c.setrlimit(RLIMIT_NOFILE, limits), 'setrlimit');
}

/** malloc_trim(3): the C library gives free memory back to the system. */
export function trimMemory(): void {
  c.mallocTrim(0);
}

/** umask(2), for the whole process, from any thread (Node allows it in the main thread only). Returns the old mask. */
export function setUmask(mask: number): number {
  return c.umask(mask);
}

/**
 * execve(2): another program goes on in this process, with its id, its children and the descriptors `kept`; everything else of this program
 * ends here. Returns only by throwing, when that cannot be done; then nothing has changed.
 */
export function replaceProcess(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  kept: readonly number[],
): never {
  const env = Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  // Node keeps even the standard streams to itself.
  const passed = [0, 1, 2, ...kept];
  for (const fd of passed) setCloseOnExec(fd, false);
  c.execve(program, [program, ...args, null], [...env, null]);
  const error = new ErrnoError(-negativeErrno(), 'execve', program);
  for (const fd of passed) setCloseOnExec(fd, true);
  throw error;
}

const WNOHANG = 1;

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null;
  /** The signal that ended it. */
  readonly signal: number | null;
}

/** How a child of this process ended (waitpid(2)), once; null while it runs. Throws ECHILD when it is no child, or was asked for already. */
export function endOfChild(pid: number): ProcessEnd | null {
  const status = Buffer.alloc(4);
  for (;;) {
    const found = c.waitpid(pid, status, WNOHANG);
    if (found === 0) return null;
    if (found === pid) break;
    const error = negativeErrno();
    if (error !== -errnos.EINTR) throw new ErrnoError(-error, 'waitpid');
  }
  const value = status.readInt32LE(0);
  const signal = value & 0x7f;
  return signal === 0 ? { code: (value >> 8) & 0xff, signal: null } : { code: null, signal };
}
