import type { ClusterRegistry } from './clusterRegistry.ts';
import type { ClusterSession } from './clusterSession.ts';

/**
 * Waits until it is known of every cluster whether it can be reached, at most so many milliseconds. Somebody has to look at them
 * meanwhile: see {@link ClusterRegistry.attend}.
 */
export function settled(registry: ClusterRegistry, limit: number): Promise<void> {
  const isSettled = (): boolean =>
    registry.sessions.every(({ state }) => state.kind !== 'idle' && state.kind !== 'connecting');
  if (isSettled()) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      for (const registration of registrations) registration.dispose();
      resolve();
    };
    const look = (): void => {
      if (isSettled()) end();
    };
    const registrations = [registry.onChange.on(look), registry.onList.on(look)];
    const timer = setTimeout(end, limit);
  });
}

/** Which clusters are not connected, and why; empty: all are, and there is one. */
export function unconnectedWords(sessions: readonly ClusterSession[]): string {
  if (sessions.length === 0) return 'No cluster is known to this editor: add one first.';
  return sessions
    .filter(({ connected }) => !connected)
    .map(({ profile, state }) => {
      return `Not connected to ${profile.name}: ${'reason' in state ? state.reason : 'no host has answered yet.'}`;
    })
    .join(' ');
}
