import { formatAddress } from './address.ts';
import type { AgentAddress } from './address.ts';
import { RefusedError, TokenError } from './errors.ts';

/**
 * The hosts of a cluster that did not take the token. Each host has tokens of its own, so that another one may still take it; but to
 * ask the same one again would only fill its audit log.
 */
export class TokenRefusals {
  readonly #addresses = new Set<string>();

  add(address: AgentAddress): void {
    this.#addresses.add(formatAddress(address));
  }

  clear(): void {
    this.#addresses.clear();
  }

  /** Whether any host refused. */
  get any(): boolean {
    return this.#addresses.size > 0;
  }

  /** Those that have not refused. */
  willing(addresses: readonly AgentAddress[]): AgentAddress[] {
    return addresses.filter((address) => !this.#addresses.has(formatAddress(address)));
  }

  /** What to do, while other hosts may still take the token. @param elsewhere what is in the way there */
  words(elsewhere: string): string {
    const verb = this.#addresses.size === 1 ? 'does' : 'do';
    return `${[...this.#addresses].join(', ')} ${verb} not take the token: carry it over with "understudy token create --name NAME --role ROLE --from FILE" there, then reconnect. Elsewhere: ${elsewhere}`;
  }
}

export function isTokenRefused(error: unknown): boolean {
  return error instanceof TokenError || (error instanceof RefusedError && error.refusal.code === 'NOT_AUTHENTICATED');
}
