import { hash } from 'node:crypto';
import koffi from 'koffi';

export const SHA256_BYTES = 32;

type OneShot = (input: Uint8Array, bytes: number, out: Uint8Array) => unknown;

/** The function of the libcrypto that is in the Node program itself; null when it does not show it. */
function bindDigest(): OneShot | null {
  try {
    return koffi.load(null).func('void *SHA256(const void *, size_t, void *)');
  } catch {
    return null;
  }
}

let digest: OneShot | null | undefined;

/** Writes the SHA-256 of `input` to the start of `out`. For a block of 4 KiB Node's own module takes half as long again, and makes garbage. */
export function sha256(input: Uint8Array, out: Uint8Array, direct = true): void {
  if (out.length < SHA256_BYTES) throw new RangeError('no room for a SHA-256');
  if (digest === undefined) digest = bindDigest();
  if (digest === null || !direct) out.set(hash('sha256', input, 'buffer'));
  else digest(input, input.length, out);
}
