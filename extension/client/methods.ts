import type { ChangedEvent, LogEvent } from '../../schemas/generated/api.ts';
import type { ApiMethod } from '../../schemas/apiMethods.ts';
import * as validators from '../../schemas/generated/apiValidators.js';
import type { Validator } from '../../schemas/validator.ts';

/** What an agent sends without being asked. */
export interface Notifications {
  'cluster.changed': ChangedEvent;
  'log.appended': LogEvent;
}

export type NotificationName = keyof Notifications;

export const notifications: Readonly<Record<NotificationName, Validator>> = {
  'cluster.changed': validators.ChangedEvent,
  'log.appended': validators.LogEvent,
};

const readTimeout = 10_000;
const filesTimeout = 300_000;
// Commands answer when they are done: a guest may take its whole power-down time. Agents give up after an hour at the latest and say
// so; one that has died is noticed by its silence long before.
const commandTimeout = 3_660_000;

/** Milliseconds until a request without an answer is given up. */
export function timeoutOf(method: ApiMethod): number {
  if (/^(module|host)\./.test(method)) return commandTimeout;
  return method.startsWith('configuration.') ? filesTimeout : readTimeout;
}

/** Whether a request changes something, so that it matters whether it was carried out. */
export function isCommand(method: ApiMethod): boolean {
  return /^(module|host|agent)\.|^configuration\.(apply|restore)$/.test(method);
}
