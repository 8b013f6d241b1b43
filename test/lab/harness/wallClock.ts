/**
 * Loaded into Node's programs on a lab's host, and all their threads, before anything else (NODE_OPTIONS=--import): shows them the clock on the wall of
 * their host, which a lab can set (LabHost.setClock). On Linux that of the system is the same in all namespaces of a machine.
 */
import { readFileSync } from 'node:fs';
import { aheadBy, shiftedDate, wallClockFile } from './shiftedDate.ts';

const shifted = shiftedDate(
  Date,
  aheadBy(
    () => readFileSync(wallClockFile, 'utf8'),
    () => performance.now(),
  ),
);
// For whoever asks a moment of what kind it is.
Object.defineProperty(Date.prototype, 'constructor', { value: shifted, writable: true, configurable: true });
globalThis.Date = shifted;
