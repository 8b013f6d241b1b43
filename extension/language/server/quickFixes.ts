import { CodeActionKind } from 'vscode-languageserver';
import type { CodeAction, Diagnostic } from 'vscode-languageserver';

/** What a diagnostic of ours carries along for its fix. */
export interface FixData {
  /** The nearest known key or value. */
  readonly suggestion: string;
}

/** Replaces a misspelt key or value by the nearest known one. */
export function quickFixes(uri: string, diagnostics: readonly Diagnostic[]): CodeAction[] {
  return diagnostics.flatMap((diagnostic): CodeAction[] => {
    const data: unknown = diagnostic.data;
    if (!hasSuggestion(data)) return [];
    return [
      {
        title: `Replace with "${data.suggestion}"`,
        kind: CodeActionKind.QuickFix,
        isPreferred: true,
        diagnostics: [diagnostic],
        edit: { changes: { [uri]: [{ range: diagnostic.range, newText: JSON.stringify(data.suggestion) }] } },
      },
    ];
  });
}

function hasSuggestion(data: unknown): data is FixData {
  return typeof data === 'object' && data !== null && 'suggestion' in data && typeof data.suggestion === 'string';
}
