import { join } from 'node:path';
import { hashOfText } from '../config/versions.ts';
import { readObjectIfExists, writeDurably } from '../platform/durable.ts';

const formatVersion = 1;

/** The version of a cluster's files that its witness has taken over. Of the files it keeps the cluster file alone. */
export interface HeldVersion {
  readonly number: number;
  /** Of all files together. */
  readonly hash: string;
}

/**
 * Null: no version is known. That does not hurt, as it is learned from any host; so whatever does not belong to the cluster file that lies there
 * (it was put there by hand, or one of the two was written and the other one not) counts for nothing.
 */
export function readHeldVersion(directory: string, clusterText: string): HeldVersion | null {
  const { number, hash, cluster, ...rest } = readObjectIfExists(join(directory, 'version.json')) ?? {};
  if (rest['formatVersion'] !== formatVersion || cluster !== hashOfText(clusterText)) return null;
  return typeof number === 'number' && typeof hash === 'string' ? { number, hash } : null;
}

export function saveHeldVersion(directory: string, held: HeldVersion, clusterText: string): void {
  const content = { formatVersion, ...held, cluster: hashOfText(clusterText) };
  writeDurably(join(directory, 'version.json'), `${JSON.stringify(content)}\n`);
}
