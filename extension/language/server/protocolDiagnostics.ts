import { DiagnosticSeverity, DiagnosticTag } from 'vscode-languageserver';
import type { Diagnostic as ProtocolDiagnostic } from 'vscode-languageserver';
import { messageWithPath } from '../../../schemas/diagnostic.ts';
import type { Diagnostic, DiagnosticCode } from '../../../schemas/diagnostic.ts';
import type { AnyDocument } from '../../../schemas/document.ts';
import type { Explanations } from './explanations.ts';
import { rangeOf } from './model/positions.ts';

/** What is only proposed. */
const proposals: ReadonlySet<DiagnosticCode> = new Set(['long-module']);

/** A diagnostic as the protocol has it, with a link to what its code means. */
export function toProtocol(
  document: AnyDocument,
  diagnostic: Diagnostic,
  explanations: Explanations,
): ProtocolDiagnostic {
  const href = explanations.get(diagnostic.code);
  return {
    range: rangeOf(document, diagnostic.start, diagnostic.end),
    severity: severityOf(diagnostic),
    source: 'understudy',
    code: diagnostic.code,
    ...(href !== undefined && { codeDescription: { href } }),
    message: messageWithPath(diagnostic),
    ...(diagnostic.code === 'deprecated-key' && { tags: [DiagnosticTag.Deprecated] }),
  };
}

function severityOf({ code, severity }: Diagnostic): DiagnosticSeverity {
  if (proposals.has(code)) return DiagnosticSeverity.Information;
  return severity === 'error' ? DiagnosticSeverity.Error : DiagnosticSeverity.Warning;
}
