import { troublesIn } from '../model/troubles.ts';
import type { Trouble } from '../model/troubles.ts';
import type { ClusterSession } from './clusterSession.ts';

/** What is wrong in any of the clusters, or between them and this editor. */
export function clusterTroubles(sessions: readonly Pick<ClusterSession, 'profile' | 'state' | 'store'>[]): Trouble[] {
  return sessions.flatMap(({ profile: { name }, state, store: { snapshot } }): Trouble[] => {
    const trouble = (text: string): Trouble[] => [{ text: `${name}: ${text}`, serious: false }];
    switch (state.kind) {
      case 'connected':
        return snapshot === null ? [] : troublesIn(name, snapshot, sessions.length > 1);
      case 'blocked':
        return trouble(`${state.problem} problem`);
      case 'unreachable':
        return trouble('unreachable');
      case 'idle':
      case 'connecting':
        // An empty status bar says that all is well. Of a cluster that nobody has looked at yet nothing is said.
        return snapshot === null ? [] : trouble('not connected, state not known');
    }
  });
}
