/** What etcd's JSON gateway answers, as far as it is used; 64-bit numbers come as decimal strings, bytes as base64. */

/** A key's value as it was read. */
export interface EtcdValue {
  readonly text: string;
  /** Of the last change, decimal; "0": there is no such key. */
  readonly revision: string;
}

export interface EtcdRange {
  /** Null: there is no such key. */
  readonly value: EtcdValue | null;
  /** Of the whole store, when it was read: it only grows, unless an older copy was restored. */
  readonly storeRevision: string;
  /** Which etcd cluster answered. */
  readonly clusterId: string;
}

/** @throws Error when it is not an answer to a range of one key. */
export function readRange(answer: unknown): EtcdRange {
  const { header, kvs } = objectOf(answer);
  const { revision, cluster_id: clusterId } = objectOf(header);
  return { value: readValue(kvs), storeRevision: decimalOf(revision), clusterId: decimalOf(clusterId) };
}

/**
 * The answer to a transaction whose failure branch reads one key.
 * @returns null: it succeeded; else what the key held
 * @throws Error when it is not such an answer.
 */
export function readTransaction(answer: unknown): { readonly found: EtcdValue | null } | null {
  const { header, succeeded, responses } = objectOf(answer);
  objectOf(header);
  if (succeeded === true) return null;
  // False is left out of the answer.
  if (succeeded !== undefined && succeeded !== false) throw unusable();
  const [first] = Array.isArray(responses) ? (responses as unknown[]) : [];
  const { response_range: range } = objectOf(first);
  return { found: readValue(objectOf(range)['kvs']) };
}

/** @throws Error when it is not an answer to a log-in. */
export function readToken(answer: unknown): string {
  const { token } = objectOf(answer);
  if (typeof token !== 'string' || token === '') throw unusable();
  return token;
}

/** What an error of the gateway says; null: it is none. */
export function readError(answer: unknown): { readonly code: number; readonly message: string } | null {
  if (typeof answer !== 'object' || answer === null) return null;
  const { code, message, error } = answer as Record<string, unknown>;
  const said = typeof message === 'string' ? message : typeof error === 'string' ? error : null;
  return typeof code === 'number' && said !== null ? { code, message: said.slice(0, 300) } : null;
}

function readValue(kvs: unknown): EtcdValue | null {
  if (kvs === undefined) return null;
  if (!Array.isArray(kvs) || kvs.length > 1) throw unusable();
  if (kvs.length === 0) return null;
  const { value, mod_revision: revision } = objectOf(kvs[0]);
  if (value !== undefined && typeof value !== 'string') throw unusable();
  return { text: Buffer.from(value ?? '', 'base64').toString('utf8'), revision: decimalOf(revision) };
}

function decimalOf(value: unknown): string {
  if (typeof value !== 'string' || !/^[0-9]{1,20}$/.test(value)) throw unusable();
  return value;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unusable();
  return value as Readonly<Record<string, unknown>>;
}

function unusable(): Error {
  return new Error('it sent an answer that is not one of etcd');
}
