import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Role } from '../../schemas/generated/api.ts';
import { readSecret, writeSecret } from './secretFile.ts';
import { SecurityError } from './securityError.ts';
import { hashOf, isSameHash, newSecret } from './tokens.ts';

/** A client token as it is kept: never the token itself. */
export interface ClientToken {
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the token, hex. */
  readonly hash: string;
  /** ISO 8601. */
  readonly created: string;
}

/** Who a token belongs to. */
export interface Client {
  readonly name: string;
  readonly role: Role;
}

const localName = 'local';
const roles: readonly Role[] = ['viewer', 'operator', 'admin'];

/** File with the token of root's command line; made anew at each start of the agent. */
export function localTokenFile(stateDirectory: string): string {
  return join(stateDirectory, 'local.token');
}

/** The client tokens of one agent. Every question reads the file again when it has changed: a revoked token is refused at once. */
export class ClientTokens {
  readonly #file: string;
  readonly #localFile: string;
  #localHash: string | null = null;
  #cached: { readonly stamp: string; readonly tokens: readonly ClientToken[] } | null = null;

  constructor(stateDirectory: string) {
    this.#file = join(stateDirectory, 'tokens.json');
    this.#localFile = localTokenFile(stateDirectory);
  }

  /** Makes the admin token for command lines on this host. Called by the agent at its start. */
  issueLocal(): void {
    const secret = newSecret();
    writeSecret(this.#localFile, `${secret}\n`);
    this.#localHash = hashOf(secret);
  }

  /** Whose token it is; null: nobody's. @throws SecurityError when the file of tokens must not be used. */
  authenticate(secret: string): Client | null {
    const hash = hashOf(secret);
    let found: Client | null = null;
    // All are compared, so that the time tells nothing.
    for (const token of this.list()) if (isSameHash(hash, token.hash)) found = { name: token.name, role: token.role };
    if (this.#localHash !== null && isSameHash(hash, this.#localHash)) found = { name: localName, role: 'admin' };
    return found;
  }

  list(): readonly ClientToken[] {
    const stamp = stampOf(this.#file);
    if (stamp === null) return [];
    if (this.#cached?.stamp === stamp) return this.#cached.tokens;
    const tokens = parseTokens(this.#file, readSecret(this.#file));
    this.#cached = { stamp, tokens };
    return tokens;
  }

  /** Makes a token and returns it; it cannot be read again. @param secret for a token that another host has made. */
  create(name: string, role: Role, secret = newSecret()): string {
    if (!/^[A-Za-z0-9][\w.@-]{0,63}$/.test(name) || name === localName) {
      throw new SecurityError(
        'TOKEN_BROKEN',
        `"${name}" cannot be the name of a token: expected up to 64 letters, digits and . _ @ -, and not "${localName}".`,
      );
    }
    if (secret.length < 32) throw new SecurityError('TOKEN_BROKEN', 'A token has at least 32 characters.');
    const tokens = this.list();
    if (tokens.some((token) => token.name === name)) {
      throw new SecurityError(
        'TOKEN_EXISTS',
        `There is already a token "${name}": choose another name, or \`understudy token revoke ${name}\` first.`,
      );
    }
    this.#write([...tokens, { name, role, hash: hashOf(secret), created: new Date().toISOString() }]);
    return secret;
  }

  /** Adds tokens of another host of the cluster, so that they are good here too. Names that are known already stay as they are. */
  adopt(tokens: readonly ClientToken[]): void {
    const known = this.list();
    this.#write([...known, ...tokens.filter((token) => !known.some(({ name }) => name === token.name))]);
  }

  revoke(name: string): void {
    const tokens = this.list();
    if (!tokens.some((token) => token.name === name)) {
      throw new SecurityError(
        'TOKEN_UNKNOWN',
        `There is no token "${name}": \`understudy token list\` shows those that are.`,
      );
    }
    this.#write(tokens.filter((token) => token.name !== name));
  }

  #write(tokens: readonly ClientToken[]): void {
    writeSecret(this.#file, `${JSON.stringify({ formatVersion: 1, tokens }, null, 2)}\n`);
    this.#cached = null;
  }
}

function stampOf(file: string): string | null {
  try {
    const { mtimeNs, ino, size, mode } = statSync(file, { bigint: true });
    return `${mtimeNs} ${ino} ${size} ${mode}`;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

export function isClientToken(value: unknown): value is ClientToken {
  if (typeof value !== 'object' || value === null) return false;
  const { name, role, hash, created } = value as Readonly<Record<string, unknown>>;
  return (
    typeof name === 'string' &&
    roles.includes(role as Role) &&
    typeof hash === 'string' &&
    /^[0-9a-f]{64}$/.test(hash) &&
    typeof created === 'string'
  );
}

function parseTokens(file: string, text: string): readonly ClientToken[] {
  let tokens: unknown;
  try {
    const content = JSON.parse(text) as { readonly formatVersion?: unknown; readonly tokens?: unknown };
    tokens = content.formatVersion === 1 ? content.tokens : null;
  } catch {
    tokens = null;
  }
  if (!Array.isArray(tokens) || !tokens.every(isClientToken)) {
    throw new SecurityError(
      'TOKEN_BROKEN',
      `${file} is damaged: restore it from a backup, or remove it and make new tokens.`,
    );
  }
  return tokens;
}
