import { errnos, ErrnoError, setxattrat, tryGetxattrat } from '../../platform/libc.ts';

const CAPABILITY = 'security.capability';
const value = Buffer.alloc(64);

/**
 * Changes the content of a file, and leaves it the capabilities that it gives to whoever runs it: the kernel takes them away at every write
 * (capabilities(7)), but the primary's listing set them, and what is written here is no change of the guest's.
 */
export function keepCapability(fd: number, change: () => void): void {
  const size = tryGetxattrat(fd, '', CAPABILITY, value);
  if (size === -errnos.ENODATA || size === -errnos.EOPNOTSUPP) return change();
  if (size < 0) throw new ErrnoError(-size, 'getxattr', CAPABILITY);
  const kept = Buffer.from(value.subarray(0, size));
  try {
    change();
  } finally {
    setxattrat(fd, '', CAPABILITY, kept);
  }
}
