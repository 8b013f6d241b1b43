import { createHash, createPublicKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { SecurityError } from './securityError.ts';
import { loadX509 } from './x509.ts';

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;
const dayMs = 24 * 3600 * 1000;
/**
 * 30 years. An earlier end would bring nothing but a day on which no host reaches another one any more: who may connect is what the cluster
 * file says.
 */
const authorityDays = 10_957;
/** The authority is valid from a little before it is made: clocks of the hosts differ. */
const clockSlackMs = 3600 * 1000;

/** A certificate and its private key, both PEM. */
export interface CertifiedKey {
  readonly certificate: string;
  readonly key: string;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Who a host certificate is for. */
export interface HostSubject {
  readonly host: string;
  /** IP addresses; 127.0.0.1, ::1 and localhost are always added. */
  readonly addresses: readonly string[];
}

function validityFor(days: number): Validity {
  const now = Date.now();
  return { notBefore: new Date(now - clockSlackMs), notAfter: new Date(now + days * dayMs) };
}

/** Positive, 127 bits, as RFC 5280 section 4.1.2.2 wants it. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

/** Makes the certificate authority of a cluster: ECDSA P-256, 30 years unless told otherwise. */
export async function createAuthority(
  cluster: string,
  validity: Validity = validityFor(authorityDays),
): Promise<CertifiedKey> {
  const x509 = await loadX509();
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=Understudy ${cluster}`,
    ...validity,
    signingAlgorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await privateKeyPem(keys.privateKey) };
}

/** A new private key and the request to certify it. The key never leaves the host. */
export async function createRequest(host: string): Promise<{ readonly key: string; readonly request: string }> {
  const x509 = await loadX509();
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: `CN=${host}`, keys, signingAlgorithm });
  return { key: await privateKeyPem(keys.privateKey), request: request.toString('pem') };
}

/**
 * Certifies the key of a request, as long as the authority is valid unless told otherwise. Nothing of the request but its key is taken over: name and addresses are the cluster file's.
 * @throws SecurityError REQUEST_BROKEN when it cannot be read, is not signed by its own key, or its key is of another kind.
 */
export async function signRequest(
  authority: CertifiedKey,
  request: string,
  subject: HostSubject,
  validity?: Validity,
): Promise<string> {
  const x509 = await loadX509();
  let key: webcrypto.CryptoKey;
  try {
    const parsed = new x509.Pkcs10CertificateRequest(request);
    key = await webcrypto.subtle.importKey('spki', new Uint8Array(parsed.publicKey.rawData), keyAlgorithm, true, [
      'verify',
    ]);
    if (!(await parsed.verify())) throw new Error('its signature is not by its own key');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SecurityError(
      'REQUEST_BROKEN',
      `The certificate request cannot be used (${reason}): run \`understudy join\` again.`,
      { cause: error },
    );
  }
  return certify(authority, key, subject, validity);
}

/** A key and certificate for a host, made where the authority's key is. */
export async function createHostCertificate(
  authority: CertifiedKey,
  subject: HostSubject,
  validity?: Validity,
): Promise<CertifiedKey> {
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  return {
    certificate: await certify(authority, keys.publicKey, subject, validity),
    key: await privateKeyPem(keys.privateKey),
  };
}

/** A certificate for a key that the host has already. @param key PEM @throws Error when it is no key of ours */
export async function certifyKey(authority: CertifiedKey, key: string, subject: HostSubject): Promise<string> {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return certify(authority, await webcrypto.subtle.importKey('spki', spki, keyAlgorithm, true, ['verify']), subject);
}

async function certify(
  authority: CertifiedKey,
  publicKey: webcrypto.CryptoKey,
  subject: HostSubject,
  validity?: Validity,
): Promise<string> {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(authority.certificate);
  const signingKey = await importPrivateKey(authority.key);
  const addresses = new Set([...subject.addresses, '127.0.0.1', '::1']);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${subject.host}`,
    issuer: issuer.subject,
    // As long as its authority, from its beginning on: whatever the clock says here now.
    ...(validity ?? { notBefore: issuer.notBefore, notAfter: issuer.notAfter }),
    signingAlgorithm,
    publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: subject.host },
        { type: 'dns', value: 'localhost' },
        ...[...addresses].map((value) => ({ type: 'ip' as const, value })),
      ]),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return certificate.toString('pem');
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

async function importPrivateKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  return webcrypto.subtle.importKey('pkcs8', der, keyAlgorithm, false, ['sign']);
}

/** SHA-256 of the certificate, base64url without padding: short enough to be part of a token. */
export function fingerprint(certificate: string | Buffer): string {
  return createHash('sha256').update(new X509Certificate(certificate).raw).digest('base64url');
}

/** The common name of a certificate's subject. */
export function commonName(certificate: X509Certificate): string | null {
  return /^CN=(.+)$/m.exec(certificate.subject)?.[1] ?? null;
}
