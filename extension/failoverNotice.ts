import * as vscode from 'vscode';
import type { ClusterRegistry } from './clusters/clusterRegistry.ts';
import { setReached } from './contextKeys.ts';
import { FailoverNews } from './model/failoverNews.ts';
import { formatDuration } from './model/format.ts';
import type { ModulePanels } from './panels/modulePanels.ts';

/** Tells once of each unplanned failover that happens while the editor runs. Planned moves need no telling. */
export function createFailoverNotice(registry: ClusterRegistry, panels: ModulePanels): vscode.Disposable {
  const news = new FailoverNews();
  return registry.onChange.on(({ session, change }) => {
    for (const name of change?.modules ?? []) {
      const module = session.store.module(name);
      const failover = module === undefined ? null : news.of(`${session.profile.id}/${name}`, module);
      if (failover === null) continue;
      setReached('hasSeenFailover');
      const { to, durationMs, cause } = failover;
      const message = `${name} of cluster ${session.profile.name} failed over to ${to} in ${formatDuration(durationMs)}: ${cause}`;
      void vscode.window.showWarningMessage(message, 'Open Module').then((chosen) => {
        if (chosen !== undefined) panels.open(session.profile.id, name);
      });
    }
  });
}
