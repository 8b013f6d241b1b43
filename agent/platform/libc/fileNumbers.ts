import { errnos, ErrnoError } from './errno.ts';

/** An inode number has to fit below this where file systems are told apart; 32 times as many a JavaScript number tells apart. */
export const NUMBERS_EACH = 2 ** 48;

let fileSystems: ReadonlyMap<number, number> | null = null;

/**
 * From now on the files of several file systems have numbers that differ, in this thread: those of the first one stay as they are, to each other
 * one's a multiple of 2^48 is added. An inode number alone names a file only where all lie on one file system.
 * @param devices at most 32; what is named twice counts by its first place, which tells names of one file apart from those of two
 */
export function numberFilesApart(devices: readonly number[]): void {
  fileSystems = new Map(devices.map((device) => [device, devices.indexOf(device)]));
}

/** The place of a device among those whose files are numbered apart; -1 for any other. */
export function fileSystemOf(device: number): number {
  return fileSystems?.get(device) ?? -1;
}

/** The place of the file system that a number belongs to. */
export function fileSystemOfNumber(number: number): number {
  return Math.floor(number / NUMBERS_EACH);
}

/** The number of a file. @throws ErrnoError EOVERFLOW when it is too large to be told from those of other file systems */
export function fileNumber(device: number, inode: number): number {
  const place = fileSystems?.get(device);
  if (place === undefined) return inode;
  if (inode >= NUMBERS_EACH) throw new ErrnoError(errnos.EOVERFLOW, 'statx', `inode ${inode}`);
  return place * NUMBERS_EACH + inode;
}

/** Whether several file systems are numbered apart. */
export function areNumberedApart(): boolean {
  return fileSystems !== null;
}
