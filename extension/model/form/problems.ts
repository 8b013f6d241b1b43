import type { FormField, FormProblem, FormSeverity } from '../../../schemas/form.ts';
import { parsePath } from '../../../schemas/jsonText.ts';
import type { PathSegment } from '../../../schemas/jsonText.ts';
import { fieldAt } from './fields.ts';

/** A problem with the path of what it is about, as diagnostics have it; empty for the whole file. */
export interface ToldProblem {
  readonly severity: FormSeverity;
  readonly message: string;
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/** @param severity as VS Code numbers it: 0 an error, 1 a warning, 2 information, 3 a hint */
export function severityOf(severity: number): FormSeverity {
  return (['error', 'warning'] as const)[severity] ?? 'note';
}

/** Puts each problem at its field, or at the nearest one that it is in; what is about no field has none. Each is told once. */
export function placedProblems(form: FormField | null, told: readonly ToldProblem[]): readonly FormProblem[] {
  const seen = new Set<string>();
  return told.flatMap(({ path, ...problem }) => {
    const field = form === null ? null : nearestField(form, parsePath(path));
    const key = JSON.stringify([field, problem.message]);
    if (seen.has(key)) return [];
    seen.add(key);
    return [{ ...problem, field }];
  });
}

function nearestField(form: FormField, path: readonly PathSegment[]): string | null {
  for (let depth = path.length; depth > 0; depth--) {
    const field = fieldAt(form, path.slice(0, depth));
    if (field !== null) return field.id;
  }
  return null;
}
