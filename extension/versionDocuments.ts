import * as vscode from 'vscode';
import type { ClusterRegistry } from './clusters/clusterRegistry.ts';
import type { ClusterSession } from './clusters/clusterSession.ts';

export const versionScheme = 'understudy-version';

/** A file as a version held it, to be read only. */
export function versionUri(session: ClusterSession, number: number, name: string): vscode.Uri {
  return vscode.Uri.from({
    scheme: versionScheme,
    authority: String(number),
    path: `/${name}`,
    query: session.profile.id,
  });
}

/** Shows what versions held in the built-in editor, which compares two of them. */
export function registerVersionDocuments(registry: ClusterRegistry): vscode.Disposable {
  return vscode.workspace.registerTextDocumentContentProvider(versionScheme, {
    provideTextDocumentContent: async ({ authority, path, query }) => {
      const session = registry.sessions.find(({ profile }) => profile.id === query);
      if (session === undefined) throw new Error('The cluster of this version is no longer known to this editor.');
      const { files } = await session.request('configuration.read', { number: Number(authority) });
      // A file that the version did not have is empty.
      return files.find(({ name }) => `/${name}` === path)?.text ?? '';
    },
  });
}
