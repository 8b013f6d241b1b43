import type {
  ChangedEvent,
  CommandResult,
  ForcePrimaryParams,
  HelloParams,
  HelloResult,
  LogEvent,
  LogParams,
  LogResult,
  ModuleParams,
  Snapshot,
  SnapshotParams,
  SubscribeParams,
  SwitchoverParams,
} from '../../schemas/generated/api.ts';
import * as validators from '../../schemas/generated/validators.js';
import type { Validator } from '../../schemas/generated/validators.js';

/** The requests that an agent answers. */
export interface Methods {
  'session.hello': { params: HelloParams; result: HelloResult };
  'cluster.snapshot': { params: SnapshotParams; result: Snapshot };
  'cluster.subscribe': { params: SubscribeParams; result: Snapshot };
  'module.start': { params: ModuleParams; result: CommandResult };
  'module.stop': { params: ModuleParams; result: CommandResult };
  'module.switchover': { params: SwitchoverParams; result: CommandResult };
  'module.forcePrimary': { params: ForcePrimaryParams; result: CommandResult };
  'log.read': { params: LogParams; result: LogResult };
}

export type MethodName = keyof Methods;

/** What an agent sends without being asked. */
export interface Notifications {
  'cluster.changed': ChangedEvent;
  'log.appended': LogEvent;
}

export type NotificationName = keyof Notifications;

interface MethodFacts {
  readonly params: Validator;
  readonly result: Validator;
  /** Milliseconds until a request without an answer is given up. */
  readonly timeout: number;
}

const readTimeout = 10_000;
// Commands answer when they are done: a guest may take its whole power-down time.
const commandTimeout = 300_000;

export const methods: Readonly<Record<MethodName, MethodFacts>> = {
  'session.hello': { params: validators.HelloParams, result: validators.HelloResult, timeout: readTimeout },
  'cluster.snapshot': { params: validators.SnapshotParams, result: validators.Snapshot, timeout: readTimeout },
  'cluster.subscribe': { params: validators.SubscribeParams, result: validators.Snapshot, timeout: readTimeout },
  'module.start': { params: validators.ModuleParams, result: validators.CommandResult, timeout: commandTimeout },
  'module.stop': { params: validators.ModuleParams, result: validators.CommandResult, timeout: commandTimeout },
  'module.switchover': {
    params: validators.SwitchoverParams,
    result: validators.CommandResult,
    timeout: commandTimeout,
  },
  'module.forcePrimary': {
    params: validators.ForcePrimaryParams,
    result: validators.CommandResult,
    timeout: commandTimeout,
  },
  'log.read': { params: validators.LogParams, result: validators.LogResult, timeout: readTimeout },
};

export const notifications: Readonly<Record<NotificationName, Validator>> = {
  'cluster.changed': validators.ChangedEvent,
  'log.appended': validators.LogEvent,
};

/** Says what a validator found, in one line. */
export function describeErrors(validator: Validator): string {
  const first = validator.errors?.[0];
  return first === undefined ? 'invalid' : `${first.instancePath || '/'} ${first.message ?? 'is invalid'}`;
}
