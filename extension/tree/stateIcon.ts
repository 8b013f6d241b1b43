import * as vscode from 'vscode';
import type { Severity } from '../../schemas/panel.ts';
import { stateIconNames } from '../model/stateIconNames.ts';

/** Icon and colour of a state. The shape alone tells them apart; the word stands beside it. */
export function stateIcon(severity: Severity): vscode.ThemeIcon {
  return new vscode.ThemeIcon(stateIconNames[severity], new vscode.ThemeColor(colours[severity]));
}

const colours: Readonly<Record<Severity, string>> = {
  good: 'testing.iconPassed',
  busy: 'charts.blue',
  neutral: 'descriptionForeground',
  warning: 'problemsWarningIcon.foreground',
  error: 'problemsErrorIcon.foreground',
  unknown: 'descriptionForeground',
};
