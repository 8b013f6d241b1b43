import { arbiterAnswers } from '../../schemas/arbiter.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import { allowedActions } from '../model/allowedActions.ts';
import { linkFacts, moduleFacts, replicaFacts } from '../model/moduleFacts.ts';
import type { PanelState, StateFacts } from '../../schemas/panel.ts';

/**
 * Everything that the panel of a module shows now, but the log and the plots.
 *
 * @param isTrusted whether the workspace is: before, no cluster is known
 */
export function panelState(session: ClusterSession | undefined, moduleName: string, isTrusted: boolean): PanelState {
  const snapshot = session?.store.snapshot ?? null;
  const module = session?.store.module(moduleName) ?? null;
  const connected = session?.connected ?? false;
  const unknown: StateFacts = { severity: 'unknown', word: '?', label: 'not known' };
  const replicas = (module?.onHosts ?? []).map((replica) => {
    const facts = module === null ? unknown : replicaFacts(replica, module);
    return [replica.host, connected ? facts : lastKnown(facts)] as const;
  });
  const overall = module === null ? unknown : moduleFacts(module);
  return {
    cluster: session?.profile.name ?? '',
    moduleName,
    module,
    hosts: snapshot?.hosts ?? [],
    arbiterAnswers: snapshot && module && arbiterAnswers(snapshot, module.hosts),
    overall: connected || module === null ? overall : lastKnown(overall),
    replicas: Object.fromEntries(replicas),
    link:
      module === null
        ? {
            kind: 'unknown',
            label: 'not known',
            detail: 'The state of this module is not known.',
            from: null,
            to: null,
          }
        : linkFacts(module),
    actions: module === null ? [] : allowedActions(module, session?.role ?? null),
    connection: {
      connected,
      problem: problemOf(session, module === null, isTrusted),
      asOf: session?.asOf ?? null,
      mayReconnect: session !== undefined && !connected,
    },
  };
}

function lastKnown({ word }: StateFacts): StateFacts {
  return { severity: 'unknown', word: 'last known', label: word };
}

function problemOf(session: ClusterSession | undefined, moduleMissing: boolean, isTrusted: boolean): string | null {
  if (!isTrusted) return 'Clusters are connected once you trust this workspace.';
  if (session === undefined) return 'The cluster of this module is no longer known to this editor.';
  const { state } = session;
  if (state.kind === 'connected') return moduleMissing ? 'The cluster does not know this module (any more).' : null;
  return 'reason' in state ? state.reason : 'Connecting…';
}
