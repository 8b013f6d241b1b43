import * as vscode from 'vscode';
import type { Registration } from '../client/emitter.ts';
import type { ClusterRegistry } from '../clusters/clusterRegistry.ts';
import { isOurs } from './fileSubjects.ts';

/** Has the clusters looked at for as long as a module or cluster file is shown: what is live stands above it and in its hovers. */
export function attendWhileShown(registry: ClusterRegistry): vscode.Disposable {
  let attention: Registration | null = null;
  const update = (): void => {
    const isShown = vscode.window.visibleTextEditors.some(({ document }) => isOurs(document));
    if (isShown === (attention !== null)) return;
    attention?.dispose();
    attention = isShown ? registry.attend(null) : null;
  };
  update();
  return vscode.Disposable.from(vscode.window.onDidChangeVisibleTextEditors(update), {
    dispose: () => attention?.dispose(),
  });
}
