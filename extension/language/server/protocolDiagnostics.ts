import { DiagnosticSeverity, DiagnosticTag } from 'vscode-languageserver';
import type { Diagnostic as ProtocolDiagnostic } from 'vscode-languageserver';
import { messageWithPath } from '../../../schemas/diagnostic.ts';
import type { Diagnostic } from '../../../schemas/diagnostic.ts';
import type { AnyDocument } from '../../../schemas/document.ts';
import type { Explanations } from './explanations.ts';
import { rangeOf } from './model/positions.ts';

/** A diagnostic as the protocol has it, with a link to what its code means. */
export function toProtocol(
  document: AnyDocument,
  diagnostic: Diagnostic,
  explanations: Explanations,
): ProtocolDiagnostic {
  const href = explanations.get(diagnostic.code);
  return {
    range: rangeOf(document, diagnostic.start, diagnostic.end),
    severity: diagnostic.severity === 'error' ? DiagnosticSeverity.Error : DiagnosticSeverity.Warning,
    source: 'understudy',
    code: diagnostic.code,
    ...(href !== undefined && { codeDescription: { href } }),
    message: messageWithPath(diagnostic),
    ...(diagnostic.code === 'deprecated-key' && { tags: [DiagnosticTag.Deprecated] }),
  };
}
