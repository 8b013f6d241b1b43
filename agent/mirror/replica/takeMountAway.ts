import { promises as fs } from 'node:fs';
import { otherMountsOf, usersOf } from '../../platform/mountHolders.ts';
import { monotonicMs } from '../link/sharedState.ts';
import { MirrorError } from '../mirrorError.ts';
import { syncFileSystem } from './backgroundCalls.ts';
import type { ServedPlaces } from './servedPlaces.ts';

/** A program that has just ended may hold the mount for a moment. */
const BUSY_LIMIT_MS = 3000;
const TRY_MS = 50;

/**
 * Takes the mounts of a mirror away that this process serves, once no program uses them any more, in whatever mount namespace. Copies of them may be left,
 * which nobody uses: they are dead when the process stops to serve them.
 * @throws MirrorError "busy"; then they are all still there. "wrong-state" when they are taken away by force meanwhile
 */
export async function takeMountAway(places: ServedPlaces): Promise<void> {
  const limit = monotonicMs() + BUSY_LIMIT_MS;
  for (;;) {
    if (places.givenUp) throw new MirrorError('wrong-state', 'the mirror was aborted while it was released');
    let used = places.first;
    const { mounts } = places;
    const others = otherMountsOf(mounts);
    const users = usersOf(others, mounts[0]?.device ?? '');
    if (users.length === 0) {
      // As taking the last one away does: programs may have written to mapped memory before they ended.
      if (others.size > 0) await writeBack(places.first);
      const inUse = await places.uncover();
      if (inUse === null) return;
      used = inUse;
    }
    if (monotonicMs() > limit) throw busy(used, users);
    await new Promise((resolve) => setTimeout(resolve, TRY_MS));
  }
}

async function writeBack(directory: string): Promise<void> {
  const root = await fs.open(directory);
  try {
    await syncFileSystem(root.fd);
  } finally {
    await root.close();
  }
}

function busy(
  directory: string,
  elsewhere: readonly { readonly pid: number; readonly command: string }[],
): MirrorError {
  const named = elsewhere.map(({ pid, command }) => `${pid} (${command})`).join(', ');
  const which = named === '' ? `fuser -m ${directory}` : `in another mount namespace: ${named}`;
  return new MirrorError('busy', `${directory} is still in use: end the programs that use it (${which})`);
}
