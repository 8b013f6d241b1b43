import { X509Certificate } from 'node:crypto';
import { createServer } from 'node:tls';
import type { ConnectionOptions, Server as TlsServer, TlsOptions, TLSSocket } from 'node:tls';
import { commonName } from './certificates.ts';
import type { Identity } from './identity.ts';

const handshakeTimeoutMs = 5000;

/** What becomes of a connection between agents. */
export interface AgentServerHandlers {
  /** A connection by a host of the cluster, proven. */
  readonly accepted: (socket: TLSSocket, host: string) => void;
  /** A connection that was closed, with the reason for the log. */
  readonly refused: (reason: string) => void;
}

/**
 * A server that only the agents of the cluster get a word with. Not listening yet.
 * @param hosts asked at each connection: the hosts of the cluster file.
 */
export function createAgentServer(
  identity: Identity,
  hosts: () => readonly string[],
  handlers: AgentServerHandlers,
): TlsServer {
  const options: TlsOptions = {
    key: identity.key,
    cert: identity.certificate,
    ca: [identity.authority],
    requestCert: true,
    // Node would close unproven connections without telling why; `peerHost` refuses them with the reason.
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    handshakeTimeout: handshakeTimeoutMs,
  };
  const server = createServer(options, (socket) => {
    const peer = peerHost(socket, hosts());
    if (peer.ok) {
      handlers.accepted(socket, peer.host);
    } else {
      socket.on('error', () => undefined);
      socket.destroy();
      handlers.refused(peer.reason);
    }
  });
  server.on('tlsClientError', (error, socket) => {
    handlers.refused(explainTlsError(error, `the host at ${socket.remoteAddress ?? 'an unknown address'}`));
  });
  return server;
}

/** For a connection to the agent of `peer`: whoever answers must prove to be that host, whatever address was dialled. */
export function agentClientOptions(identity: Identity, peer: string): ConnectionOptions {
  return {
    key: identity.key,
    cert: identity.certificate,
    ca: [identity.authority],
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    checkServerIdentity: (_name, certificate) => {
      const host = certificate.subject.CN;
      return host === peer ? undefined : new WrongHostError(peer, String(host));
    },
  };
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

type PeerHost = { readonly ok: true; readonly host: string } | { readonly ok: false; readonly reason: string };

/** Which host of the cluster is at the other end of an accepted connection. */
function peerHost(socket: TLSSocket, hosts: readonly string[]): PeerHost {
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
  if (code === 'CERT_HAS_EXPIRED') {
    return `The certificate of ${peer} has expired: run \`understudy token join\` on the first host and \`understudy join\` on ${peer}.`;
  }
  if (code === 'CERT_NOT_YET_VALID') {
    return `The certificate of ${peer} is not valid yet: compare the clocks of the hosts.`;
  }
  if (wrongAuthority.has(code)) {
    return `The certificate of ${peer} is by another authority than this cluster's: has it joined this cluster?`;
  }
  // What the other side says of our certificate arrives as a TLS alert (RFC 8446 section 6.2).
  if (code === 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED') {
    return `${peer} refuses this host's certificate as expired: run \`understudy join\` here, and compare the clocks.`;
  }
  if (code === 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA') {
    return `${peer} refuses this host's certificate: it is of another cluster.`;
  }
  if (code.startsWith('ERR_SSL_') && code.includes('ALERT') && code.includes('CERTIFICATE')) {
    return `${peer} refuses this host's certificate (${code}): run \`understudy join\` here.`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `The certificate of ${peer} is not for the address that was dialled: use an address of the cluster file.`;
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) {
    return `${peer} does not speak TLS as expected (${code}): is the port an agent's?`;
  }
  return message;
}
