import { connect, createSecureContext } from 'node:tls';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { formatAddress } from './address.ts';
import type { AgentAddress } from './address.ts';
import { CertificateError } from './errors.ts';

/** What an agent must show before anything is sent to it. */
export type Pin =
  /** Its certificate is signed by this authority: the cluster's own. Every host of the cluster is covered. */
  | { readonly kind: 'authority'; readonly pem: string; readonly sha256: string }
  /** Its certificate is this very one. */
  | { readonly kind: 'certificate'; readonly sha256: string };

/** A certificate as shown to the person who decides. */
export interface ShownCertificate {
  readonly subject: string;
  /** `AB:CD:…`, 32 bytes. */
  readonly sha256: string;
  readonly validFrom: string;
  readonly validTo: string;
  readonly pem: string;
  readonly selfSigned: boolean;
}

const connectTimeout = 5000;

/**
 * Fetches the certificates that an agent shows, host first, **without** trusting them: for showing their fingerprint when a
 * cluster is added. The connection is closed at once; nothing is sent over it.
 */
export async function fetchCertificates(address: AgentAddress, signal?: AbortSignal): Promise<ShownCertificate[]> {
  const socket = await handshake(address, null, signal);
  try {
    return chainOf(socket);
  } finally {
    socket.destroy();
  }
}

/** The pin for what an agent showed: the cluster's authority if it was shown, the host's own certificate otherwise. */
export function pinFor(chain: readonly ShownCertificate[]): Pin {
  const leaf = chain[0];
  if (leaf === undefined) throw new CertificateError('The agent showed no certificate.');
  const root = chain.find((certificate, index) => index > 0 && certificate.selfSigned);
  return root === undefined
    ? { kind: 'certificate', sha256: leaf.sha256 }
    : { kind: 'authority', pem: root.pem, sha256: root.sha256 };
}

/**
 * Opens TLS to an agent and checks the pin before a single byte of ours is sent.
 *
 * The name in the certificate is not compared with the address: the cluster's authority signs its hosts only, and hosts are
 * often reached through forwarded ports and addresses that no certificate can know.
 *
 * @throws CertificateError when the agent shows something else than what was trusted
 */
export async function connectPinned(address: AgentAddress, pin: Pin, signal?: AbortSignal): Promise<TLSSocket> {
  const socket = await handshake(address, pin, signal);
  const problem = checkPin(socket, pin);
  if (problem === null) return socket;
  socket.destroy();
  throw new CertificateError(`${formatAddress(address)}: ${problem}`);
}

function checkPin(socket: TLSSocket, pin: Pin): string | null {
  const chain = chainOf(socket);
  const leaf = chain[0];
  if (leaf === undefined) return 'the agent showed no certificate.';
  if (pin.kind === 'certificate') {
    if (leaf.sha256 !== pin.sha256) {
      return `the certificate has changed. Trusted: ${pin.sha256}; shown now: ${leaf.sha256}. If the host was set up anew, remove the cluster and add it again.`;
    }
    return Date.parse(leaf.validTo) < Date.now() ? `the certificate expired on ${leaf.validTo}.` : null;
  }
  if (socket.authorized && chain.some((certificate) => certificate.sha256 === pin.sha256)) return null;
  const reason = codeOf(socket.authorizationError);
  if (reason === 'CERT_HAS_EXPIRED') return `the certificate expired on ${leaf.validTo}. Renew it on the host.`;
  if (reason === 'CERT_NOT_YET_VALID') {
    return `the certificate is valid from ${leaf.validFrom} on: check the clocks of this machine and of the host.`;
  }
  return `the certificate (${leaf.sha256}) is not signed by the trusted authority of this cluster (${pin.sha256}). If the cluster was set up anew, remove it and add it again.`;
}

/** `authorizationError` is typed as an Error and is, in Node.js, a code. */
function codeOf(error: unknown): string {
  if (typeof error === 'string') return error;
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : '';
}

function handshake(address: AgentAddress, pin: Pin | null, signal: AbortSignal | undefined): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(new Error('cancelled'));
      return;
    }
    const socket = connect({
      host: address.host,
      port: address.port,
      // Checked by us, so that a refusal can say what was shown; see connectPinned.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      minVersion: 'TLSv1.2',
      ...(pin?.kind === 'authority'
        ? { secureContext: createSecureContext({ ca: pin.pem, minVersion: 'TLSv1.2' }) }
        : {}),
    });
    const where = formatAddress(address);
    const abort = (): void => void socket.destroy(new Error('cancelled'));
    const timer = setTimeout(() => {
      socket.destroy(new Error(`${where} does not answer within ${connectTimeout / 1000} s.`));
    }, connectTimeout);
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    signal?.addEventListener('abort', abort, { once: true });
    socket.once('secureConnect', () => {
      settle();
      socket.removeAllListeners('error');
      // From here on the WebSocket, or whoever destroys the socket, deals with errors; none may go unheard.
      socket.on('error', () => undefined);
      resolve(socket);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      settle();
      reject(explain(where, error));
    });
    socket.once('close', () => {
      settle();
      reject(new Error(`${where} closed the connection during the TLS handshake: is it an agent?`));
    });
  });
}

function explain(where: string, error: NodeJS.ErrnoException): Error {
  const words: Partial<Record<string, string>> = {
    ECONNREFUSED: `nothing listens on ${where}: is the agent running?`,
    EHOSTUNREACH: `${where} is not reachable: no route to the host.`,
    ENETUNREACH: `${where} is not reachable: no route to its network.`,
    ENOTFOUND: `${where}: this name is not known.`,
    ETIMEDOUT: `${where} does not answer.`,
    ERR_SSL_WRONG_VERSION_NUMBER: `${where} does not speak TLS: is it an agent?`,
  };
  return new Error(
    words[error.code ?? ''] ?? (error.message.startsWith(where) ? error.message : `${where}: ${error.message}`),
    {
      cause: error,
    },
  );
}

function chainOf(socket: TLSSocket): ShownCertificate[] {
  const chain: ShownCertificate[] = [];
  const seen = new Set<string>();
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  // A self-signed certificate is its own issuer: the chain ends in a circle.
  while (certificate?.raw !== undefined && !seen.has(certificate.fingerprint256)) {
    seen.add(certificate.fingerprint256);
    const subject = describeName(certificate.subject);
    chain.push({
      subject,
      sha256: certificate.fingerprint256,
      validFrom: certificate.valid_from,
      validTo: certificate.valid_to,
      pem: toPem(certificate.raw),
      selfSigned: subject === describeName(certificate.issuer),
    });
    certificate = certificate.issuerCertificate;
  }
  return chain;
}

function describeName(name: object): string {
  return Object.entries(name)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(', ');
}

function toPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
