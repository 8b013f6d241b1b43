import * as vscode from 'vscode';
import type { ClusterRegistry } from '../clusters/clusterRegistry.ts';
import type { Registration } from '../client/emitter.ts';
import { childrenOf, parentOf } from './nodes.ts';
import type { TreeNode } from './nodes.ts';
import { treeItemOf } from './treeItems.ts';

export const clusterViewId = 'understudy.clusters';

/** How often the age of what is no longer live is written anew, in milliseconds; only while the view is visible. */
const ageInterval = 5000;

/** The tree cluster → module → host. A line is redrawn only when its own words change. */
export class ClusterTree implements vscode.TreeDataProvider<TreeNode>, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<TreeNode | undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #shown = new Map<string, { readonly node: TreeNode; readonly words: string; readonly children: string }>();
  readonly #view: vscode.TreeView<TreeNode>;
  readonly #registrations: Registration[];
  #attention: Registration | null = null;
  #ageTimer: NodeJS.Timeout | null = null;

  constructor(private readonly registry: ClusterRegistry) {
    this.#view = vscode.window.createTreeView(clusterViewId, { treeDataProvider: this, showCollapseAll: true });
    this.#view.onDidChangeVisibility(({ visible }) => this.#setVisible(visible));
    this.#registrations = [
      registry.onList.on(() => {
        this.#shown.clear();
        this.#changed.fire(undefined);
      }),
      registry.onChange.on(({ session }) => this.#update(session.profile.id)),
    ];
    this.#setVisible(this.#view.visible);
  }

  getTreeItem(node: TreeNode): vscode.TreeItem {
    const item = treeItemOf(node);
    this.#shown.set(node.id, { node, words: wordsOf(item), children: this.#childIds(node) });
    return item;
  }

  getChildren(node?: TreeNode): TreeNode[] {
    // The same object for the same node: the editor tells nodes apart by identity.
    return childrenOf(node, this.registry.sessions).map((child) => {
      const known = this.#shown.get(child.id)?.node;
      return known?.kind === child.kind && (known.kind !== 'note' || child.kind !== 'note' || known.text === child.text)
        ? known
        : child;
    });
  }

  getParent(node: TreeNode): TreeNode | undefined {
    const parent = parentOf(node);
    return parent === undefined ? undefined : (this.#shown.get(parent.id)?.node ?? parent);
  }

  dispose(): void {
    this.#setVisible(false);
    for (const registration of this.#registrations) registration.dispose();
    this.#view.dispose();
    this.#changed.dispose();
  }

  #setVisible(visible: boolean): void {
    if (visible === (this.#attention !== null)) return;
    if (visible) {
      this.#attention = this.registry.attend(null);
      this.#ageTimer = setInterval(() => {
        for (const session of this.registry.sessions) if (!session.connected) this.#update(session.profile.id);
      }, ageInterval);
      return;
    }
    this.#attention?.dispose();
    this.#attention = null;
    if (this.#ageTimer !== null) clearInterval(this.#ageTimer);
  }

  /** Redraws those lines of a cluster that read differently now. */
  #update(clusterId: string): void {
    for (const [id, shown] of [...this.#shown]) {
      if (id !== clusterId && !id.startsWith(`${clusterId}/`)) continue;
      const children = this.#childIds(shown.node);
      const words = wordsOf(treeItemOf(shown.node));
      if (children === shown.children && words === shown.words) continue;
      this.#shown.set(id, { node: shown.node, words, children });
      this.#changed.fire(shown.node);
    }
  }

  #childIds(node: TreeNode): string {
    return childrenOf(node, this.registry.sessions)
      .map((child) => (child.kind === 'note' ? child.text : child.id))
      .join('\n');
  }
}

/** Everything of a line that a person or a menu could notice. Tooltips tell of nothing that goes by with the time, and so are compared as well. */
function wordsOf(item: vscode.TreeItem): string {
  const icon = item.iconPath instanceof vscode.ThemeIcon ? item.iconPath.id : '';
  const tooltip = item.tooltip instanceof vscode.MarkdownString ? item.tooltip.value : item.tooltip;
  return JSON.stringify([item.label, item.description, item.contextValue, icon, tooltip]);
}
