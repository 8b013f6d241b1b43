import { CertificateError, ProtocolError, RefusedError, TokenError } from './errors.ts';

/**
 * Tries `attempt` on the candidates, each a little after the one before or at once when that one has failed; the first success
 * wins and the others are cancelled.
 *
 * @param stagger milliseconds between the starts
 * @param discard gets a success that came after the first one
 * @throws the most telling of the errors when all fail; a TokenError only when all of them are
 */
export async function race<C, T>(
  candidates: readonly C[],
  stagger: number,
  signal: AbortSignal,
  attempt: (candidate: C, signal: AbortSignal) => Promise<T>,
  discard: (late: T) => void,
): Promise<T> {
  if (candidates.length === 0) throw new Error('No address is known.');
  const losers = new AbortController();
  const stop = AbortSignal.any([signal, losers.signal]);
  const errors: unknown[] = [];
  return new Promise<T>((resolve, reject) => {
    let next = 0;
    let settled = false;
    let timer: NodeJS.Timeout | null = null;
    const start = (): void => {
      if (timer !== null) clearTimeout(timer);
      const candidate = candidates[next++];
      if (candidate === undefined || settled) return;
      attempt(candidate, stop).then(succeed, fail);
      timer = next < candidates.length ? setTimeout(start, stagger) : null;
    };
    const succeed = (result: T): void => {
      if (settled) {
        discard(result); // It came too late to be cancelled.
        return;
      }
      settled = true;
      if (timer !== null) clearTimeout(timer);
      losers.abort();
      resolve(result);
    };
    const fail = (error: unknown): void => {
      errors.push(error);
      if (settled) return;
      if (errors.length === candidates.length) {
        settled = true;
        reject(mostTelling(errors));
      } else start();
    };
    start();
  });
}

/**
 * What a person can put right says more than a host that is down. A refused token says the least: it is only in the way when no
 * candidate could take it.
 */
function mostTelling(errors: readonly unknown[]): Error {
  const rank = (error: unknown): number => {
    if (error instanceof RefusedError) return 0;
    if (error instanceof CertificateError) return 1;
    if (error instanceof ProtocolError) return 2;
    return error instanceof TokenError ? 4 : 3;
  };
  const best = [...errors].sort((one, other) => rank(one) - rank(other))[0];
  return best instanceof Error ? best : new Error(String(best));
}
