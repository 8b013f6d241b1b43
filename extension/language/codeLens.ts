import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { ClusterRegistry } from '../clusters/clusterRegistry.ts';
import type { RunningFiles } from '../clusters/runningFiles.ts';
import type { FileTarget } from '../commands/fileTarget.ts';
import { lensesOf, withPlainLines } from '../model/lensFacts.ts';
import type { LensAction, LensFacts, LensFile } from '../model/lensFacts.ts';
import type { ModuleNode } from '../tree/nodes.ts';
import { connectedClusters, isOurs, readOpenFile, selector } from './fileSubjects.ts';

const commands: Readonly<Record<NonNullable<LensAction>, string>> = {
  start: 'understudy.startModule',
  switchover: 'understudy.switchover',
  stop: 'understudy.stopModule',
  open: 'understudy.openModule',
  compare: 'understudy.compareRunning',
  apply: 'understudy.applyFile',
};

/** A file with lenses, as it was when they were asked for. */
interface Shown {
  readonly document: vscode.TextDocument;
  readonly file: Omit<LensFile, 'hasErrors'>;
  readonly isBroken: boolean;
  readonly lenses: readonly LensFacts[];
}

/**
 * State and actions above module and cluster files whose cluster is connected. Whatever could change them is heard of; they are drawn
 * anew only when they read differently.
 */
export class LiveLenses implements vscode.CodeLensProvider, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeCodeLenses = this.#changed.event;
  readonly #registry: ClusterRegistry;
  readonly #running: RunningFiles;
  readonly #shown = new Map<string, Shown>();
  readonly #registrations: vscode.Disposable;

  constructor(registry: ClusterRegistry, running: RunningFiles) {
    this.#registry = registry;
    this.#running = running;
    const update = (): void => this.#update();
    // Which cluster a module file is about stands in the cluster file beside it.
    const watcher = vscode.workspace.createFileSystemWatcher('**/*.cluster.jsonc');
    const redraw = (): void => this.#changed.fire();
    this.#registrations = vscode.Disposable.from(
      vscode.languages.registerCodeLensProvider(selector, this),
      registry.onChange.on(update),
      registry.onList.on(update),
      running.onChange.on(update),
      vscode.languages.onDidChangeDiagnostics(({ uris }) => {
        if (uris.some((uri) => this.#shown.has(uri.toString()))) this.#update();
      }),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => void this.#shown.delete(uri.toString())),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        if (document.languageId === 'understudy-cluster' && isOurs(document)) redraw();
      }),
      watcher,
      watcher.onDidChange(redraw),
      watcher.onDidCreate(redraw),
      watcher.onDidDelete(redraw),
    );
  }

  async provideCodeLenses(document: vscode.TextDocument): Promise<vscode.CodeLens[]> {
    const read = await readOpenFile(document);
    if (read === null || document.isClosed) return [];
    const { subject, document: parsed } = read;
    const file = { ...subject, text: withPlainLines(parsed.text) };
    const isBroken = parsed.value === null;
    const lenses = this.#lensesOf(document.uri, file, isBroken);
    this.#shown.set(document.uri.toString(), { document, file, isBroken, lenses });
    const place = document.positionAt(parsed.root?.offset ?? 0);
    return lenses.flatMap((lens) => {
      const command = this.#commandOf(lens, document.uri, file.name);
      return command === null ? [] : [new vscode.CodeLens(new vscode.Range(place, place), command)];
    });
  }

  dispose(): void {
    this.#registrations.dispose();
    this.#changed.dispose();
    this.#shown.clear();
  }

  #lensesOf(uri: vscode.Uri, file: Shown['file'], isBroken: boolean): readonly LensFacts[] {
    const clusters = connectedClusters(this.#registry).map((cluster) => ({
      ...cluster,
      running: this.#running.textOf(cluster.session, basename(uri.path)),
    }));
    return lensesOf({ ...file, hasErrors: isBroken || hasErrors(uri) }, clusters);
  }

  /** Has the lenses drawn anew if those of any file read differently now. */
  #update(): void {
    let hasChanged = false;
    for (const [key, shown] of [...this.#shown]) {
      const lenses = this.#lensesOf(shown.document.uri, shown.file, shown.isBroken);
      if (JSON.stringify(lenses) === JSON.stringify(shown.lenses)) continue;
      // Of a file that nobody sees the editor does not ask: it is told of each change once.
      this.#shown.set(key, { ...shown, lenses });
      hasChanged = true;
    }
    if (hasChanged) this.#changed.fire();
  }

  /** Null: its cluster has gone since. */
  #commandOf({ cluster, action, title, hint }: LensFacts, uri: vscode.Uri, module: string): vscode.Command | null {
    const session = this.#registry.find(cluster);
    if (session === undefined) return null;
    // Without a command it is plain text.
    if (action === null) return { title, command: '' };
    const target: FileTarget | ModuleNode =
      action === 'apply' || action === 'compare'
        ? { kind: 'file', uri, session }
        : { kind: 'module', id: `${cluster}/${module}`, session, module };
    return { title, command: commands[action], arguments: [target], ...(hint !== null && { tooltip: hint }) };
  }
}

/** What the language server finds between the files of a cluster counts, too. */
function hasErrors(uri: vscode.Uri): boolean {
  return vscode.languages
    .getDiagnostics(uri)
    .some(({ source, severity }) => source === 'understudy' && severity === vscode.DiagnosticSeverity.Error);
}
