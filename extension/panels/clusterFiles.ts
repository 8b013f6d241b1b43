import * as vscode from 'vscode';
import { kindOfFile } from '../../schemas/document.ts';
import type { ExplainFile } from '../../schemas/explain.ts';

/** Folder beside the cluster file that holds the module files. */
const modulesFolder = 'modules';
/** More than this in one folder is no configuration of ours. */
const maxFiles = 1000;
const longestFile = 1024 * 1024;

/** The cluster file and the module files that belong together with one of them, as they stand in the editor, otherwise on the disk. */
export class ClusterFiles implements vscode.Disposable {
  /** By their addresses; what lies on the disk is read once. A read that a change overtakes is forgotten with it. */
  readonly #onDisk = new Map<string, Promise<string | null>>();
  #listing: Promise<readonly vscode.Uri[]> | null = null;
  readonly #folder: vscode.Uri;
  readonly #uri: vscode.Uri;
  readonly #watcher: vscode.FileSystemWatcher;

  /** @param onChange one of them is another one on the disk */
  constructor(uri: vscode.Uri, onChange: () => void) {
    this.#uri = uri;
    const own = vscode.Uri.joinPath(uri, '..');
    this.#folder = own.path.endsWith(`/${modulesFolder}`) ? vscode.Uri.joinPath(own, '..') : own;
    this.#watcher = vscode.workspace.createFileSystemWatcher(
      new vscode.RelativePattern(this.#folder, '**/*.{module,cluster}.jsonc'),
    );
    const changed = (file: vscode.Uri): void => {
      this.#onDisk.delete(file.toString());
      this.#listing = null;
      onChange();
    };
    this.#watcher.onDidChange(changed);
    this.#watcher.onDidCreate(changed);
    this.#watcher.onDidDelete(changed);
  }

  /** Whether a document is one of them. */
  includes(uri: vscode.Uri): boolean {
    const kind = kindOfFile(uri.path);
    return (kind === 'module' || kind === 'cluster') && uri.toString().startsWith(`${this.#folder.toString()}/`);
  }

  /** Without the file itself. Files that cannot be read are left out. */
  async others(): Promise<readonly ExplainFile[]> {
    this.#listing ??= this.#list();
    const open = new Map(vscode.workspace.textDocuments.map((each) => [each.uri.toString(), each] as const));
    const texts = (await this.#listing).map(async (uri) => {
      const text = open.get(uri.toString())?.getText() ?? (await this.#read(uri));
      return text === null ? [] : [{ path: uri.path, text }];
    });
    return (await Promise.all(texts)).flat();
  }

  async #list(): Promise<readonly vscode.Uri[]> {
    const found = [await filesIn(this.#folder), await filesIn(vscode.Uri.joinPath(this.#folder, modulesFolder))].flat();
    return found.filter((uri) => uri.toString() !== this.#uri.toString()).slice(0, maxFiles);
  }

  #read(uri: vscode.Uri): Promise<string | null> {
    const key = uri.toString();
    const known = this.#onDisk.get(key) ?? readText(uri);
    this.#onDisk.set(key, known);
    return known;
  }

  dispose(): void {
    this.#watcher.dispose();
  }
}

async function filesIn(folder: vscode.Uri): Promise<readonly vscode.Uri[]> {
  try {
    const entries = await vscode.workspace.fs.readDirectory(folder);
    const names = entries
      .map(([name]) => name)
      .filter((name) => ['module', 'cluster'].includes(kindOfFile(name) ?? ''));
    return names.sort().map((name) => vscode.Uri.joinPath(folder, name));
  } catch {
    // There need not be such a folder.
    return [];
  }
}

async function readText(uri: vscode.Uri): Promise<string | null> {
  try {
    const bytes = await vscode.workspace.fs.readFile(uri);
    return bytes.length > longestFile ? null : new TextDecoder().decode(bytes);
  } catch {
    return null;
  }
}
