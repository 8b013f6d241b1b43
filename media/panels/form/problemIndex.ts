import type { FormField, FormProblem } from '../../../schemas/form.ts';

const none: readonly FormProblem[] = [];

/** The problems of a form by their fields. */
export class ProblemIndex {
  readonly #own = new Map<string, FormProblem[]>();
  readonly #within = new Map<string, number>();
  /** Fields that have some, in the order of the form. */
  readonly fields: FormField[] = [];
  /** What is about no field. */
  readonly others: readonly FormProblem[];

  constructor(root: FormField | null, problems: readonly FormProblem[]) {
    this.others = problems.filter(({ field }) => field === null);
    for (const problem of problems) {
      if (problem.field === null) continue;
      const own = this.#own.get(problem.field);
      if (own === undefined) this.#own.set(problem.field, [problem]);
      else own.push(problem);
    }
    if (root !== null) this.#count(root);
  }

  of({ id }: Pick<FormField, 'id'>): readonly FormProblem[] {
    return this.#own.get(id) ?? none;
  }

  within({ id }: FormField): number {
    return this.#within.get(id) ?? 0;
  }

  #count(field: FormField): number {
    const own = this.of(field).length;
    if (own > 0) this.fields.push(field);
    const count = field.fields.reduce((sum, child) => sum + this.#count(child), own);
    this.#within.set(field.id, count);
    return count;
  }
}
