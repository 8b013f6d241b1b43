import { crossChecks } from '../../schemas/crossChecks.ts';
import { resolveCluster, resolveModule } from '../../schemas/defaults.ts';
import { hasErrors, type Diagnostic } from '../../schemas/diagnostic.ts';
import type { AnyDocument, ParsedDocument } from '../../schemas/document.ts';
import type { ExplainedModule } from '../../schemas/explain.ts';
import { formatDuration } from '../../schemas/units.ts';
import { explain, type ExplainOptions } from './explain.ts';

/** Every fault is played until long after the detection time: nobody would wait for more of them. Milliseconds. */
const longestDetectionMs = 300_000;

export interface ExplainedDocument {
  /** Null: there are errors, or a failure. */
  readonly explained: ExplainedModule | null;
  /** Of the module's file and of the cluster file, by themselves and with all the others. */
  readonly diagnostics: readonly Diagnostic[];
  /** Why nothing is explained although there are no errors; null: it is, or there are. */
  readonly failure: string | null;
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
  if (module.value === null || hasErrors(diagnostics)) return { explained: null, diagnostics, failure: null };
  const resolved = resolveModule(module.value);
  const { detectionMs } = resolved.failover;
  if (detectionMs > longestDetectionMs) {
    const failure = `${resolved.name} has a detection time of ${formatDuration(detectionMs)}. What happens with one of more than ${formatDuration(longestDetectionMs)} is not played: it would take too long.`;
    return { explained: null, diagnostics, failure };
  }
  const cluster = documents.find((document) => document.kind === 'cluster')?.value ?? null;
  return {
    explained: explain(resolved, cluster && resolveCluster(cluster), options),
    diagnostics,
    failure: null,
  };
}
