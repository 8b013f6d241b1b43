import * as vscode from 'vscode';
import type { ClusterRegistry } from './clusters/clusterRegistry.ts';
import { formatDuration } from './model/format.ts';
import type { ModulePanels } from './panels/modulePanels.ts';

/** Tells once of each unplanned failover that happens while the editor is connected. Planned moves need no telling. */
export function createFailoverNotice(registry: ClusterRegistry, panels: ModulePanels): vscode.Disposable {
  /** By cluster and module: the time of the last failover that is known. */
  const known = new Map<string, string | null>();
  return registry.onChange.on(({ session, change }) => {
    for (const name of change?.modules ?? []) {
      const last = session.store.module(name)?.lastFailover ?? null;
      const key = `${session.profile.id}/${name}`;
      const before = known.get(key);
      known.set(key, last?.at ?? null);
      // Undefined: it happened before this editor looked for the first time.
      if (last === null || before === undefined || before === last.at || last.kind !== 'failover') continue;
      const message = `${name} of cluster ${session.profile.name} failed over to ${last.to} in ${formatDuration(last.durationMs)}: ${last.cause}`;
      void vscode.window.showWarningMessage(message, 'Open Module').then((chosen) => {
        if (chosen !== undefined) panels.open(session.profile.id, name);
      });
    }
  });
}
