/** The composition root: read it top to bottom and you know the daemon. */
import { join } from 'node:path';
import { clusterChanges } from '../schemas/changeEffect.ts';
import { witnessesOf } from '../schemas/defaults.ts';
import type { ApiServer } from './api/apiServer.ts';
import { RecordFolder } from './arbiter/recordFolder.ts';
import { RecordStore } from './arbiter/recordStore.ts';
import { answerAsWitness } from './arbiter/witness.ts';
import { listenAddresses, loadConfiguration, readAgentFile } from './config/configuration.ts';
import { PendingFile } from './config/pendingVersion.ts';
import { VersionStore } from './config/versions.ts';
import { mayBeTakenBy, wantsFenced } from './core/fencingPeer.ts';
import type { PeerStatus } from './core/types.ts';
import { HostFencing } from './fencing/hostFencing.ts';
import { HostLinks } from './host/hostLinks.ts';
import type { LinkNetwork } from './host/linkOptions.ts';
import { RESUME_VERSION } from './mirror/ipc.ts';
import { CertificateCare } from './runtime/certificateCare.ts';
import { ClusterView } from './runtime/clusterView.ts';
import { Commands } from './runtime/commands.ts';
import { makeEnrol } from './runtime/enrol.ts';
import { doAll } from './runtime/doAll.ts';
import { CurrentConfiguration } from './runtime/currentConfiguration.ts';
import { drainedModules } from './runtime/drainedModules.ts';
import { DrainFile } from './runtime/drainFile.ts';
import { exemptFromOutOfMemoryKiller } from './platform/outOfMemory.ts';
import { ServiceManager } from './platform/serviceManager.ts';
import { EventCounts } from './runtime/eventCounts.ts';
import { EventLog } from './runtime/eventLog.ts';
import { exportEvents } from './runtime/exportEvents.ts';
import { FileApply, isAboutFiles } from './runtime/fileApply.ts';
import { letGoOf, readHandOver, settingsOf, HAND_OVER_VERSION, type TakeOverOffer } from './runtime/handOver.ts';
import { hostsWithSay } from './runtime/filesSay.ts';
import { FenceCommands } from './runtime/fenceCommands.ts';
import { HostCommands } from './runtime/hostCommands.ts';
import { HostDrain } from './runtime/hostDrain.ts';
import { HostWatchdog } from './runtime/hostWatchdog.ts';
import { HostFiles } from './runtime/hostFiles.ts';
import type { ModuleRuntime } from './runtime/moduleRuntime.ts';
import { ModuleSlots } from './runtime/moduleSlots.ts';
import { leaveInOrder } from './runtime/leaveInOrder.ts';
import { beatsMoreOften, heartbeatMs, livenessNotice, shortestDetectionMs } from './runtime/liveness.ts';
import { stopTimeMs } from './runtime/moduleTimes.ts';
import { isOtherArbiter } from './runtime/arbiterCheck.ts';
import { openArbiter, type OpenArbiter } from './runtime/openArbiter.ts';
import { ownCapacity, Placements } from './runtime/placements.ts';
import { startApi } from './runtime/startApi.ts';
import { ToldModules } from './runtime/toldModules.ts';
import { Upgrade } from './runtime/upgrade.ts';
import { EtcdFiles } from './security/etcdFiles.ts';
import type { HostSubject } from './security/certificates.ts';
import { loadAuthority, loadIdentity } from './security/identity.ts';
import { renewWhereCertified } from './security/renew.ts';
import { agentClientOptions, agentServerOptions, explainTlsError, peerHost } from './security/tlsOptions.ts';
import { agentVersion } from './version.ts';

/** How long a module may take to leave when the agent is told to stop, on top of its server's own time-out. */
const leaveLimitMs = 20_000;
/** After modules were handed over, the peer learns of it with a heartbeat before the links go down. */
const farewellMs = 300;

