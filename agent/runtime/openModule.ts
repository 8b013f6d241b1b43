/** What a module's runtime on this host is made of. */
import { join } from 'node:path';
import type { ResolvedModule, ResolvedVirtualAddress } from '../../schemas/defaults.ts';
import type { LastVerify } from '../../schemas/generated/api.ts';
import type { LinkModule } from '../../schemas/generated/link.ts';
import type { VirtualAddress } from '../addresses/plan.ts';
import { VirtualAddresses } from '../addresses/virtualAddresses.ts';
import type { Arbiter } from '../arbiter/arbiter.ts';
import { probeOf } from '../checks/probeOf.ts';
import type { Configuration } from '../config/configuration.ts';
import type { HostDrain, Placement } from '../core/types.ts';
import type { HostFencing } from '../fencing/hostFencing.ts';
import type { HostLinks } from '../host/hostLinks.ts';
import { MirrorController } from '../mirror/controller.ts';
import type { MirrorOptions, MirrorSettings } from '../mirror/mirror.ts';
import { qemuFiles } from '../server/qemu/qemuArguments.ts';
import { QemuServer } from '../server/qemu/qemuServer.ts';
import { ScriptsServer } from '../server/scripts/scriptsServer.ts';
import type { VirtualServer } from '../server/virtualServer.ts';
import { coreConfig, peerOf } from './coreConfig.ts';
import type { CurrentConfiguration } from './currentConfiguration.ts';
import type { EventLog } from './eventLog.ts';
import { FailoversFile } from './failoversFile.ts';
import { MaintenanceFile } from './maintenanceFile.ts';
import { mirrorAddress } from './mirrorAddress.ts';
import { hasGuestAgent, letGoOf, settingsOf, type HandedModule } from './handOver.ts';
import { ModuleEnvironment } from './moduleEnvironment.ts';
import { ModuleHooks } from './moduleHooks.ts';
import { ModuleRuntime, type ModuleRuntimeOptions, type ModuleSettings, type PartSettings } from './moduleRuntime.ts';
import { ResyncFile } from './moduleResync.ts';
import { DesiredFile, DetectionFile, ResolutionFile } from './moduleState.ts';
import { VerifyFile } from './moduleVerify.ts';
import { ScheduleFile } from './verifySchedule.ts';

export interface ModuleParts {
  /** Asked anew for what may become another while a module is open, such as this host's addresses. */
  readonly configuration: CurrentConfiguration;
  readonly module: ResolvedModule;
  readonly arbiter: Arbiter;
  readonly links: HostLinks;
  readonly log: EventLog;
  readonly changed: (urgent: boolean) => void;
  readonly hostDrain: () => HostDrain | null;
  readonly fencing: Pick<HostFencing, 'fence'>;
  readonly placement: (module: string) => Placement | undefined;
  /** What a host has told of a module. */
  readonly told: (host: string, module: string) => LinkModule | null;
  /** Whether a host runs by other files than this one, as far as it has told. */
  readonly hasOtherFiles: (host: string) => boolean;
}

export async function openModule(parts: ModuleParts): Promise<ModuleRuntime> {
  return ModuleRuntime.start(optionsOf(parts));
}

/** Goes on with a module that an earlier program of this process served. */
export async function adoptModule(parts: ModuleParts, handed: HandedModule): Promise<ModuleRuntime> {
  const options = optionsOf(parts);
  if (options.settings !== handed.settings) {
    letGoOf(handed);
    throw new Error(
      `the files of ${handed.name} were changed while the agent was upgraded: its server is started anew`,
    );
  }
  return ModuleRuntime.adopt(options, handed);
}

/** The module's file is another one: what runs goes on by it. */
export function reconfigureModule(parts: ModuleParts, runtime: ModuleRuntime): void {
  runtime.reconfigure(settingsFor(parts), partsFor(parts));
}

/** What of the module's file may change while it runs. */
function settingsFor({ configuration, module, log }: ModuleParts): ModuleSettings {
  const { cluster, self } = configuration;
  const options = mirrorOptions(configuration, module);
  const checked = {
    module: module.name,
    host: self.name,
    directory: module.mirror.directory,
    guestAgent: qemuFiles(runDirectoryOf(configuration, module)).guestAgent,
  };
  return {
    config: coreConfig(cluster, module, self.name),
    checks: module.checks.map((check) => ({ check, probe: probeOf(check, checked) })),
    conditions: module.failover.conditions.map((condition) => ({ condition, probe: probeOf(condition, checked) })),
    resyncBandwidth: module.resync.bandwidth,
    verifyBandwidth: module.verify.bandwidth,
    failbackWindow: module.failover.failbackWindow,
    verifySchedule: module.verify.schedule,
    mirror: mirrorSettings(module),
    openMirror: () => MirrorController.open(options, spawnOptions(module, log)),
    settings: settingsOf(module),
  };
}

