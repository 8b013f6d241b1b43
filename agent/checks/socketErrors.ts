const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'connection timed out',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name could not be looked up now',
};

/** Why no connection came about, in words. */
export function socketErrorText(error: Error): string {
  // With several addresses of one name each has an error of its own.
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const told = first instanceof Error ? first : error;
  const code = 'code' in told ? String(told.code) : '';
  return words[code] ?? told.message;
}
