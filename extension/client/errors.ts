import type { Refusal } from '../../schemas/generated/api.ts';

/** The agent understood and said no: an expected outcome with a code, a reason for people, and the numbers behind it. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  constructor(readonly refusal: Refusal) {
    super(refusal.reason);
  }
}

/** The connection ended before the answer came. Whether the agent carried the request out is not known. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError';
}

/** No answer within the time allowed. Whether the agent carried the request out is not known. */
export class RequestTimeoutError extends Error {
  override readonly name = 'RequestTimeoutError';
}

/** The other side sent something that the API's schemas do not allow. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/** The agent did not show the certificate that was trusted when the cluster was added. Nothing was sent to it. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

/** The agent does not take the token. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
}

/** Something is wrong with how this editor is set up for the cluster. Nothing was sent. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}

/** What went wrong, in one line for people. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
