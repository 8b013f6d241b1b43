import { DiagnosticSeverity, DiagnosticTag } from 'vscode-languageserver';
import type { Diagnostic as ProtocolDiagnostic } from 'vscode-languageserver';
import { messageWithPath } from '../../../schemas/diagnostic.ts';
import type { Diagnostic } from '../../../schemas/diagnostic.ts';
import type { AnyDocument } from '../../../schemas/document.ts';
import { rangeOf } from './model/positions.ts';

/** Where each code is explained; the same text is in docs/diagnostics.md. */
export const documentationPage = 'https://understudy.dev/docs/diagnostics';

/** A diagnostic as the protocol has it, with a link to what its code means. */
export function toProtocol(document: AnyDocument, diagnostic: Diagnostic): ProtocolDiagnostic {
  return {
    range: rangeOf(document, diagnostic.start, diagnostic.end),
    severity: diagnostic.severity === 'error' ? DiagnosticSeverity.Error : DiagnosticSeverity.Warning,
    source: 'understudy',
    code: diagnostic.code,
    codeDescription: { href: `${documentationPage}#${diagnostic.code}` },
    message: messageWithPath(diagnostic),
    ...(diagnostic.code === 'deprecated-key' && { tags: [DiagnosticTag.Deprecated] }),
  };
}
