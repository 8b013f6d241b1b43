import { clockFaults } from './clocks.ts';
import { diskFaults } from './disks.ts';
import type { FaultKind } from './fault.ts';
import { loadFaults } from './load.ts';
import { networkFaults } from './network.ts';
import { operatorFaults } from './operator.ts';
import { pauseFaults } from './pauses.ts';
import { powerFaults } from './power.ts';
import { processFaults } from './processes.ts';

/** Every kind of fault that the campaign knows. */
export const faultKinds: readonly FaultKind[] = [
  ...powerFaults,
  ...networkFaults,
  ...processFaults,
  ...pauseFaults,
  ...diskFaults,
  ...loadFaults,
  ...clockFaults,
  ...operatorFaults,
];
