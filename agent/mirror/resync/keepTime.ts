import { fstat, futimens, timeNs } from '../../platform/libc.ts';

/**
 * Changes the content of a file of the follower's, and leaves it its modification time: of what the follower changes by itself the primary does
 * not know, and sends no time behind it.
 */
export function keepTime(fd: number, change: () => void): void {
  const { mtimeSec, mtimeNsec } = fstat(fd);
  try {
    change();
  } finally {
    futimens(fd, null, timeNs(mtimeSec, mtimeNsec));
  }
}
