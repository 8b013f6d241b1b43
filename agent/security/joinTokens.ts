import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectoryDurably, readIfExists, syncDirectory } from '../platform/durable.ts';
import { readSecret, writeSecret } from './secretFile.ts';
import { SecurityError } from './securityError.ts';
import { hashOf, isSameHash, newSecret } from './tokens.ts';

const lifetimeMs = 24 * 3600 * 1000;

/** A join token taken apart: who joins, the secret, and by what the joining host knows the cluster. */
export interface JoinToken {
  readonly host: string;
  readonly secret: string;
  /** Fingerprint of the cluster's authority, see `fingerprint`. */
  readonly authority: string;
}

interface StoredJoinToken {
  readonly formatVersion: 1;
  readonly host: string;
  readonly hash: string;
  /** ISO 8601. */
  readonly expires: string;
}

/** @throws SecurityError TOKEN_BROKEN */
export function parseJoinToken(text: string): JoinToken {
  const match = /^([a-z][a-z0-9-]{0,31})\.([\w-]{43})\.([\w-]{43})$/.exec(text.trim());
  const [, host, secret, authority] = match ?? [];
  if (host === undefined || secret === undefined || authority === undefined) {
    throw new SecurityError(
      'TOKEN_BROKEN',
      'This is no join token: copy the whole line that `understudy init` or `understudy token join` has printed.',
    );
  }
  return { host, secret, authority };
}

/**
 * One-time tokens of hosts that may join. Each is a file of its own, and using it is one rename: however many ask at the same moment,
 * and wherever a crash falls, one of them gets it.
 */
export class JoinTokens {
  readonly #folder: string;

  constructor(stateDirectory: string) {
    this.#folder = join(stateDirectory, 'join-tokens');
  }

  /** Makes a token for a host, good for 24 hours. Earlier ones of the same host stay good. */
  create(host: string, authority: string, now = new Date()): string {
    const secret = newSecret();
    const hash = hashOf(secret);
    const stored: StoredJoinToken = {
      formatVersion: 1,
      host,
      hash,
      expires: new Date(now.getTime() + lifetimeMs).toISOString(),
    };
    makeDirectoryDurably(this.#folder, 0o700);
    writeSecret(join(this.#folder, `${hash}.json`), `${JSON.stringify(stored, null, 2)}\n`);
    return `${host}.${secret}.${authority}`;
  }

  /**
   * Whether a token can be used, which it stays.
   * @throws SecurityError TOKEN_UNKNOWN, TOKEN_USED, TOKEN_EXPIRED or TOKEN_OTHER_HOST
   */
  check(secret: string, host: string, now = new Date()): void {
    const hash = hashOf(secret);
    const { file, used } = this.#filesOf(hash);
    const again = anew(host);
    if (readIfExists(used) !== null) throw usedAlready(host);
    if (readIfExists(file) === null) {
      throw new SecurityError(
        'TOKEN_UNKNOWN',
        `This join token is unknown here: ${again} on the host that made the cluster.`,
      );
    }
    const stored = parseStored(file);
    if (!isSameHash(stored.hash, hash)) {
      throw new SecurityError('TOKEN_UNKNOWN', `This join token is unknown here: ${again}.`);
    }
    if (stored.host !== host) {
      throw new SecurityError(
        'TOKEN_OTHER_HOST',
        `This join token is for the host ${stored.host}, not for ${host}: ${again}.`,
      );
    }
    if (now > new Date(stored.expires)) {
      throw new SecurityError('TOKEN_EXPIRED', `This join token expired at ${stored.expires}: ${again}.`);
    }
  }

  /**
   * Uses a token up: durable when this returns, so hand the certificate out after it.
   * @throws SecurityError as {@link check}; then the token is as it was.
   */
  consume(secret: string, host: string, now = new Date()): void {
    this.check(secret, host, now);
    const { file, used } = this.#filesOf(hashOf(secret));
    try {
      renameSync(file, used);
    } catch (error) {
      throw usedAlready(host, { cause: error });
    }
    syncDirectory(this.#folder);
  }

  #filesOf(hash: string): { readonly file: string; readonly used: string } {
    return { file: join(this.#folder, `${hash}.json`), used: join(this.#folder, `${hash}.used`) };
  }

  /** Tokens that can still be used. */
  list(now = new Date()): readonly { readonly host: string; readonly expires: string }[] {
    let names: readonly string[];
    try {
      names = readdirSync(this.#folder);
    } catch {
      return [];
    }
    const stored = names.filter((name) => name.endsWith('.json')).map((name) => parseStored(join(this.#folder, name)));
    return stored.filter(({ expires }) => now <= new Date(expires)).map(({ host, expires }) => ({ host, expires }));
  }
}

function anew(host: string): string {
  return `make a new one with \`understudy token join --host ${host}\``;
}

function usedAlready(host: string, options?: ErrorOptions): SecurityError {
  return new SecurityError('TOKEN_USED', `This join token has been used already: ${anew(host)}.`, options);
}

function parseStored(file: string): StoredJoinToken {
  try {
    const stored = JSON.parse(readSecret(file)) as StoredJoinToken;
    if (
      stored.formatVersion === 1 &&
      typeof stored.host === 'string' &&
      typeof stored.hash === 'string' &&
      !Number.isNaN(Date.parse(stored.expires))
    ) {
      return stored;
    }
  } catch (error) {
    if (error instanceof SecurityError) throw error;
  }
  throw new SecurityError('TOKEN_BROKEN', `${file} is damaged: remove it and make a new join token.`);
}
