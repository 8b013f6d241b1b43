import { ErrnoError, errnos } from './errno.ts';

const empty = Buffer.from([0]);

/** A byte string as the NUL-terminated bytes that the C library takes. Throws EINVAL for a NUL inside. */
export function cString(bytes: string): Buffer {
  const length = bytes.length;
  if (length === 0) return empty;
  const buffer = Buffer.allocUnsafe(length + 1);
  buffer.write(bytes, 0, length, 'latin1');
  buffer[length] = 0;
  if (bytes.includes('\0')) throw new ErrnoError(errnos.EINVAL, 'path', bytes);
  return buffer;
}

/** The byte string of an ordinary (UTF-16) string, as UTF-8. */
export function toByteString(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** An ordinary string for people; bytes that are not UTF-8 become U+FFFD. */
export function fromByteString(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
