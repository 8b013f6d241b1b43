import type { ChangedEvent, LogEvent } from '../../schemas/generated/api.ts';
import type { ApiMethod } from '../../schemas/apiMethods.ts';
import * as validators from '../../schemas/generated/validators.js';
import type { Validator } from '../../schemas/generated/validators.js';

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
// Commands answer when they are done: a guest may take its whole power-down time.
const commandTimeout = 300_000;
// Each module of a host may take as long as one command.
const hostTimeout = 3_600_000;

/** Milliseconds until a request without an answer is given up. */
export function timeoutOf(method: ApiMethod): number {
  if (method.startsWith('host.')) return hostTimeout;
  return /^(module|configuration)\./.test(method) ? commandTimeout : readTimeout;
}
