import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { makeDirectoryDurably, writeDurably } from '../platform/durable.ts';
import { dirname } from 'node:path';
import { SecurityError } from './securityError.ts';

/** Others than the owner may do nothing with a secret. */
const openToOthers = 0o077;

/**
 * Reads a private key, password or token.
 * @param advice what to do when it is missing
 * @throws SecurityError SECRET_MISSING, SECRET_TOO_OPEN (mode wider than 0600, or another user's file) or SECRET_BROKEN (unreadable).
 */
export function readSecret(file: string, advice = 'run `understudy init` or `understudy join` on this host'): string {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new SecurityError('SECRET_MISSING', `${file} does not exist: ${advice}.`, { cause: error });
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new SecurityError('SECRET_BROKEN', `${file} cannot be read (${reason}): run this as root.`, { cause: error });
  }
  try {
    const { mode, uid } = fstatSync(descriptor);
    if ((mode & openToOthers) !== 0) {
      const written = (mode & 0o777).toString(8).padStart(4, '0');
      throw new SecurityError(
        'SECRET_TOO_OPEN',
        `${file} has mode ${written}, so that others than its owner may use it: run \`chmod 600 ${file}\`.`,
      );
    }
    const self = process.getuid?.();
    if (self !== undefined && uid !== self && uid !== 0) {
      throw new SecurityError(
        'SECRET_TOO_OPEN',
        `${file} belongs to another user (uid ${uid}): run \`chown root ${file}\`.`,
      );
    }
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

/** Writes a secret durably with mode 0600, and makes its folder (mode 0700) when it is missing. */
export function writeSecret(file: string, content: string): void {
  makeDirectoryDurably(dirname(file), 0o700);
  writeDurably(file, content, { mode: 0o600 });
}
