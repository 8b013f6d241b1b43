import * as vscode from 'vscode';
import { messageWithHint, pathOfMessage } from '../../../schemas/diagnostic.ts';
import type { Diagnostic } from '../../../schemas/diagnostic.ts';
import { codesOfOneFile } from '../../../schemas/document.ts';
import { severityOf } from '../../model/form/problems.ts';
import type { ToldProblem } from '../../model/form/problems.ts';

/** What is wrong with a file by itself. */
export function ownProblems(diagnostics: readonly Diagnostic[]): readonly ToldProblem[] {
  return diagnostics.map((diagnostic) => ({
    severity: diagnostic.severity,
    message: messageWithHint(diagnostic),
    path: diagnostic.path,
    line: diagnostic.line,
    column: diagnostic.column,
  }));
}

/** What the language server has found across files: what is wrong with the file by itself the form knows sooner. */
export function problemsAcrossFiles(uri: vscode.Uri): readonly ToldProblem[] {
  return vscode.languages.getDiagnostics(uri).flatMap((diagnostic) => {
    const code = typeof diagnostic.code === 'object' ? diagnostic.code.value : diagnostic.code;
    if (diagnostic.source !== 'understudy' || codesOfOneFile.some((each) => each === code)) return [];
    const { line, character } = diagnostic.range.start;
    return [
      {
        severity: severityOf(diagnostic.severity),
        ...pathOfMessage(diagnostic.message),
        line: line + 1,
        column: character + 1,
      },
    ];
  });
}
