import { formatPath, parsePath } from './jsonText.ts';
import type { PathSegment } from './jsonText.ts';

/** What kind of mistake a diagnostic tells of; stable, for filters and tests. */
export type DiagnosticCode = (typeof diagnosticCodes)[number];

/** All of them. Each has a section in docs/diagnostics.md. */
export const diagnosticCodes = [
  'unreadable',
  'syntax',
  'duplicate-key',
  'unknown-key',
  'missing-key',
  'wrong-type',
  'bad-value',
  'wrong-count',
  'duplicate-item',
  'server-kind',
  'unknown-host',
  'unknown-network',
  'bad-address',
  'duplicate-address',
  'duplicate-name',
  'same-port',
  'arbiter-kind',
  'insecure-arbiter',
  'witness-in-pair',
  'etcd-in-pair',
  'no-common-network',
  'bad-directory',
  'overlapping-directories',
  'detection-too-short',
  'bad-duration',
  'no-arbiter',
  'window-never-open',
  'failback-without-failover',
  'split-brain-risk',
  'not-mirrored',
  'bad-disk',
  'bad-check',
  'bad-glob',
  'bad-hook',
  'insecure-api',
  'insecure-webhook',
  'fence-option',
  'fence-without-arbiter',
  'secret-in-clear',
  'unknown-module',
  'dependency-cycle',
  'bad-anti-affinity',
  'over-capacity',
  'too-many-modules',
  'several-clusters',
  'not-applied',
  'deprecated-key',
  'missing-script',
  'script-not-executable',
  'missing-file',
  'long-module',
] as const;

export type Severity = 'error' | 'warning';

/** One problem of one file. The range covers the key or value that is wrong. */
export interface Diagnostic {
  readonly code: DiagnosticCode;
  readonly severity: Severity;
  /** What was found and what is expected, in plain words. */
  readonly message: string;
  /** The file's name as it was given to `parseDocument`. */
  readonly file: string;
  /** Where in the value, such as `server.qemu.disks[0].file`; empty for the whole file. */
  readonly path: string;
  /** Offsets into the text, in UTF-16 code units; `end` is exclusive. */
  readonly start: number;
  readonly end: number;
  /** Of `start`, both counted from 1; columns in UTF-16 code units. */
  readonly line: number;
  readonly column: number;
  /** What is expected there, for people; null when the message says all. */
  readonly expected: string | null;
  /** The nearest known key or value: what `JSON.stringify(suggestion)` in place of the range would mend. */
  readonly suggestion: string | null;
}

/** What a problem says; where it is follows from its path. */
export interface Problem {
  readonly code: DiagnosticCode;
  readonly severity?: Severity;
  readonly message: string;
  readonly path: readonly PathSegment[];
  /** 'key': the range is the key that stands there, 'value' (default): the value. */
  readonly at?: 'key' | 'value';
  readonly expected?: string | null;
  readonly suggestion?: string | null;
}

/** `FILE:LINE:COLUMN: severity: path: message`, the form that editors and terminals make clickable. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const where = `${diagnostic.file}:${diagnostic.line}:${diagnostic.column}`;
  return `${where}: ${diagnostic.severity}: ${messageWithPath(diagnostic)}`;
}

/** `path: message`, as editors show it; {@link pathOfMessage} takes it apart again. */
export function messageWithPath(diagnostic: Diagnostic): string {
  return `${diagnostic.path === '' ? '' : `${diagnostic.path}: `}${messageWithHint(diagnostic)}`;
}

/** What a diagnostic says, with what was most likely meant. */
export function messageWithHint({ message, suggestion }: Pick<Diagnostic, 'message' | 'suggestion'>): string {
  return `${message}${suggestion === null ? '' : `; did you mean ${JSON.stringify(suggestion)}?`}`;
}

/** Path and message of what {@link messageWithPath} has written; the path is empty when the message has none. */
export function pathOfMessage(text: string): { readonly path: string; readonly message: string } {
  for (let at = text.indexOf(': '); at > 0; at = text.indexOf(': ', at + 1)) {
    const path = text.slice(0, at);
    if (formatPath(parsePath(path)) === path) return { path, message: text.slice(at + 2) };
  }
  return { path: '', message: text };
}

/** Errors make a file unusable; warnings do not. */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === 'error');
}

/** A file that could not be read at all. @param message what is in the way and what to do. */
export function unreadable(file: string, message: string): Diagnostic {
  return {
    code: 'unreadable',
    severity: 'error',
    message,
    file,
    path: '',
    start: 0,
    end: 0,
    line: 1,
    column: 1,
    expected: null,
    suggestion: null,
  };
}
