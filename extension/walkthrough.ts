import * as vscode from 'vscode';

/** The identifiers of the extension and of its walkthrough, as the editor joins them. */
const walkthrough = 'understudy.understudy#start';

/**
 * What each step is about. A step is done when this was achieved, and not by a command that was called: that may be cancelled or
 * refused, and a panel does the same without it.
 */
const steps = {
  hasClusters: 'cluster',
  hasWrittenModule: 'module',
  hasApplied: 'apply',
  hasStarted: 'run',
  hasSwitchedOver: 'switchover',
  hasSeenFailover: 'failover',
} as const;

/** Something that a person comes to, by the name of its context key. */
export type Milestone = keyof typeof steps;

const marked = new Set<Milestone>();

/**
 * Ticks the step of a milestone, once in each window. By the context key alone it would have no tick where the walkthrough is opened
 * only afterwards: the editor takes what is true by then for no event.
 */
export function markStepDone(milestone: Milestone): void {
  if (marked.has(milestone)) return;
  marked.add(milestone);
  const step = `${walkthrough}#${steps[milestone]}`;
  // The tick is kept also where the editor has not read the walkthrough yet, which it calls an error. Another editor may have no such command.
  vscode.commands.executeCommand('welcome.markStepComplete', step).then(undefined, () => undefined);
}
