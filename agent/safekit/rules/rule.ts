import type { Draft } from '../draft.ts';
import type { Findings, Outcome } from '../findings.ts';
import { printable } from '../printable.ts';
import type { Attribute, Element } from '../xml/tree.ts';

/** What a rule works with. */
export interface RuleContext {
  readonly draft: Draft;
  readonly findings: Findings;
  /** Whether the module has a file of this path; null: only its configuration is known. */
  readonly hasFile: (path: string) => boolean | null;
  /** Does something when all other elements have been looked at. */
  readonly later: (work: () => void) => void;
}

/** Takes one element, and tells what became of it and of its attributes. */
export type Rule = (element: Element, context: RuleContext) => void;

/** What is told of an attribute whatever its value. */
export type Words = readonly [outcome: Outcome, says: string];

/** Where a value is from, as the comment in the module file says it. */
export function from(of: Attribute | Element): string {
  return `${of.path} (line ${String(of.line)})`;
}

/** Tells of a value that is none that the attribute could have. */
export function noteOdd({ findings }: RuleContext, attribute: Attribute, expected: string, instead: string): void {
  findings.note(
    attribute,
    'unknown',
    `"${printable(attribute.value)}" is not known here: ${expected} is expected. ${instead}`,
  );
}
