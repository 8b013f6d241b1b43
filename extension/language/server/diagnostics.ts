import type { Connection } from 'vscode-languageserver';
import { crossChecks } from '../../../schemas/crossChecks.ts';
import type { Diagnostic } from '../../../schemas/diagnostic.ts';
import type { AnyDocument } from '../../../schemas/document.ts';
import type { Explanations } from './explanations.ts';
import { checkFiles, pathsOfInterest } from './fileChecks.ts';
import { checkLength } from './longModule.ts';
import type { FileFacts } from './model/fileFacts.ts';
import { groupFolderOf } from './model/sourceFile.ts';
import type { SourceFile } from './model/sourceFile.ts';
import type { Workspace } from './model/workspace.ts';
import { toProtocol } from './protocolDiagnostics.ts';

/** Milliseconds in which what comes together, such as the edits of a rename, is checked once. */
const together = 4;

/** What was published of a file last. */
interface Published {
  readonly uri: string;
  readonly version: number | null;
  readonly document: AnyDocument;
  readonly diagnostics: readonly Diagnostic[];
}

/** Checks the files of each cluster whenever one of them changes, and publishes what has changed about them. */
export class DiagnosticsPublisher {
  readonly #connection: Connection;
  readonly #workspace: Workspace;
  readonly #facts: FileFacts;
  readonly #explanations: Explanations;
  readonly #due = new Set<string>();
  readonly #published = new Map<string, Published>();
  #timer: NodeJS.Timeout | null = null;

  constructor(connection: Connection, workspace: Workspace, facts: FileFacts, explanations: Explanations) {
    this.#connection = connection;
    this.#workspace = workspace;
    this.#facts = facts;
    this.#explanations = explanations;
  }

  /** Something has changed about the cluster in this folder. */
  changed(folder: string): void {
    this.#due.add(folder);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#check();
    }, together);
  }

  /** Whatever is named by a cluster's files may have come or gone. */
  filesMayHaveChanged(folder: string): void {
    this.#look(folder, () => true);
  }

  /** What is wrong with a file as far as it was published, in the order of places. */
  of(file: SourceFile): readonly Diagnostic[] {
    if (this.#due.has(groupFolderOf(file.path))) this.#check();
    const published = this.#published.get(file.path);
    return published?.document === file.document ? published.diagnostics : file.document.diagnostics;
  }

  dispose(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#due.clear();
  }

  #check(): void {
    // One that is being read stays due until all of it is known, which is told of.
    for (const folder of [...this.#due].filter((each) => !this.#workspace.isReading(each))) {
      this.#due.delete(folder);
      try {
        this.#checkGroup(folder);
      } catch (error) {
        this.#connection.console.error(`check: ${String(error)}`);
      }
    }
  }

  #checkGroup(folder: string): void {
    const files = this.#workspace.group(folder);
    const across = new Map<string, Diagnostic[]>();
    for (const diagnostic of crossChecks(files.map(({ document }) => document))) {
      const own = across.get(diagnostic.file);
      if (own === undefined) across.set(diagnostic.file, [diagnostic]);
      else own.push(diagnostic);
    }
    const hasCluster = files.some(({ kind }) => kind === 'cluster');
    for (const file of files) {
      const { document } = file;
      const found = [
        ...document.diagnostics,
        ...(across.get(file.path) ?? []),
        ...checkFiles(document, this.#facts, hasCluster),
        ...checkLength(document),
      ];
      this.#publish(file, found);
    }
    const present = new Set(files.map(({ path }) => path));
    for (const path of this.#published.keys()) {
      if (!present.has(path) && groupFolderOf(path) === folder) this.#withdraw(path);
    }
    this.#look(folder, (path) => this.#facts.known(path) === undefined);
  }

  #publish(file: SourceFile, diagnostics: readonly Diagnostic[]): void {
    const { uri, version, document, path } = file;
    const last = this.#published.get(path);
    if (last !== undefined && last.uri !== uri) this.#withdraw(path);
    const isSameText = last?.uri === uri && last.document === document;
    if (isSameText && last.version === version && areSame(last.diagnostics, diagnostics)) return;
    this.#published.set(path, { uri, version, document, diagnostics });
    // Nothing was shown of it, and nothing is to be.
    if (version === null && diagnostics.length === 0 && (last === undefined || last.diagnostics.length === 0)) return;
    void this.#connection.sendDiagnostics({
      uri,
      ...(version !== null && { version }),
      diagnostics: diagnostics.map((diagnostic) => toProtocol(document, diagnostic, this.#explanations)),
    });
  }

  #withdraw(path: string): void {
    const last = this.#published.get(path);
    this.#published.delete(path);
    if (last !== undefined && (last.diagnostics.length > 0 || last.version !== null)) {
      void this.#connection.sendDiagnostics({ uri: last.uri, diagnostics: [] });
    }
  }

  #look(folder: string, isWanted: (path: string) => boolean): void {
    const paths = this.#workspace.group(folder).flatMap(({ document }) => pathsOfInterest(document).filter(isWanted));
    if (paths.length === 0) return;
    // A disk that does not answer holds up nothing but what is said of it.
    const later = (): void => this.changed(folder);
    this.#facts.look(paths, later).then(
      (hasChanged) => {
        if (hasChanged) this.changed(folder);
      },
      (error: unknown) => this.#connection.console.error(`files: ${String(error)}`),
    );
  }
}

function areSame(some: readonly Diagnostic[], others: readonly Diagnostic[]): boolean {
  return (
    some.length === others.length &&
    some.every((one, index) => {
      const other = others[index];
      return (
        one === other ||
        (one.code === other?.code &&
          one.start === other.start &&
          one.end === other.end &&
          one.severity === other.severity &&
          one.suggestion === other.suggestion &&
          one.message === other.message)
      );
    })
  );
}
