import { promises as fs } from 'node:fs';
import { otherMountsOf, usersOf } from '../../platform/mountHolders.ts';
import { mountAt } from '../../platform/mounts.ts';
import { monotonicMs } from '../link/sharedState.ts';
import { MirrorError } from '../mirrorError.ts';
import { syncFileSystem, unmountServed } from './backgroundCalls.ts';

/** A program that has just ended may hold the mount for a moment. */
const BUSY_LIMIT_MS = 3000;
const TRY_MS = 50;

/**
 * Takes a mount away that this process serves, once no program uses it any more, in whatever mount namespace. Other mounts of it may be left,
 * which nobody uses: they are dead when the process stops to serve them.
 * @throws MirrorError "busy"; then it is still mounted
 */
export async function takeMountAway(directory: string): Promise<void> {
  const limit = monotonicMs() + BUSY_LIMIT_MS;
  for (;;) {
    const mount = mountAt(directory);
    const others = mount === null ? new Set<number>() : otherMountsOf(mount);
    const users = usersOf(others);
    if (users.length === 0) {
      // As taking the last one away does: programs may have written to mapped memory before they ended.
      if (others.size > 0) await writeBack(directory);
      if (await unmountServed(directory)) return;
    }
    if (monotonicMs() > limit) throw busy(directory, users);
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
