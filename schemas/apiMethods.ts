import type {
  ApplyParams,
  ApplyResult,
  CommandResult,
  FenceParams,
  ForcePrimaryParams,
  HelloParams,
  HelloResult,
  HostParams,
  LogParams,
  LogResult,
  MaintenanceParams,
  ModuleParams,
  RepairParams,
  ResolveParams,
  RestoreParams,
  ResyncParams,
  Role,
  Snapshot,
  SnapshotParams,
  StartParams,
  SubscribeParams,
  SwitchoverParams,
  UpgradeParams,
  UpgradeResult,
  VerifyParams,
  VersionParams,
  VersionResult,
  VersionsParams,
  VersionsResult,
} from './generated/api.ts';
import * as validators from './generated/apiValidators.js';
import type { Validator } from './validator.ts';

/** Parameters and answer of each method of the agent's API. */
export interface ApiMethods {
  'session.hello': { params: HelloParams; result: HelloResult };
  'cluster.snapshot': { params: SnapshotParams; result: Snapshot };
  'cluster.subscribe': { params: SubscribeParams; result: Snapshot };
  'module.start': { params: StartParams; result: CommandResult };
  'module.stop': { params: ModuleParams; result: CommandResult };
  'module.switchover': { params: SwitchoverParams; result: CommandResult };
  'module.forcePrimary': { params: ForcePrimaryParams; result: CommandResult };
  'module.resolve': { params: ResolveParams; result: CommandResult };
  'module.verify': { params: VerifyParams; result: CommandResult };
  'module.repair': { params: RepairParams; result: CommandResult };
  'module.resync': { params: ResyncParams; result: CommandResult };
  'module.maintenance': { params: MaintenanceParams; result: CommandResult };
  'host.drain': { params: HostParams; result: CommandResult };
  'host.undrain': { params: HostParams; result: CommandResult };
  'host.fence': { params: FenceParams; result: CommandResult };
  'host.testFence': { params: HostParams; result: CommandResult };
  'configuration.apply': { params: ApplyParams; result: ApplyResult };
  'configuration.restore': { params: RestoreParams; result: ApplyResult };
  'configuration.versions': { params: VersionsParams; result: VersionsResult };
  'configuration.read': { params: VersionParams; result: VersionResult };
  'agent.upgrade': { params: UpgradeParams; result: UpgradeResult };
  'log.read': { params: LogParams; result: LogResult };
}

export type ApiMethod = keyof ApiMethods;

export interface ApiMethodContract {
  /** The least role that may call it. */
  readonly role: Role;
  readonly params: Validator;
  readonly result: Validator;
}

/** What both ends check of each method. */
export const apiMethods: { readonly [Method in ApiMethod]: ApiMethodContract } = {
  'session.hello': { role: 'viewer', params: validators.HelloParams, result: validators.HelloResult },
  'cluster.snapshot': { role: 'viewer', params: validators.SnapshotParams, result: validators.Snapshot },
  'cluster.subscribe': { role: 'viewer', params: validators.SubscribeParams, result: validators.Snapshot },
  'module.start': { role: 'operator', params: validators.StartParams, result: validators.CommandResult },
  'module.stop': { role: 'operator', params: validators.ModuleParams, result: validators.CommandResult },
  'module.switchover': { role: 'operator', params: validators.SwitchoverParams, result: validators.CommandResult },
  'module.forcePrimary': { role: 'admin', params: validators.ForcePrimaryParams, result: validators.CommandResult },
  'module.resolve': { role: 'admin', params: validators.ResolveParams, result: validators.CommandResult },
  'module.verify': { role: 'operator', params: validators.VerifyParams, result: validators.CommandResult },
  'module.resync': { role: 'operator', params: validators.ResyncParams, result: validators.CommandResult },
  'module.repair': { role: 'admin', params: validators.RepairParams, result: validators.CommandResult },
  'module.maintenance': { role: 'operator', params: validators.MaintenanceParams, result: validators.CommandResult },
  'host.drain': { role: 'operator', params: validators.HostParams, result: validators.CommandResult },
  'host.undrain': { role: 'operator', params: validators.HostParams, result: validators.CommandResult },
  'host.fence': { role: 'admin', params: validators.FenceParams, result: validators.CommandResult },
  'host.testFence': { role: 'operator', params: validators.HostParams, result: validators.CommandResult },
  'configuration.apply': { role: 'admin', params: validators.ApplyParams, result: validators.ApplyResult },
  'configuration.restore': { role: 'admin', params: validators.RestoreParams, result: validators.ApplyResult },
  'configuration.versions': { role: 'viewer', params: validators.VersionsParams, result: validators.VersionsResult },
  'configuration.read': { role: 'operator', params: validators.VersionParams, result: validators.VersionResult },
  'agent.upgrade': { role: 'admin', params: validators.UpgradeParams, result: validators.UpgradeResult },
  'log.read': { role: 'viewer', params: validators.LogParams, result: validators.LogResult },
};

const ranks: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, admin: 2 };

export function isRoleEnough(role: Role, least: Role): boolean {
  return ranks[role] >= ranks[least];
}

/** JSON-RPC 2.0 error codes that are used; refusals of this product are `refused`. */
export const rpcCodes = {
  parse: -32700,
  request: -32600,
  method: -32601,
  params: -32602,
  internal: -32603,
  refused: -32000,
} as const;

/** Longest message that an agent takes, bytes. */
export const longestRequest = 1024 * 1024;

/** The first thing that a validator found wrong, in a line for people. */
export function firstProblem(validator: Validator): string {
  const error = validator.errors?.[0];
  if (error === undefined) return 'it does not match the schema';
  const extra = error.params['additionalProperty'] ?? error.params['missingProperty'];
  const where = error.instancePath === '' ? 'it' : error.instancePath.slice(1).replaceAll('/', '.');
  if (error.keyword === 'additionalProperties') return `${where} has the unknown key "${String(extra)}"`;
  if (error.keyword === 'required') return `${where} lacks the key "${String(extra)}"`;
  return `${where} ${error.message ?? 'is wrong'}`;
}
