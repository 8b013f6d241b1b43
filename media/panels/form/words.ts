/** Problems in words. */
import type { FormProblem } from '../../../schemas/form.ts';

const words: Readonly<Record<FormProblem['severity'], string>> = { error: 'Error', warning: 'Warning', note: 'Note' };

export function severityWord(severity: FormProblem['severity']): string {
  return words[severity];
}

/** How many problems there are: a note is none. */
export function summaryOf(problems: readonly Pick<FormProblem, 'severity'>[]): string {
  const count = (severity: FormProblem['severity']): number =>
    problems.filter((problem) => problem.severity === severity).length;
  const [errors, warnings, notes] = [count('error'), count('warning'), count('note')];
  const told = errors + warnings === 0 ? 'No problems' : `${counted(errors, 'error')}, ${counted(warnings, 'warning')}`;
  return notes === 0 ? `${told}.` : `${told}, ${counted(notes, 'note')}.`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
