import { createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { makeDirectoryDurably, readIfExists, writeDurably } from '../platform/durable.ts';
import { commonName } from './certificates.ts';
import type { CertifiedKey } from './certificates.ts';
import { readSecret, writeSecret } from './secretFile.ts';
import { SecurityError } from './securityError.ts';

/** What a host proves itself with, and what it checks others by. All PEM. */
export interface Identity {
  readonly host: string;
  readonly certificate: string;
  readonly key: string;
  /** Certificate of the cluster's authority. */
  readonly authority: string;
  readonly expires: Date;
}

export interface IdentityFiles {
  readonly authorityCertificate: string;
  /** Only on the host that `understudy init` was run on. */
  readonly authorityKey: string;
  readonly certificate: string;
  readonly key: string;
}

/** @param configDirectory such as /etc/understudy. */
export function identityFiles(configDirectory: string): IdentityFiles {
  const folder = join(configDirectory, 'tls');
  return {
    authorityCertificate: join(folder, 'ca.crt'),
    authorityKey: join(folder, 'ca.key'),
    certificate: join(folder, 'host.crt'),
    key: join(folder, 'host.key'),
  };
}

function readCertificate(file: string): { readonly pem: string; readonly parsed: X509Certificate } {
  const content = readIfExists(file);
  if (content === null) {
    throw new SecurityError(
      'CERTIFICATE_MISSING',
      `${file} does not exist: run \`understudy init\` or \`understudy join\` on this host.`,
    );
  }
  try {
    return { pem: content.toString('utf8'), parsed: new X509Certificate(content) };
  } catch (error) {
    throw new SecurityError(
      'CERTIFICATE_BROKEN',
      `${file} is no certificate: run \`understudy join\` again, or restore it from a backup.`,
      { cause: error },
    );
  }
}

/**
 * Reads and checks this host's key and certificate, so that a host with a broken identity says so at its start and not at the first failover.
 * @throws SecurityError with a code for each reason.
 */
export function loadIdentity(
  configDirectory: string,
  host: string,
  now = new Date(),
  joinCommand = 'understudy join',
): Identity {
  const files = identityFiles(configDirectory);
  const authority = readCertificate(files.authorityCertificate);
  const own = readCertificate(files.certificate);
  const key = readSecret(files.key);
  const again = `run \`understudy token join --host ${host}\` on the first host and \`${joinCommand}\` here`;
  if (!isKeyOf(key, own.parsed)) {
    throw new SecurityError('CERTIFICATE_WRONG_KEY', `${files.key} is not the key of ${files.certificate}: ${again}.`);
  }
  if (!own.parsed.checkIssued(authority.parsed) || !own.parsed.verify(authority.parsed.publicKey)) {
    throw new SecurityError(
      'CERTIFICATE_WRONG_AUTHORITY',
      `${files.certificate} was not made by the authority in ${files.authorityCertificate}: ${again}.`,
    );
  }
  const name = commonName(own.parsed);
  if (name !== host) {
    throw new SecurityError(
      'CERTIFICATE_WRONG_HOST',
      `${files.certificate} is the certificate of ${name ?? 'nobody'}, and agent.jsonc says that this host is ${host}: ${again}.`,
    );
  }
  for (const [file, { parsed }] of [
    [files.authorityCertificate, authority],
    [files.certificate, own],
  ] as const) {
    checkDates(file, parsed, now, again);
  }
  return { host, certificate: own.pem, key, authority: authority.pem, expires: new Date(own.parsed.validTo) };
}

function isKeyOf(key: string, certificate: X509Certificate): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

function checkDates(file: string, certificate: X509Certificate, now: Date, again: string): void {
  if (now > new Date(certificate.validTo)) {
    throw new SecurityError('CERTIFICATE_EXPIRED', `${file} expired on ${certificate.validTo}: ${again}.`);
  }
  if (now < new Date(certificate.validFrom)) {
    const message = `${file} is not valid before ${certificate.validFrom}, and the clock of this host says ${now.toISOString()}: set the clock.`;
    throw new SecurityError('CERTIFICATE_NOT_YET_VALID', message);
  }
}

/** The authority's key, there only on the host that made the cluster; null elsewhere. */
export function loadAuthority(configDirectory: string): CertifiedKey | null {
  const files = identityFiles(configDirectory);
  if (readIfExists(files.authorityKey) === null) return null;
  return { certificate: readCertificate(files.authorityCertificate).pem, key: readSecret(files.authorityKey) };
}

/** Installs a host's identity; the key last, so that a half-done installation is never taken for a whole one. */
export function storeIdentity(
  configDirectory: string,
  identity: Pick<Identity, 'authority' | 'certificate' | 'key'>,
): void {
  const files = identityFiles(configDirectory);
  makeDirectoryDurably(join(configDirectory, 'tls'), 0o700);
  writeDurably(files.authorityCertificate, identity.authority, { mode: 0o644 });
  writeDurably(files.certificate, identity.certificate, { mode: 0o644 });
  writeSecret(files.key, identity.key);
}

export function storeAuthority(configDirectory: string, authority: CertifiedKey): void {
  const files = identityFiles(configDirectory);
  writeSecret(files.authorityKey, authority.key);
  writeDurably(files.authorityCertificate, authority.certificate, { mode: 0o644 });
}
