/** The process groups that a mirror process answers for: they end with the agent. */
import { killGroup, runningGroups } from '../platform/children.ts';

/** How often it is looked whether they are gone, milliseconds. */
const LOOK_MS = 5;

export function killGroups(groups: readonly number[]): void {
  for (const group of groups) {
    try {
      killGroup(group, 'SIGKILL');
    } catch {
      // Not ours to kill: it is found to run on.
    }
  }
}

/** Whether none of their processes runs any more, within so many milliseconds. */
export async function groupsEnd(groups: readonly number[], limitMs: number): Promise<boolean> {
  const limit = performance.now() + limitMs;
  while (runningGroups(groups).length > 0) {
    if (performance.now() > limit) return false;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return true;
}
