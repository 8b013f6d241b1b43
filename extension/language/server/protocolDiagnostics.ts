import { DiagnosticSeverity, DiagnosticTag } from 'vscode-languageserver';
import type { Diagnostic as ProtocolDiagnostic } from 'vscode-languageserver';
import type { Diagnostic, DiagnosticCode } from '../../../schemas/diagnostic.ts';
import type { AnyDocument } from '../../../schemas/document.ts';
import { rangeOf } from './model/positions.ts';

/** Where each code is explained; the same text is in docs/diagnostics.md. */
export const documentationPage = 'https://understudy.dev/docs/diagnostics';

/** What is only proposed. */
const proposals: ReadonlySet<DiagnosticCode> = new Set(['long-module']);

/** A diagnostic as the protocol has it, with a link to what its code means. */
export function toProtocol(document: AnyDocument, diagnostic: Diagnostic): ProtocolDiagnostic {
  const hint = diagnostic.suggestion === null ? '' : `; did you mean ${JSON.stringify(diagnostic.suggestion)}?`;
  const path = diagnostic.path === '' ? '' : `${diagnostic.path}: `;
  return {
    range: rangeOf(document, diagnostic.start, diagnostic.end),
    severity: severityOf(diagnostic),
    source: 'understudy',
    code: diagnostic.code,
    codeDescription: { href: `${documentationPage}#${diagnostic.code}` },
    message: `${path}${diagnostic.message}${hint}`,
    ...(diagnostic.code === 'deprecated-key' && { tags: [DiagnosticTag.Deprecated] }),
  };
}

function severityOf({ code, severity }: Diagnostic): DiagnosticSeverity {
  if (proposals.has(code)) return DiagnosticSeverity.Information;
  return severity === 'error' ? DiagnosticSeverity.Error : DiagnosticSeverity.Warning;
}
