import * as vscode from 'vscode';
import type { ClusterRegistry } from './clusters/clusterRegistry.ts';
import { clusterTroubles } from './clusters/clusterTroubles.ts';
import type { Trouble } from './model/troubles.ts';
import { clusterViewId } from './tree/clusterTree.ts';

/** One item, and only while something is wrong. */
export function createStatusBar(registry: ClusterRegistry): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('understudy.status', vscode.StatusBarAlignment.Left, 10);
  item.name = 'Understudy';
  item.command = `${clusterViewId}.focus`;
  const update = (): void => show(item, clusterTroubles(registry.sessions));
  const registrations = [registry.onList.on(update), registry.onChange.on(update)];
  update();
  return vscode.Disposable.from(item, ...registrations);
}

function show(item: vscode.StatusBarItem, troubles: readonly Trouble[]): void {
  const first = troubles[0];
  if (first === undefined) {
    item.hide();
    return;
  }
  const serious = troubles.some((trouble) => trouble.serious);
  item.text = `${serious ? '$(error)' : '$(warning)'} ${troubles.length === 1 ? first.text : `Understudy: ${troubles.length} problems`}`;
  item.tooltip = troubles.map((trouble) => trouble.text).join('\n');
  item.backgroundColor = new vscode.ThemeColor(
    serious ? 'statusBarItem.errorBackground' : 'statusBarItem.warningBackground',
  );
  item.accessibilityInformation = { label: `Understudy: ${troubles.map((trouble) => trouble.text).join(', ')}` };
  item.show();
}
