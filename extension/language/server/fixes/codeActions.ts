import { pathToFileURL } from 'node:url';
import { CodeActionKind } from 'vscode-languageserver';
import type {
  CodeAction,
  CodeActionContext,
  CreateFile,
  Range,
  TextDocumentEdit,
  TextEdit,
  WorkspaceEdit,
} from 'vscode-languageserver';
import type { Diagnostic } from '../../../../schemas/diagnostic.ts';
import type { ClientAbilities } from '../capabilities.ts';
import type { Explanations } from '../explanations.ts';
import { offsetOf, rangeOf } from '../model/positions.ts';
import type { SourceFile } from '../model/sourceFile.ts';
import { toProtocol } from '../protocolDiagnostics.ts';
import { addHost, addNetwork, addWitness, chooseArbiter } from './clusterFixes.ts';
import { makeExecutableCommand } from './commands.ts';
import { contextOf } from './fix.ts';
import type { Fix, Fixer } from './fix.ts';
import { allOf, fixAllKind } from './fixAll.ts';
import { addKind, addMissingKey } from './missingKeys.ts';
import { directoryMoves, splitLongModule } from './moveDirectory.ts';
import { createScript, makeExecutable } from './scripts.ts';
import {
  chooseManual,
  lengthenDetection,
  moveIntoRange,
  removeFromList,
  removeKey,
  replaceBySuggestion,
  shortenTimeout,
  useHttps,
} from './simpleFixes.ts';
import { convertUnits } from './units.ts';

/** All of them, in the order in which they are offered. */
const fixers: readonly Fixer[] = [
  replaceBySuggestion,
  convertUnits,
  addMissingKey,
  addKind,
  chooseArbiter,
  addWitness,
  addHost,
  addNetwork,
  createScript,
  makeExecutable,
  splitLongModule,
  lengthenDetection,
  shortenTimeout,
  moveIntoRange,
  useHttps,
  chooseManual,
  removeFromList,
  removeKey,
];

/** What the fixes are made from. */
export interface FixSource {
  readonly file: SourceFile;
  readonly group: readonly SourceFile[];
  readonly diagnosticsOf: (file: SourceFile) => readonly Diagnostic[];
  readonly client: ClientAbilities;
  readonly explanations: Explanations;
}

/** More problems of one file are not mended at once: it takes time, and nobody reads what comes of it. */
const mostProblems = 50;

/** The fixes of what is wrong in a range, what can be rearranged there, and the fixes of everything in the file when that is asked for. */
export function codeActionsFor(
  source: FixSource,
  range: Range,
  { only }: Pick<CodeActionContext, 'only'>,
): CodeAction[] {
  const { file, client, explanations } = source;
  const wants = (kind: string): boolean => only?.some((each) => kind === each || kind.startsWith(`${each}.`)) ?? true;
  const found = source.diagnosticsOf(file);
  const actions: CodeAction[] = [];
  const canDo = ({ newFile }: Fix): boolean => newFile === undefined || client.canCreateFiles;
  const [start, end] = [offsetOf(file.document, range.start), offsetOf(file.document, range.end)];
  if (wants(CodeActionKind.QuickFix)) {
    const here = found.filter((each) => each.start <= end && start <= each.end);
    for (const diagnostic of here.slice(0, mostProblems)) {
      for (const fix of fixesOf(source, diagnostic).filter(canDo)) {
        const mended = toProtocol(file.document, diagnostic, explanations);
        actions.push({ ...actionOf(fix, client), diagnostics: [mended] });
      }
    }
  }
  if (wants(CodeActionKind.RefactorExtract)) {
    for (const move of directoryMoves(file, source.group, start, end).filter(canDo)) {
      actions.push({ ...actionOf(move, client), kind: CodeActionKind.RefactorExtract });
    }
  }
  // Only by request: an editor that asks for anything shows it at every place of the file otherwise.
  if (only !== undefined && wants(fixAllKind)) {
    const fixes = found.slice(0, mostProblems).flatMap((diagnostic) => fixesOf(source, diagnostic));
    const all = allOf(file, fixes, Math.max(0, found.length - mostProblems));
    if (all !== null) actions.push({ ...actionOf(all, client), kind: fixAllKind });
  }
  return actions;
}

function fixesOf({ file, group }: FixSource, diagnostic: Diagnostic): readonly Fix[] {
  const context = contextOf(file, group, diagnostic);
  return fixers
    .flatMap((fixer) => fixer(context))
    .filter(({ edits, newFile, makeExecutable: mode }) => {
      const changes = edits.flatMap((edit) => edit.changes);
      return changes.length > 0 || newFile !== undefined || mode !== undefined;
    });
}

function actionOf(fix: Fix, client: ClientAbilities): CodeAction {
  const { title, makeExecutable: path } = fix;
  const edit = workspaceEditOf(fix, client);
  return {
    title,
    kind: CodeActionKind.QuickFix,
    ...(fix.isPreferred === true && { isPreferred: true }),
    ...(edit !== null && { edit }),
    ...(path !== undefined && {
      command: {
        title: 'Make executable',
        command: makeExecutableCommand,
        arguments: [pathToFileURL(path).toString()],
      },
    }),
  };
}

function workspaceEditOf({ edits, newFile }: Fix, client: ClientAbilities): WorkspaceEdit | null {
  const own = edits.map(({ file, changes }) => ({
    file,
    edits: changes.map(({ start, end, text }): TextEdit => ({
      range: rangeOf(file.document, start, end),
      newText: text,
    })),
  }));
  if (own.length === 0 && newFile === undefined) return null;
  if (!client.hasDocumentChanges) {
    return { changes: Object.fromEntries(own.map((each) => [each.file.uri, each.edits])) };
  }
  const changes: (TextDocumentEdit | CreateFile)[] = own.map(({ file: { uri, version }, edits: each }) => ({
    textDocument: { uri, version },
    edits: each,
  }));
  if (newFile !== undefined) {
    const uri = pathToFileURL(newFile.path).toString();
    const start = { line: 0, character: 0 };
    changes.push(
      { kind: 'create', uri, options: { overwrite: false, ignoreIfExists: false } },
      { textDocument: { uri, version: null }, edits: [{ range: { start, end: start }, newText: newFile.text }] },
    );
  }
  return { documentChanges: changes };
}
