import * as vscode from 'vscode';
import type { Severity } from '../../schemas/panel.ts';

/** Icon and colour of a state. The shape alone tells them apart; the word stands beside it. */
export function stateIcon(severity: Severity): vscode.ThemeIcon {
  const [icon, colour] = icons[severity];
  return new vscode.ThemeIcon(icon, new vscode.ThemeColor(colour));
}

const icons: Readonly<Record<Severity, readonly [string, string]>> = {
  good: ['pass-filled', 'testing.iconPassed'],
  busy: ['sync~spin', 'charts.blue'],
  neutral: ['circle-outline', 'descriptionForeground'],
  warning: ['warning', 'problemsWarningIcon.foreground'],
  error: ['error', 'problemsErrorIcon.foreground'],
  unknown: ['debug-disconnect', 'descriptionForeground'],
};
