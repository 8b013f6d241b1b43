import { constants, createHash, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { ConnectionOptions, SecureContext, TlsOptions, TLSSocket } from 'node:tls';
import { commonName } from './certificates.ts';
import type { Identity } from './identity.ts';

const handshakeTimeoutMs = 5000;

/**
 * For a server that only agents of the cluster get a word with. **Every** accepted connection must be put to `peerHost` before a byte of
 * it is read: Node would close unproven connections without telling why, so that the refusal is left to us.
 */
export function agentServerOptions(identity: Identity): TlsOptions {
  return {
    key: identity.key,
    cert: identity.certificate,
    ca: [identity.authority],
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    handshakeTimeout: handshakeTimeoutMs,
  };
}

/** For a connection to the agent of `peer`: whoever answers must prove to be that host, whatever address was dialled. */
export function agentClientOptions(identity: Identity, peer: string): ConnectionOptions {
  return {
    key: identity.key,
    cert: identity.certificate,
    ca: [identity.authority],
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    servername: clusterServerName(identity.authority),
    checkServerIdentity: (_name, certificate) => {
      const host = certificate.subject.CN;
      return host === peer ? undefined : new WrongHostError(peer, String(host));
    },
  };
}

/**
 * How a host names its cluster to a listener that several clusters share: by their authority, as names of clusters may be alike. It chooses
 * a certificate and proves nothing.
 */
export function clusterServerName(authority: string): string {
  const { raw } = new X509Certificate(authority);
  return `${createHash('sha256').update(raw).digest('hex').slice(0, 32)}.understudy`;
}

/**
 * For a listener that several clusters share: by itself it has no certificate and trusts nobody, `agentContext` of the cluster that is asked
 * for has both. No session is ever resumed: it could be one of another cluster.
 */
export function sharedServerOptions(): TlsOptions {
  return {
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    handshakeTimeout: handshakeTimeoutMs,
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

export function agentContext({ key, certificate, authority }: Identity): SecureContext {
  return createSecureContext({
    key,
    cert: certificate,
    ca: [authority],
    minVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
}

/** Whether the certificate at the other end was made by this authority, looked at anew and whatever TLS has made of it. */
export function isCertifiedBy(socket: TLSSocket, authority: string): boolean {
  const raw = socket.getPeerCertificate().raw as Buffer | undefined;
  if (raw === undefined || socket.isSessionReused()) return false;
  const [certificate, issuer] = [new X509Certificate(raw), new X509Certificate(authority)];
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/**
 * For the API: clients prove themselves by a token, the server by its certificate. The authority's is sent along, so that an
 * editor can show and keep its fingerprint, which stands for every host of the cluster.
 */
export function apiServerOptions(identity: Pick<Identity, 'certificate' | 'key' | 'authority'>): TlsOptions {
  return {
    key: identity.key,
    cert: `${identity.certificate}\n${identity.authority}`,
    minVersion: 'TLSv1.2',
    handshakeTimeout: handshakeTimeoutMs,
  };
}

class WrongHostError extends Error {
  override readonly name = 'WrongHostError';
  readonly code = 'UNDERSTUDY_WRONG_HOST';
  constructor(expected: string, found: string) {
    super(`Expected the agent of ${expected}, and ${found} answered: check the addresses in the cluster file.`);
  }
}

export type PeerHost = { readonly ok: true; readonly host: string } | { readonly ok: false; readonly reason: string };

/** Which host of the cluster is at the other end of an accepted connection, proven by its certificate; a reason for the log otherwise. */
export function peerHost(socket: TLSSocket, hosts: readonly string[]): PeerHost {
  const raw = socket.getPeerCertificate().raw as Buffer | undefined;
  const from = socket.remoteAddress ?? 'an unknown address';
  if (raw === undefined) return { ok: false, reason: `The connection from ${from} shows no certificate.` };
  const name = commonName(new X509Certificate(raw));
  if (!socket.authorized) {
    const error = Object.assign(new Error(String(socket.authorizationError)), {
      code: String(socket.authorizationError),
    });
    return { ok: false, reason: explainTlsError(error, `${name ?? 'a nameless host'} (from ${from})`) };
  }
  if (name === null || !hosts.includes(name)) {
    return {
      ok: false,
      reason: `The connection from ${from} is by ${name ?? 'nobody'}, which is no host of the cluster file: ${hosts.join(', ')}.`,
    };
  }
  return { ok: true, host: name };
}

const wrongAuthority = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
]);

/** Says what a failed TLS connection means and what to do. @param peer the other end, for people. */
export function explainTlsError(error: unknown, peer: string): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = error instanceof Error ? error.message : String(error);
  // It is this host's clock that decides; the other end need not see anything wrong.
  const clock = `the clock of this host, which says ${new Date().toISOString()}`;
  if (code === 'CERT_HAS_EXPIRED') {
    return `The certificate of ${peer} has expired: \`understudy token join\` on the first host says how it gets another, unless ${clock}, is wrong.`;
  }
  if (code === 'CERT_NOT_YET_VALID') {
    return `The certificate of ${peer} is not valid yet by ${clock}: compare the clocks of the hosts, and set the one that is wrong.`;
  }
  if (wrongAuthority.has(code)) {
    return `The certificate of ${peer} is by another authority than this cluster's: has it joined this cluster?`;
  }
  // What the other side says of our certificate arrives as a TLS alert (RFC 8446 section 6.2).
  if (code === 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED') {
    return `${peer} refuses this host's certificate as expired: compare the clocks, and get another with \`understudy join --renew\` here.`;
  }
  if (code === 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA') {
    return `${peer} refuses this host's certificate: it is of another cluster.`;
  }
  // A listener that several clusters share has no certificate for one that it does not know.
  if (code === 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE') {
    return `${peer} answers for other clusters, not for this one: run \`understudy token join\` on the first host and \`understudy witness add\` on ${peer}.`;
  }
  if (code.startsWith('ERR_SSL_') && code.includes('ALERT') && code.includes('CERTIFICATE')) {
    return `${peer} refuses this host's certificate (${code}): get another with \`understudy join --renew\` here.`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `The certificate of ${peer} is not for the address that was dialled: it names those that its host had when it joined. Use one of them, or run the command on the host.`;
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) {
    return `${peer} does not speak TLS as expected (${code}): is the port an agent's?`;
  }
  return message;
}