/** Runs the agent until `signal` aborts, then stops in order. Resolves with the process's exit code. */
export async function runAgent(options: { configDirectory: string; signal: AbortSignal }): Promise<number> {
  const loaded = await loadConfiguration(options.configDirectory);
  for (const each of loaded.diagnostics) {
    process.stderr.write(
      `${each.file}:${String(each.line)}:${String(each.column)}: ${each.severity}: ${each.message}\n`,
    );
  }
  if (!loaded.ok) return 1;
  const configuration = new CurrentConfiguration(loaded.configuration);
  const { agent, cluster, self } = configuration;
  // Should anything below fail, this process ends, and the mirror processes end the servers: as after any death of the agent.
  const handed = readHandOver();
  const certified = (): HostSubject => ({
    host: configuration.self.name,
    addresses: configuration.self.addresses.map(({ address }) => address),
  });
  // What is in the way of it is told further below, where it is tried again: the old one may be good for a while.
  const isRenewed = await renewWhereCertified(options.configDirectory, certified(), new Date()).catch(() => false);
  const identity = loadIdentity(options.configDirectory, self.name);
  exemptFromOutOfMemoryKiller();

  const log = new EventLog(join(agent.stateDirectory, 'log.jsonl'), self.name, agent.logLevel);
  const eventCounts = new EventCounts(log, (name) => configuration.modules.some((module) => module.name === name));
  const manager = new ServiceManager(process.env);
  // A program that hangs decides nothing any more: without a sign of life the service manager ends it, and its mirror processes end what they carry.
  // They keep nothing alive: one that cannot start has to end.
  const signs = manager.aliveEveryMs === null ? null : setInterval(() => manager.alive(), manager.aliveEveryMs).unref();
  const exported = exportEvents(cluster.name, agent.events, log);
  log.add('info', null, 'AGENT_STARTED', `agent ${agentVersion} of ${self.name} in cluster ${cluster.name}`);
  if (isRenewed) log.add('info', null, 'CERTIFICATE_RENEWED', `${self.name} has made itself a new certificate`);
  for (const each of loaded.diagnostics) {
    log.add(
      each.severity === 'error' ? 'error' : 'warn',
      null,
      'CONFIGURATION',
      `${each.file}:${String(each.line)}: ${each.message}`,
    );
  }
  const records = new RecordStore(new RecordFolder(join(agent.stateDirectory, 'arbiter')));

  const slots: ModuleSlots = new ModuleSlots({
    host: self.name,
    partsOf: (module) => ({
      configuration,
      module,
      arbiter: opened.of(module),
      links,
      log,
      changed,
      hostDrain: () => drain.state,
      fencing,
      placement: (name) => placements.of(name),
      told: (host, name) => view.told(host, name),
      hasOtherFiles: (host) => (view.versionOf(host)?.hash ?? files.hash) !== files.hash,
    }),
    log,
    onChange: () => view.changed(),
  });
  const runtimes = (): ModuleRuntime[] => slots.all.flatMap((slot) => (slot.runtime ? [slot.runtime] : []));
  const sharedWith = (host: string): ModuleRuntime[] => runtimes().filter(({ core }) => core.config.peer === host);
  const told = new ToldModules();
  const network = (): LinkNetwork => ({
    self: configuration.self,
    others: configuration.others,
    heartbeatMs: heartbeatMs(configuration.cluster, configuration.modules),
    detectionMs: shortestDetectionMs(configuration.modules),
  });
  const links: HostLinks = new HostLinks({
    cluster: cluster.name,
    agentVersion,
    capacity: ownCapacity(),
    ...network(),
    port: cluster.ports.agent,
    security: {
      serverOptions: () => agentServerOptions(care.identity),
      clientOptions: (host) => agentClientOptions(care.identity, host),
      peerHost: (socket) =>
        peerHost(
          socket,
          configuration.others.map((host) => host.name),
        ),
      explain: explainTlsError,
    },
    modules: (host) => told.of(host, runtimes(), care.identity.expires),
    version: () => files.told,
    onHeartbeat: (host, modules, version) => {
      const hear = (runtime: ModuleRuntime) => (): void =>
        runtime.peerHeard((modules[runtime.name]?.status as PeerStatus | undefined) ?? null);
      doAll([
        ['fencing', () => fencing.heard(host)],
        ['view', () => view.heard(host, modules, version)],
        ['files', () => fileApply.heard(host, version)],
        ...sharedWith(host).map((runtime) => [runtime.name, hear(runtime)] as const),
      ]);
    },
    onAnswered: (host, sentAt) =>
      doAll(sharedWith(host).map((runtime) => [runtime.name, () => runtime.heartbeatAnswered(sentAt)])),
    onRequest: async (host, method, params) => {
      if (method === 'module.command') return commands.answer(host, params);
      if (method === 'host.command') return hostCommands.answer(host, params);
      if (isAboutFiles(method)) return fileApply.answer(host, method, params);
      if (method === 'arbiter.copy') throw new Error('records travel with heartbeats');
      if (!witnessesOf(configuration.cluster).includes(self.name)) {
        throw new Error(`${self.name} is no witness of this cluster: ${host} has another cluster file`);
      }
      return Promise.resolve(answerAsWitness(records, method, params));
    },
    onReachable: (host, reachable, reason) => {
      log.add(
        reachable ? 'info' : 'warn',
        null,
        reachable ? 'HOST_UP' : 'HOST_DOWN',
        `${host} is ${reachable ? 'reachable' : 'not reachable'}: ${reason}`,
      );
      if (reachable && witnessesOf(configuration.cluster).includes(host)) arbiterReturned();
      view.changed();
    },
    onLiveness: (host, news) => {
      const notice = livenessNotice(host, news);
      if (notice) log.add(notice.level, null, notice.code, notice.message);
      view.changed();
    },
    log: (level, code, message) => log.add(level, null, code, message),
  });
  const care: CertificateCare = new CertificateCare({
    configDirectory: options.configDirectory,
    self: certified,
    identity,
    onNew: (renewed) => {
      // What carries no modules is seen with its new certificate at once; the others tell of theirs.
      links.renew(slots.all.some(({ isOurs }) => isOurs) ? 'keep' : 'replace');
      api?.renew(renewed);
    },
    log: (level, code, message) => log.add(level, null, code, message),
  });
  const arbiterReturned = (): void => {
    for (const runtime of runtimes()) runtime.arbiterReturned();
  };
  const openIt = (): OpenArbiter =>
    openArbiter({
      configuration,
      identity,
      links,
      records,
      recordKnownOf: (name) =>
        runtimes()
          .find((runtime) => runtime.name === name)
          ?.peerStatus().record ?? null,
      onReturned: arbiterReturned,
      onChange: () => view.changed(),
      log,
    });
  let opened = openIt();
  const drain: HostDrain = new HostDrain({
    host: self.name,
    file: new DrainFile(agent.stateDirectory),
    log,
    modules: () => drainedModules(slots.all),
    whyNotAll: (to, names) => placements.whyNotAll(to, names, (module) => view.primaryOf(module)),
    onChange: () => changed(true),
  });
  const hostNames = (): string[] => configuration.cluster.hosts.map(({ name }) => name);
  const fencing: HostFencing = new HostFencing({
    self: self.name,
    fence: () => configuration.cluster.fence,
    hosts: hostNames,
    peers: () =>
      configuration.others
        .map(({ name }) => name)
        .filter((name) => configuration.modules.some(({ hosts }) => hosts.includes(self.name) && hosts.includes(name))),
    isWanted: (host) => runtimes().some(({ core }) => wantsFenced(host, core)),
    mayFenceThis: (host, since) => runtimes().some(({ core }) => mayBeTakenBy(host, core, performance.now(), since)),
    log: (level, code, message) => log.add(level, null, code, message),
    onChange: () => view.changed(),
  });
  const placements = new Placements({
    self: self.name,
    slots: slots.all,
    stated: () => configuration.cluster.capacity,
    counted: (host) => links.capacity(host),
    // By the time at which a host is taken for failed nothing that it told counts any more.
    heard: (host, module) => view.lately(host, module, 0.9 * shortestDetectionMs(configuration.modules)),
    log,
  });
  const view: ClusterView = new ClusterView({
    configuration,
    agentVersion,
    links,
    slots: slots.all,
    placements,
    hostDrain: () => drain.state,
    fenceStatus: (host) => fencing.status(host),
    version: () => files.told,
    ownCertificateEnd: () => care.identity.expires,
    certificateNotice: (host, end) => care.notice(host, end),
    arbiterReachable: () => opened.reachable(),
  });
  const commands = new Commands(self.name, slots.all, links, view, log, () => hostsWithSay(configuration));
  const pairs = (): string[] => slots.all.flatMap(({ module }) => module.hosts);
  const hostCommands = new HostCommands(self.name, hostNames, pairs, links, drain, log);
  const changed = (urgent: boolean): void => {
    if (urgent) links.hurry();
    view.changed();
  };

  let api: ApiServer | null = null;
  const store = new VersionStore(agent.stateDirectory);
  const files: HostFiles = new HostFiles({
    configuration,
    agentFile: await readAgentFile(options.configDirectory),
    store,
    slots: slots.all,
    pending: new PendingFile(agent.stateDirectory),
    hold: (reason, names) => slots.hold(reason, names),
    heardOn: (host) => links.networks(host).flatMap(({ network, up }) => (up ? [network] : [])),
    log,
    takeEffect: async (before) => {
      if (isOtherArbiter(before.cluster, configuration.cluster)) {
        // No module is open at this moment.
        opened.close();
        opened = openIt();
        await opened.start();
      }
      // Heartbeats become more frequent before anybody waits for less of them.
      if (beatsMoreOften(before, configuration)) await links.change(network());
      await slots.change(configuration.modules);
      await links.change(network());
      await api?.change(listenAddresses(configuration)).catch((error: unknown) => {
        log.add('error', null, 'API_ADDRESS', error instanceof Error ? error.message : String(error));
      });
      const keys = clusterChanges(before.cluster, configuration.cluster).map(({ key }) => key);
      if (keys.some((key) => key.startsWith('fence'))) fencing.start();
      // Virtual addresses stand where this host has its own.
      if (keys.some((key) => /^(fence|hosts|networks)\b/.test(key))) await slots.reconfigure();
      links.hurry();
    },
    onChange: () => changed(true),
  });
  const fileApply: FileApply = new FileApply({
    configuration,
    files,
    links,
    toldBy: (host) => view.versionOf(host),
    read: (number) => store.read(number),
    log,
  });

  for (const module of configuration.modules) {
    const left = handed?.modules.find(({ name }) => module.hosts.includes(self.name) && name === module.name);
    slots.add(module, left);
  }
  for (const each of handed?.modules ?? []) {
    if (slots.of(each.name)?.isOurs) continue;
    letGoOf(each);
    log.add(
      'error',
      each.name,
      'MODULE_GONE',
      `${each.name} is not a module of this host any more: its server is ended`,
    );
  }
  const watchdog = new HostWatchdog({
    host: self.name,
    device: agent.watchdog.device,
    timeoutMs: agent.watchdog.timeoutMs,
    modules: runtimes,
    log: (level, code, message) => log.add(level, null, code, message),
  });
  // What an earlier program has started runs; otherwise it is not started before this one is known to be able to work.
  if (handed || watchdog.isRunning) watchdog.start();
  const upgrade = new Upgrade({ configuration, slots: slots.all, log, exported, signal: options.signal });

  try {
    // What is in doubt is so before anybody can ask this host for anything.
    await files.start();
    await links.start();
    await opened.start();
    api = await startApi({
      configuration,
      identity,
      enrol: makeEnrol(configuration),
      commands,
      hostCommands,
      fenceCommands: new FenceCommands(self.name, hostNames, fencing, log),
      upgrade,
      view,
      log,
      eventCounts,
      slots: slots.all,
      files,
      fileApply,
      store,
    });
  } catch (error) {
    // An agent that cannot be reached must not look alive to the others.
    view.close();
    opened.close();
    await links.stop();
    throw error;
  }
  await care.start();
  await Promise.all(slots.all.map((slot) => slot.start()));
  fencing.start();
  watchdog.start();
  log.add('info', null, 'AGENT_READY', `agent of ${self.name} is ready`);
  if (handed) upgrade.report(handed);
  manager.ready();

  await aborted(options.signal);
  manager.stopping();

  log.add(
    'info',
    null,
    'AGENT_STOPPING',
    `agent of ${self.name} stops: modules with a healthy secondary are handed over, the others stopped`,
  );
  await leaveInOrder(
    self.name,
    slots.all,
    (slot) => slot.shutdown(leaveLimitMs + stopTimeMs(slot.module)),
    (host, name) => view.lately(host, name)?.status.serverRunning ?? null,
  );
  links.hurry();
  await new Promise((resolve) => setTimeout(resolve, farewellMs));
  await api.close();
  await Promise.all(slots.all.map((slot) => slot.close()));
  files.close();
  watchdog.stop();
  view.close();
  fencing.close();
  care.stop();
  opened.close();
  await links.stop();
  log.add('info', null, 'AGENT_STOPPED', `agent of ${self.name} has stopped`);
  await exported.stop();
  if (signs) clearInterval(signs);
  return 0;
}

/** Whether this program could take over from an agent that runs with these files: what `understudy upgrade` asks before it stops anything. */
export async function offerTakeOver(configDirectory: string): Promise<TakeOverOffer | string> {
  const loaded = await loadConfiguration(configDirectory);
  if (!loaded.ok) {
    const [first] = loaded.diagnostics.filter(({ severity }) => severity === 'error');
    return first ? `${first.file}:${String(first.line)}: ${first.message}` : 'the configuration cannot be used';
  }
  const { cluster, self, modules } = loaded.configuration;
  try {
    // Should it not be able to use them, it would say so when the one before has ended already.
    loadIdentity(configDirectory, self.name);
    loadAuthority(configDirectory);
    if (cluster.arbiter.kind === 'etcd') new EtcdFiles(cluster.arbiter);
  } catch (error) {
    return (error as Error).message;
  }
  return {
    takes: [HAND_OVER_VERSION],
    resumes: RESUME_VERSION,
    agentVersion,
    host: self.name,
    cluster: cluster.name,
    modules: modules
      .filter(({ hosts }) => hosts.includes(self.name))
      .map((module) => ({ name: module.name, settings: settingsOf(module) })),
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
