import { parseText, LineIndex, duplicateKeys, formatPath, locate, valueOf } from './jsonText.ts';
import type { Node } from './jsonText.ts';
import { deprecatedKeys } from './deprecated.ts';
import { hasErrors } from './diagnostic.ts';
import type { Diagnostic, DiagnosticCode, Problem } from './diagnostic.ts';
import type { AgentFile } from './generated/agent.ts';
import type { ClusterFile } from './generated/cluster.ts';
import type { ModuleFile } from './generated/module.ts';
import * as validators from './generated/fileValidators.js';
import { explainSchemaErrors } from './schemaErrors.ts';
import { schemaOf } from './schemaNodes.ts';

export type DocumentKind = 'module' | 'cluster' | 'agent';

interface FileTypes {
  module: ModuleFile;
  cluster: ClusterFile;
  agent: AgentFile;
}

/** A file that was read: its value when it is valid, and everything that is wrong with it by itself. */
export interface ParsedDocument<Kind extends DocumentKind = DocumentKind> {
  readonly kind: Kind;
  readonly file: string;
  readonly text: string;
  /** Null when the file has errors; warnings do not matter. Defaults are not filled in: see defaults.ts. */
  readonly value: FileTypes[Kind] | null;
  /** In order of their places in the text. */
  readonly diagnostics: readonly Diagnostic[];
  /** The JSON tree with offsets, null when nothing could be read. */
  readonly root: Node | null;
  readonly lines: LineIndex;
}

/** A document of any kind; `kind` tells the type of `value`. */
export type AnyDocument = { [Kind in DocumentKind]: ParsedDocument<Kind> }[DocumentKind];

/** The kind of a file by its name (`web.module.jsonc`, `site.cluster.jsonc`, `agent.jsonc`); null for any other name. */
export function kindOfFile(name: string): DocumentKind | null {
  const base = name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1);
  if (base.endsWith('.module.jsonc')) return 'module';
  if (base.endsWith('.cluster.jsonc')) return 'cluster';
  return base === 'agent.jsonc' ? 'agent' : null;
}

/** What `parseDocument` finds. The checks across files tell of none of these. */
export const codesOfOneFile: readonly DiagnosticCode[] = [
  'syntax',
  'duplicate-key',
  'unknown-key',
  'missing-key',
  'wrong-type',
  'bad-value',
  'wrong-count',
  'duplicate-item',
  'server-kind',
  'deprecated-key',
];

/** Of one file: more do not help whoever mends it, and a file of nothing else would take long to explain. */
const mostProblems = 200;

const validatorOf = { module: validators.ModuleFile, cluster: validators.ClusterFile, agent: validators.AgentFile };

/**
 * Reads one file and finds every problem that it has by itself: syntax, duplicate keys, and what the schema says.
 * What several files say about one another is found by `crossChecks`. Never throws.
 * @param file the name that diagnostics carry.
 */
export function parseDocument<Kind extends DocumentKind>(kind: Kind, text: string, file: string): ParsedDocument<Kind> {
  const lines = new LineIndex(text);
  const { root, problems } = parseText(text);
  const diagnostics: Diagnostic[] = problems.map((problem) => ({
    code: 'syntax',
    severity: 'error',
    message: problem.message,
    file,
    path: '',
    start: problem.start,
    end: Math.max(problem.start, Math.min(problem.end, text.length)),
    ...lines.at(problem.start),
    expected: null,
    suggestion: null,
  }));
  const empty = { kind, file, text, root, lines };
  if (root === null) return { ...empty, value: null, diagnostics };

  const value = valueOf(root);
  const found: Diagnostic[] = [];
  for (const { path, key } of duplicateKeys(root).slice(0, mostProblems)) {
    const name = String(key.value);
    const message = `the key "${name}" stands twice in the same object: keep one of them`;
    found.push({
      ...place({ ...empty, root }, { code: 'duplicate-key', message, path }),
      start: key.offset,
      end: key.offset + key.length,
      ...lines.at(key.offset),
    });
  }
  const validate = validatorOf[kind];
  if (!validate(value)) {
    for (const problem of explainSchemaErrors(validate.errors?.slice(0, mostProblems) ?? [], value)) {
      // What is missing or miscounted in a text that does not parse is more likely the syntax error's doing.
      const isDoubtful =
        diagnostics.length > 0 && ['missing-key', 'wrong-count', 'server-kind', 'wrong-type'].includes(problem.code);
      if (!isDoubtful) found.push(place({ ...empty, root }, problem));
    }
  }
  for (const problem of deprecatedKeys(schemaOf[kind], value)) found.push(place({ ...empty, root }, problem));
  diagnostics.push(...found);
  diagnostics.sort((a, b) => a.start - b.start || a.end - b.end);
  return { ...empty, value: hasErrors(diagnostics) ? null : (value as FileTypes[Kind]), diagnostics };
}

interface Placed {
  readonly file: string;
  readonly root: Node;
  readonly lines: LineIndex;
}

/** Gives a problem its range in the text of its document. */
export function place(document: Placed, problem: Problem): Diagnostic {
  const located = locate(document.root, problem.path);
  const isContainer = located.value.type === 'object' || located.value.type === 'array';
  let node = located.value;
  // Something missing from a section is told at the section's key: underlining the whole section would hide everything else.
  if (located.key !== null && (problem.at === 'key' || !located.isExact || isContainer)) node = located.key;
  const isWhole = node === document.root && isContainer;
  return {
    code: problem.code,
    severity: problem.severity ?? 'error',
    message: problem.message,
    file: document.file,
    path: formatPath(problem.path),
    start: node.offset,
    end: node.offset + (isWhole ? 1 : node.length),
    ...document.lines.at(node.offset),
    expected: problem.expected ?? null,
    suggestion: problem.suggestion ?? null,
  };
}
