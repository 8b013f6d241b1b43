import os from 'node:os';
import koffi from 'koffi';

/** Error numbers by name, as in errno(3): `errnos.ENOENT` is 2. */
export const errnos = os.constants.errno;

const namesByNumber = new Map<number, string>(Object.entries(errnos).map(([name, number]) => [number, name]));
// Two names share one number on Linux; these are the ones that local file systems and sockets are documented with.
namesByNumber.set(errnos.EAGAIN, 'EAGAIN');
namesByNumber.set(errnos.EOPNOTSUPP, 'EOPNOTSUPP');

/** The name of an error number: 'ENOENT' for 2. */
export function errnoName(errno: number): string {
  return namesByNumber.get(errno) ?? `errno ${errno}`;
}

/** A call of the C library that failed. `errno` is positive. */
export class ErrnoError extends Error {
  override readonly name = 'ErrnoError';
  readonly errno: number;
  /** 'ENOENT' and the like. */
  readonly code: string;
  /** The call that failed, 'openat' and the like. */
  readonly syscall: string;

  constructor(errno: number, syscall: string, detail?: string) {
    super(`${errnoName(errno)}: ${syscall}${detail === undefined ? '' : ` '${detail}'`}`);
    this.errno = errno;
    this.code = errnoName(errno);
    this.syscall = syscall;
  }
}

/** The error number that an exception stands for, of ours or of Node's `fs`; undefined when it is none. */
export function errnoOf(error: unknown): number | undefined {
  if (error instanceof ErrnoError) return error.errno;
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') return Math.abs(error.errno);
  return undefined;
}

/** The negative error number of the call that just returned -1 in this thread. */
export function negativeErrno(): number {
  return -koffi.errno();
}

/** Passes a result on, throws when it is the -1 of a failed call. */
export function orThrow(result: number, syscall: string, detail?: string): number {
  if (result === -1) throw new ErrnoError(koffi.errno(), syscall, detail);
  return result;
}

/** Passes a result on, throws when it is a negative error number, as the `try…` functions return it. */
export function must(result: number, syscall: string, detail?: string): number {
  if (result < 0) throw new ErrnoError(-result, syscall, detail);
  return result;
}
