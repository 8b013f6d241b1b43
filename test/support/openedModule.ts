import type { Arbiter } from '../../agent/arbiter/arbiter.ts';
import type { LineageEntry, ModuleConfig } from '../../agent/core/types.ts';
import type { MirrorController } from '../../agent/mirror/controller.ts';
import type { EventLog } from '../../agent/runtime/eventLog.ts';
import { FailoversFile } from '../../agent/runtime/failoversFile.ts';
import { MaintenanceFile } from '../../agent/runtime/maintenanceFile.ts';
import { ModuleEnvironment } from '../../agent/runtime/moduleEnvironment.ts';
import { ModuleHooks } from '../../agent/runtime/moduleHooks.ts';
import { ResyncFile } from '../../agent/runtime/moduleResync.ts';
import { ModuleRuntime, type ModuleRuntimeOptions } from '../../agent/runtime/moduleRuntime.ts';
import { DesiredFile, DetectionFile, ResolutionFile } from '../../agent/runtime/moduleState.ts';
import { VerifyFile } from '../../agent/runtime/moduleVerify.ts';
import { ScheduleFile } from '../../agent/runtime/verifySchedule.ts';

/** Of the module that {@link openModule} opens. */
export const moduleConfig: ModuleConfig = {
  ...{ module: 'web', self: 'alpha', peer: 'beta', hosts: ['alpha', 'beta'], arbiter: 'witness', automatic: true },
  ...{ withoutArbiter: 'manual', detectionMs: 3000, restarts: 3, restartPeriodMs: 600_000, maxFailovers: 5 },
  ...{ failoverPeriodMs: 86_400_000, failback: 'manual', failbackAfterMs: 600_000, onDiskError: 'switchover' },
  ...{ conditionsSettleMs: 5000, fencePeer: 'never' },
};

/** What of it may become another while it is open. */
export const moduleSettings = {
  ...{ checks: [], conditions: [], resyncBandwidth: null, verifyBandwidth: null },
  ...{ verifySchedule: 'never', failbackWindow: 'always', mirror: {}, settings: '' },
};

/** What is kept of a module in this directory. */
export const moduleFiles = (state: string) => ({
  desired: new DesiredFile(state),
  resolution: new ResolutionFile(state),
  maintenance: new MaintenanceFile(state),
  promisedDetection: new DetectionFile(state),
  failovers: new FailoversFile(state),
});

/** A module of this arbiter on alpha, without a mirror process and a server. */
export async function openModule(
  state: string,
  log: EventLog,
  arbiter: Partial<Arbiter>,
  lineage: readonly LineageEntry[] = [],
): Promise<ModuleRuntime> {
  const environment = new ModuleEnvironment('beta');
  const mirror = {
    events: () => undefined,
    record: () => Promise.resolve({ lineage, consistent: true }),
    close: () => Promise.resolve(),
  } as unknown as MirrorController;
  const server = {
    events: () => undefined,
    reap: () => Promise.resolve([]),
    state: () => 'stopped',
    processGroups: () => [],
    reconfigure: () => undefined,
  };
  const options = {
    ...moduleFiles(state),
    ...moduleSettings,
    ...{ config: moduleConfig, directories: [], serverKind: 'scripts', log, environment },
    openMirror: () => Promise.resolve(mirror),
    arbiter,
    ...{ server, addresses: { clear: () => Promise.resolve(), change: () => Promise.resolve(), held: [] } },
    hooks: new ModuleHooks({
      ...{ module: 'web', host: 'alpha', environment, log },
      hooks: { programs: {}, timeoutMs: 1000 },
    }),
    ...{ verify: new VerifyFile(state), resync: new ResyncFile(state), scheduleFile: new ScheduleFile(state) },
    ...{
      verifiedByPeer: () => null,
      peerHasOtherFiles: () => false,
      hostDrain: () => null,
      placement: () => undefined,
      heardOn: () => [],
    },
    mirrorAddress: () => null,
    onChange: () => undefined,
  };
  return ModuleRuntime.start(options as unknown as ModuleRuntimeOptions);
}
