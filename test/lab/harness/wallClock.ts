/**
 * Loaded into the agents of a lab, and into every process and thread that they start, before anything else (NODE_OPTIONS=--import): shows them the clock
 * on the wall of their host, which a lab can set (LabHost.setClock). On Linux that of the system is the same in all namespaces of a machine.
 */
import { readFileSync } from 'node:fs';
import { aheadBy, shiftedDate, wallClockFile } from './shiftedDate.ts';

globalThis.Date = shiftedDate(
  Date,
  aheadBy(
    () => readFileSync(wallClockFile, 'utf8'),
    () => performance.now(),
  ),
);
