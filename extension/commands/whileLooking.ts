import * as vscode from 'vscode';
import type { ClusterRegistry } from '../clusters/clusterRegistry.ts';
import { settled, unconnectedWords } from '../clusters/connecting.ts';

/** Milliseconds. */
const patience = 5000;

/**
 * Has every cluster looked at while a person picks one, or something of one: from the palette or from the title of an editor nobody
 * may have looked at the view yet.
 */
export async function whileLooking<T>(registry: ClusterRegistry, pick: () => Promise<T>): Promise<T> {
  const looking = registry.attend(null);
  try {
    const progress = { location: vscode.ProgressLocation.Window, title: 'Understudy: connecting' };
    await vscode.window.withProgress(progress, () => settled(registry, patience));
    return await pick();
  } finally {
    looking.dispose();
  }
}

/** Tells that there is nothing to pick. @param why what is in the way when the clusters are connected */
export function tellNothing(registry: ClusterRegistry, why: string): void {
  const unconnected = unconnectedWords(registry.sessions);
  const connected = registry.sessions.some((session) => session.connected);
  void vscode.window.showInformationMessage([connected ? why : '', unconnected].filter(Boolean).join(' '));
}
