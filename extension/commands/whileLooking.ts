import * as vscode from 'vscode';
import type { ApiMethod } from '../../schemas/apiMethods.ts';
import type { ClusterRegistry } from '../clusters/clusterRegistry.ts';
import { settled, unconnectedWords } from '../clusters/connecting.ts';
import { missingRole } from '../model/allowedActions.ts';

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

/**
 * Tells that there is nothing to pick.
 *
 * @param method what would be called: a token of another role may be needed for it; null: nothing is
 * @param why what is in the way when the clusters are connected with a token that is good for it
 */
export function tellNothing({ sessions }: ClusterRegistry, method: ApiMethod | null, why: string): void {
  const connected = sessions.filter((session) => session.connected);
  const missing = method && connected.map(({ role }) => missingRole(method, role)).find((words) => words !== null);
  const words = [connected.length === 0 ? '' : (missing ?? why), unconnectedWords(sessions)];
  void vscode.window.showInformationMessage(words.filter(Boolean).join(' '));
}
