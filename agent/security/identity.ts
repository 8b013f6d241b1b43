import { createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { makeDirectoryDurably, readIfExists, writeDurably } from '../platform/durable.ts';
import { newAuthority, renewal } from './certificateEnd.ts';
import { commonName, fingerprint } from './certificates.ts';
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
  /** When nobody takes the certificate any more: at its own end, or at that of the authority. */
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

/** @param advice what to do when it cannot be used */
function readCertificate(
  file: string,
  advice: string,
): { readonly pem: string; readonly parsed: X509Certificate; readonly ends: Date } {
  const content = readIfExists(file);
  if (content === null) throw new SecurityError('CERTIFICATE_MISSING', `${file} does not exist: ${advice}.`);
  try {
    const parsed = new X509Certificate(content);
    return { pem: content.toString('utf8'), parsed, ends: new Date(parsed.validTo) };
  } catch (error) {
    throw new SecurityError('CERTIFICATE_BROKEN', `${file} is no certificate: ${advice}.`, { cause: error });
  }
}

/** Fingerprint of the authority that a configuration folder has; null: none that can be read. */
export function authorityOf(configDirectory: string): string | null {
  try {
    const certificate = readIfExists(identityFiles(configDirectory).authorityCertificate);
    return certificate === null ? null : fingerprint(certificate);
  } catch {
    return null;
  }
}

/** The host that the certificate in a configuration folder is for. @throws SecurityError when it cannot be read */
export function hostOf(configDirectory: string, joinCommand: string): string | null {
  const advice = renewal('NAME', joinCommand);
  return commonName(readCertificate(identityFiles(configDirectory).certificate, advice).parsed);
}

/**
 * Reads and checks this host's key and certificate, so that a host with a broken identity says so at its start and not at the first failover.
 * @throws SecurityError with a code for each reason.
 */
export function loadIdentity(configDirectory: string, host: string, now = new Date(), joinCommand?: string): Identity {
  const files = identityFiles(configDirectory);
  const again = renewal(host, joinCommand);
  const authority = readCertificate(files.authorityCertificate, again);
  const own = readCertificate(files.certificate, again);
  const key = readSecret(files.key, again);
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
  checkDates(files.authorityCertificate, authority.parsed, now, newAuthority);
  checkDates(files.certificate, own.parsed, now, again);
  const expires = own.ends < authority.ends ? own.ends : authority.ends;
  return { host, certificate: own.pem, key, authority: authority.pem, expires };
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
  const advice = 'restore it from a backup, or copy it from another host of the cluster';
  return { certificate: readCertificate(files.authorityCertificate, advice).pem, key: readSecret(files.authorityKey) };
}

/** Puts another certificate of the key that is there in place of the one before: at any moment one of them is there. */
export function storeCertificate(configDirectory: string, certificate: string): void {
  writeDurably(identityFiles(configDirectory).certificate, certificate, { mode: 0o644 });
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
