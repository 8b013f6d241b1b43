import { X509Certificate } from 'node:crypto';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { firstProblem } from '../../schemas/apiMethods.ts';
import type { EnrolParams, EnrolResult } from '../../schemas/generated/api.ts';
import * as validators from '../../schemas/generated/apiValidators.js';
import { fingerprint } from '../security/certificates.ts';
import { CliError, exitCodes } from './exitCodes.ts';

const timeoutMs = 10_000;
const longestAnswer = 4 * 1024 * 1024;

/**
 * Asks the first host of a cluster for this host's certificate. The host is believed by the fingerprint of the cluster's authority, which
 * came with the token, and checked before the token is shown to it.
 */
export async function enrol(
  server: { readonly host: string; readonly port: number },
  authority: string,
  params: EnrolParams,
): Promise<EnrolResult> {
  const where = `the agent at ${server.host}:${server.port}`;
  const socket = await connectByFingerprint(server, authority, where);
  const { status, text } = await post(socket, where, JSON.stringify(params));
  if (status === 403 || status === 409) throw new CliError(exitCodes.refused, 'REFUSED', text.trim());
  if (status !== 200) {
    throw new CliError(
      exitCodes.refused,
      'REFUSED',
      `${where} answered with HTTP status ${status}: ${text.trim().slice(0, 500)}`,
    );
  }
  let answer: unknown = null;
  try {
    answer = JSON.parse(text);
  } catch {
    // Refused below.
  }
  if (!validators.EnrolResult(answer)) {
    throw new CliError(
      exitCodes.refused,
      'BAD_ANSWER',
      `${where} gave an answer that is not understood (${firstProblem(validators.EnrolResult)}): is it of another version?`,
    );
  }
  const result = answer as EnrolResult;
  if (fingerprint(result.authority) !== authority) {
    throw new CliError(
      exitCodes.refused,
      'WRONG_AUTHORITY',
      `${where} sent the certificate of another authority than the token names: nothing was changed.`,
    );
  }
  return result;
}

function connectByFingerprint(
  server: { readonly host: string; readonly port: number },
  authority: string,
  where: string,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    // Not verified by Node, which knows no authority here, but by us before anything is sent.
    const socket = connect({
      host: server.host,
      port: server.port,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
    });
    socket.setTimeout(timeoutMs, () => {
      socket.destroy();
      reject(new CliError(exitCodes.timedOut, 'TIMEOUT', `${where} did not answer within ${timeoutMs / 1000} s.`));
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const hint =
        error.code === 'ECONNREFUSED' ? 'is the agent running there?' : 'check the address, the port and the network';
      reject(
        new CliError(
          exitCodes.unreachable,
          'UNREACHABLE',
          `There is no way to ${where} (${error.code ?? error.message}): ${hint}`,
        ),
      );
    });
    socket.once('secureConnect', () => {
      const problem = checkPeer(socket, authority);
      if (problem === null) {
        resolve(socket);
      } else {
        socket.destroy();
        reject(new CliError(exitCodes.refused, 'WRONG_AUTHORITY', `${where} ${problem}: nothing was sent to it.`));
      }
    });
  });
}

function checkPeer(socket: TLSSocket, authority: string): string | null {
  const peer = socket.getPeerCertificate(true);
  const issuer = peer.issuerCertificate as typeof peer | undefined;
  if (issuer?.raw === undefined || fingerprint(issuer.raw) !== authority) {
    return 'is not of the cluster that the token is for';
  }
  const own = new X509Certificate(peer.raw);
  const root = new X509Certificate(issuer.raw);
  if (!own.checkIssued(root) || !own.verify(root.publicKey)) return 'shows a certificate that the cluster has not made';
  const now = new Date();
  if (now > new Date(own.validTo)) return `shows a certificate that expired on ${own.validTo}`;
  if (now < new Date(own.validFrom)) {
    return `shows a certificate that is not valid before ${own.validFrom}, and the clock here says ${now.toISOString()} (compare the clocks, and set the one that is wrong)`;
  }
  return null;
}

function post(
  socket: TLSSocket,
  where: string,
  body: string,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const lost = (error: Error): void =>
      reject(new CliError(exitCodes.unreachable, 'UNREACHABLE', `The connection to ${where} broke: ${error.message}`));
    const request = httpsRequest(
      {
        method: 'POST',
        path: '/enrol',
        createConnection: () => socket,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          connection: 'close',
          host: 'understudy',
        },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
          if (text.length > longestAnswer) response.destroy(new Error('its answer is too long'));
        });
        response.on('error', lost);
        response.on('end', () => {
          socket.destroy();
          resolve({ status: response.statusCode ?? 0, text });
        });
      },
    );
    request.on('error', lost);
    request.end(body);
  });
}
