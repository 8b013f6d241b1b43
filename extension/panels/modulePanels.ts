import * as vscode from 'vscode';
import type { ClusterRegistry } from '../clusters/clusterRegistry.ts';
import { ModulePanel } from './modulePanel.ts';
import type { PanelIdentity } from './modulePanel.ts';

export const modulePanelType = 'understudy.module';

/** The open module panels: one for each module at most. They come back after a restart of the editor. */
export class ModulePanels implements vscode.WebviewPanelSerializer, vscode.Disposable {
  readonly #open = new Map<string, { readonly panel: ModulePanel; readonly view: vscode.WebviewPanel }>();
  readonly #serializer = vscode.window.registerWebviewPanelSerializer(modulePanelType, this);

  constructor(
    private readonly registry: ClusterRegistry,
    private readonly log: vscode.LogOutputChannel,
    private readonly extensionUri: vscode.Uri,
  ) {}

  open(clusterId: string, module: string): void {
    const present = this.#open.get(keyOf({ clusterId, module }));
    if (present !== undefined) {
      present.panel.reveal();
      return;
    }
    const view = vscode.window.createWebviewPanel(modulePanelType, `Module ${module}`, vscode.ViewColumn.Active, {
      enableScripts: true,
      localResourceRoots: [vscode.Uri.joinPath(this.extensionUri, 'dist/media')],
    });
    this.#show(view, { clusterId, module });
  }

  /** Called by the editor for a panel that was open when it was closed. */
  deserializeWebviewPanel(view: vscode.WebviewPanel, state: unknown): Promise<void> {
    const present = isIdentity(state) ? this.#open.get(keyOf(state)) : undefined;
    if (isIdentity(state) && present === undefined) {
      this.#show(view, { clusterId: state.clusterId, module: state.module });
    } else {
      view.dispose();
      // It was opened anew before the editor came to the one of last time.
      present?.panel.reveal();
    }
    return Promise.resolve();
  }

  dispose(): void {
    this.#serializer.dispose();
    for (const { view } of this.#open.values()) view.dispose();
  }

  #show(view: vscode.WebviewPanel, identity: PanelIdentity): void {
    const panel = new ModulePanel(view, identity, this.registry, this.log, this.extensionUri);
    this.#open.set(keyOf(identity), { panel, view });
    panel.onClosed.on(() => this.#open.delete(keyOf(identity)));
  }
}

function keyOf({ clusterId, module }: PanelIdentity): string {
  return `${clusterId}/${module}`;
}

function isIdentity(state: unknown): state is PanelIdentity {
  if (typeof state !== 'object' || state === null) return false;
  return (
    'clusterId' in state && typeof state.clusterId === 'string' && 'module' in state && typeof state.module === 'string'
  );
}
