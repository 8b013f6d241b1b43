import * as vscode from 'vscode';
import { markStepDone } from './walkthrough.ts';
import type { Milestone } from './walkthrough.ts';

/** The facts that menus, welcome texts and the walkthrough depend on. The only place that sets them. */
export function setHasClusters(hasClusters: boolean): void {
  if (hasClusters) setReached('hasClusters');
  else setFact('hasClusters', false);
}

/** Says that a person has come to something, which a step of the walkthrough is about. */
export function setReached(milestone: Milestone): void {
  setFact(milestone, true);
  markStepDone(milestone);
}

function setFact(name: Milestone, value: boolean): void {
  void vscode.commands.executeCommand('setContext', `understudy.${name}`, value);
}
