import { join } from 'node:path';
import { readIfExists, writeDurably } from '../../platform/durable.ts';
import type { RecordPlace } from './record.ts';

/** The record of a replica in its state directory. */
export function recordPlace(stateDirectory: string): RecordPlace {
  const path = join(stateDirectory, 'replica.json');
  return {
    path,
    read: () => readIfExists(path)?.toString('utf8') ?? null,
    write: (content) => writeDurably(path, content),
  };
}
