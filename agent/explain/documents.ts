import { crossChecks } from '../../schemas/crossChecks.ts';
import { resolveCluster, resolveModule } from '../../schemas/defaults.ts';
import { hasErrors, type Diagnostic } from '../../schemas/diagnostic.ts';
import type { AnyDocument, ParsedDocument } from '../../schemas/document.ts';
import type { ExplainedModule } from '../../schemas/explain.ts';
import { explain, type ExplainOptions } from './explain.ts';

export interface ExplainedDocument {
  /** Null: there are errors. */
  readonly explained: ExplainedModule | null;
  /** Of the module's file and of the cluster file, by themselves and with all the others. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Explains one of several files that belong together.
 * @param documents the module's, the cluster's, and those of the cluster's other modules
 */
export function explainDocument(
  module: ParsedDocument<'module'>,
  documents: readonly AnyDocument[],
  options: ExplainOptions = {},
): ExplainedDocument {
  const isAbout = ({ kind, file }: AnyDocument): boolean => kind === 'cluster' || file === module.file;
  const about = new Set(documents.filter(isAbout).map(({ file }) => file));
  const diagnostics = [...documents.flatMap((document) => document.diagnostics), ...crossChecks(documents)].filter(
    ({ file }) => about.has(file),
  );
  if (module.value === null || hasErrors(diagnostics)) return { explained: null, diagnostics };
  const cluster = documents.find((document) => document.kind === 'cluster')?.value ?? null;
  return {
    explained: explain(resolveModule(module.value), cluster && resolveCluster(cluster), options),
    diagnostics,
  };
}
