import { startApiServer, type ApiServer } from '../api/apiServer.ts';
import type { Actor, AgentFacade, Outcome } from '../api/facade.ts';
import type { Enrol } from '../api/plainHttp.ts';
import { HandshakeGate } from '../host/handshakeGate.ts';
import { listenAddresses, type Configuration } from '../config/configuration.ts';
import type { VersionStore } from '../config/versions.ts';
import { ClientTokens } from '../security/clientTokens.ts';
import type { Identity } from '../security/identity.ts';
import { agentVersion } from '../version.ts';
import { auditTo } from './auditLog.ts';
import type { ClusterView } from './clusterView.ts';
import type { Commands } from './commands.ts';
import type { FenceCommands } from './fenceCommands.ts';
import type { HostCommands } from './hostCommands.ts';
import type { EventCounts } from './eventCounts.ts';
import type { EventLog } from './eventLog.ts';
import type { FileApply } from './fileApply.ts';
import { fileFacade } from './fileFacade.ts';
import type { HostFiles } from './hostFiles.ts';
import { isServing } from './isServing.ts';
import type { ModuleSlot } from './moduleSlot.ts';
import type { Upgrade } from './upgrade.ts';

/** Connections that one address may make at once, and per second: what watches many modules (`/ready/MODULE`) makes one for each. */
const connectionsAtOnce = 300;
const connectionsPerSecond = 100;

export interface ApiParts {
  readonly configuration: Configuration;
  readonly identity: Identity;
  /** Null: this host does not hold the authority's key. */
  readonly enrol: Enrol | null;
  readonly commands: Commands;
  readonly hostCommands: HostCommands;
  readonly fenceCommands: FenceCommands;
  readonly upgrade: Upgrade;
  readonly view: ClusterView;
  readonly log: EventLog;
  readonly eventCounts: EventCounts;
  readonly slots: readonly ModuleSlot[];
  readonly files: HostFiles;
  readonly fileApply: FileApply;
  readonly store: VersionStore;
}

/** Puts the agent behind its API. */
export function startApi(parts: ApiParts): Promise<ApiServer> {
  const { configuration, identity, enrol, log } = parts;
  const { agent, cluster } = configuration;
  const tokens = new ClientTokens(agent.stateDirectory);
  tokens.issueLocal();
  const gate = new HandshakeGate(connectionsAtOnce, connectionsPerSecond);
  return startApiServer({
    facade: facadeOf(parts),
    tokens,
    listen: listenAddresses(configuration),
    port: cluster.ports.api,
    identity: agent.api.tls ? identity : null,
    enrol,
    audit: auditTo(log),
    admits: (address) => gate.admits(address, performance.now()),
    warn: (message) => log.add('warn', null, 'API_ADDRESS', message),
    internalError: (error) =>
      log.add('error', null, 'API_FAILED', error instanceof Error ? (error.stack ?? error.message) : String(error)),
  });
}

function facadeOf(parts: ApiParts): AgentFacade {
  const { configuration, commands, hostCommands, fenceCommands, upgrade, view, log, slots } = parts;
  const run = (
    kind: 'stop' | 'switchover' | 'force' | 'resolve',
    module: string,
    host: string | null,
    by: Actor,
  ): Promise<Outcome> => commands.run(kind, module, host, by);
  return {
    host: configuration.self.name,
    cluster: configuration.cluster.name,
    agentVersion,
    snapshot: () => view.snapshot(),
    onChange: (listener) => view.onChange(listener),
    onLog: (listener) => log.onEntries((entries) => listener({ entries })),
    eventCounts: () => parts.eventCounts.all,
    readLog: (filter) => log.read(filter),
    start: (module, anyway, by) => commands.run('start', module, null, by, { anyway }),
    stop: (module, by) => run('stop', module, null, by),
    switchover: (module, to, by) => run('switchover', module, to, by),
    forcePrimary: (module, host, by) => run('force', module, host, by),
    resolve: (module, keep, by) => run('resolve', module, keep, by),
    verify: (module, bandwidth, by) => commands.run('verify', module, null, by, { bandwidth }),
    stopVerify: (module, by) => commands.run('stopVerify', module, null, by),
    pauseResync: (module, by) => commands.run('pauseResync', module, null, by),
    resumeResync: (module, bandwidth, by) => commands.run('resumeResync', module, null, by, { bandwidth }),
    paceResync: (module, bandwidth, by) => commands.run('paceResync', module, null, by, { bandwidth }),
    repair: (module, verifiedAt, by) => commands.run('repair', module, null, by, { verifiedAt }),
    beginMaintenance: (module, forMs, reason, by) =>
      commands.run('beginMaintenance', module, null, by, { forMs, reason }),
    endMaintenance: (module, by) => commands.run('endMaintenance', module, null, by),
    drain: (host, by) => hostCommands.run('drain', host, by),
    undrain: (host, by) => hostCommands.run('undrain', host, by),
    fence: (host, confirm, by) => fenceCommands.fence(host, confirm, by),
    testFence: (host, by) => fenceCommands.test(host, by),
    upgrade: async (onlyLook, by) => {
      const startedAt = performance.now();
      const asked = onlyLook ? 'whether the agent can be upgraded is' : 'an upgrade of the agent is';
      log.add('info', null, 'COMMAND', `${asked} asked by ${by.name} (${by.role}) from ${by.from}`);
      const outcome = await upgrade.begin(onlyLook);
      const durationMs = Math.round(performance.now() - startedAt);
      if (outcome.ok) {
        const { message, toVersion, modules } = outcome;
        log.add('info', null, 'COMMAND_DONE', `upgrade: ${message}`, { durationMs });
        return {
          ok: true,
          result: { durationMs, message, upgrade: outcome.upgrade, toVersion, modules: [...modules] },
        };
      }
      const { code, reason, numbers } = outcome;
      log.add('warn', null, 'COMMAND_REFUSED', `upgrade: ${reason}`, { refusal: code, durationMs });
      return { ok: false, refusal: { code, reason, numbers: { ...numbers } } };
    },
    ...fileFacade(parts),
    isServing: (module) => {
      const runtime = slots.find((slot) => slot.module.name === module)?.runtime;
      return runtime ? isServing(runtime) : false;
    },
  };
}