function partsFor({ configuration, module }: ModuleParts): PartSettings {
  return {
    hooks: module.hooks,
    addresses: module.virtualAddresses.map((each) => virtualAddress(configuration, each)),
    server: module.server,
  };
}

function optionsOf(parts: ModuleParts): ModuleRuntimeOptions {
  const { configuration, module, arbiter, links, log, changed, hostDrain, fencing, placement, told, hasOtherFiles } =
    parts;
  const { agent, self } = configuration;
  const peer = peerOf(module, self.name);
  const stateDirectory = join(agent.stateDirectory, 'modules', module.name);
  const environment = new ModuleEnvironment(peer);
  const { hooks, addresses } = partsFor(parts);
  return {
    ...settingsFor(parts),
    directories: module.mirror.directories,
    serverKind: module.server.kind,
    arbiter,
    adoptMirror: (handed) =>
      MirrorController.adopt(mirrorOptions(configuration, module), spawnOptions(module, log), handed),
    server: makeServer(configuration, module, log, environment),
    environment,
    hooks: new ModuleHooks({ module: module.name, host: self.name, hooks, environment, log }),
    addresses: new VirtualAddresses({
      host: self.name,
      addresses,
      log: (level, code, message) => log.add(level, module.name, code, message),
      onChange: () => changed(true),
    }),
    desired: new DesiredFile(stateDirectory),
    resolution: new ResolutionFile(stateDirectory),
    maintenance: new MaintenanceFile(stateDirectory),
    promisedDetection: new DetectionFile(stateDirectory),
    failovers: new FailoversFile(stateDirectory),
    verify: new VerifyFile(stateDirectory),
    resync: new ResyncFile(stateDirectory),
    scheduleFile: new ScheduleFile(stateDirectory),
    verifiedByPeer: () => (told(peer, module.name)?.lastVerify as LastVerify | null | undefined) ?? null,
    peerHasOtherFiles: () => hasOtherFiles(peer),
    log,
    hostDrain,
    fencePeer: () => fencing.fence(peer),
    placement: () => placement(module.name),
    mirrorAddress: () => mirrorAddress(configuration, links, peer),
    heardOn: () => links.heardOn(peer),
    onChange: changed,
  };
}

function mirrorOptions({ agent, self }: Configuration, module: ResolvedModule): MirrorOptions {
  return {
    module: module.name,
    host: self.name,
    directory: module.mirror.directory,
    furtherDirectories: module.mirror.directories.slice(1),
    stateDirectory: join(agent.stateDirectory, 'modules', module.name),
    exclude: module.mirror.exclude,
    resyncBandwidth: module.resync.bandwidth,
    ...mirrorSettings(module),
  };
}

function mirrorSettings({ mirror, resync }: ResolvedModule): MirrorSettings {
  const { acknowledgeTimeoutMs, directIo, processors } = mirror;
  return { acknowledgeTimeoutMs, directIo, processors, resyncUndo: resync.undo };
}

function spawnOptions({ name }: ResolvedModule, log: EventLog): { readonly onLog: (line: string) => void } {
  return { onLog: (line) => log.add('debug', name, 'MIRROR', line) };
}

function makeServer(
  configuration: Configuration,
  module: ResolvedModule,
  log: EventLog,
  environment: ModuleEnvironment,
): VirtualServer {
  const { agent, self } = configuration;
  const common = {
    module: module.name,
    host: self.name,
    directory: module.mirror.directory,
    log: (line: string) => log.add('info', module.name, 'SERVER', line),
  };
  return module.server.kind === 'qemu'
    ? new QemuServer({
        ...common,
        config: module.server,
        runDirectory: runDirectoryOf(configuration, module),
        hasGuestAgent: hasGuestAgent(module),
        cacheDirectory: agent.stateDirectory,
      })
    : new ScriptsServer({ ...common, config: module.server, environment: () => environment.variables() });
}

export function virtualAddress(
  { self }: Configuration,
  { address, prefixLength, network, interface: named }: ResolvedVirtualAddress,
): VirtualAddress {
  if (network === null) return { address, prefixLength, place: { kind: 'interface', name: named ?? '' } };
  const hostAddress = self.addresses.find((each) => each.network === network)?.address ?? '';
  return { address, prefixLength, place: { kind: 'network', name: network, hostAddress } };
}

function runDirectoryOf({ agent }: Configuration, module: ResolvedModule): string {
  return join(agent.runDirectory, module.name);
}
