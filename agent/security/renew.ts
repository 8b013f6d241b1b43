import { certifyKey, type HostSubject } from './certificates.ts';
import { endOf, endsSoon } from './certificateEnd.ts';
import { identityFiles, loadAuthority, loadIdentity, storeCertificate } from './identity.ts';
import { readSecret } from './secretFile.ts';
import { SecurityError, type SecurityErrorCode } from './securityError.ts';

/** What a new certificate mends. Whatever else is wrong with the files of a host, somebody has to look at. */
const mendable: readonly SecurityErrorCode[] = [
  'CERTIFICATE_MISSING',
  'CERTIFICATE_BROKEN',
  'CERTIFICATE_EXPIRED',
  'CERTIFICATE_WRONG_KEY',
];

/**
 * Gives the host that holds the authority's key a new certificate of its own when the old one ends soon or cannot be used: nobody else could,
 * as it is the one that certifies the others. Elsewhere nothing is done.
 * @returns whether there is a new one
 * @throws Error when the files of the authority or this host's key must not be used, or the certificate cannot be written: it is as it was
 */
export async function renewWhereCertified(configDirectory: string, self: HostSubject, now: Date): Promise<boolean> {
  const authority = loadAuthority(configDirectory);
  if (authority === null || !needsNew(configDirectory, self.host, endOf(authority.certificate), now)) return false;
  const key = readSecret(identityFiles(configDirectory).key);
  storeCertificate(configDirectory, await certifyKey(authority, key, self));
  return true;
}

/** @param last when the authority ends: no certificate helps beyond that */
function needsNew(configDirectory: string, host: string, last: Date, now: Date): boolean {
  if (now >= last) return false;
  try {
    const { expires } = loadIdentity(configDirectory, host, now);
    return expires < last && endsSoon(expires, now);
  } catch (error) {
    return error instanceof SecurityError && mendable.includes(error.code);
  }
}
