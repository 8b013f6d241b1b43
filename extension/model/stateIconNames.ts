import type { Severity } from '../../schemas/panel.ts';

/** The editor's icon of a state. The shape alone tells them apart. */
export const stateIconNames: Readonly<Record<Severity, string>> = {
  good: 'pass-filled',
  busy: 'sync~spin',
  neutral: 'circle-outline',
  warning: 'warning',
  error: 'error',
  unknown: 'debug-disconnect',
};
