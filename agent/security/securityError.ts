export type SecurityErrorCode =
  | 'SECRET_MISSING'
  | 'SECRET_TOO_OPEN'
  | 'SECRET_BROKEN'
  | 'CERTIFICATE_MISSING'
  | 'CERTIFICATE_BROKEN'
  | 'CERTIFICATE_EXPIRED'
  | 'CERTIFICATE_NOT_YET_VALID'
  | 'CERTIFICATE_WRONG_AUTHORITY'
  | 'CERTIFICATE_WRONG_HOST'
  | 'CERTIFICATE_WRONG_KEY'
  | 'REQUEST_BROKEN'
  | 'TOKEN_EXISTS'
  | 'TOKEN_UNKNOWN'
  | 'TOKEN_USED'
  | 'TOKEN_EXPIRED'
  | 'TOKEN_OTHER_HOST'
  | 'TOKEN_BROKEN';

/** A certificate, key or token that must not be used; the message says why and what to do. */
export class SecurityError extends Error {
  override readonly name = 'SecurityError';
  constructor(
    readonly code: SecurityErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
