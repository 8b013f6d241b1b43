import type { FairTurns } from '../arbiter/fairTurns.ts';
import { recordedModules, RecordFolder } from '../arbiter/recordFolder.ts';
import type { SharedRoom } from '../arbiter/recordRoom.ts';
import { HostLinks } from '../host/hostLinks.ts';
import type { LinkNetwork } from '../host/linkOptions.ts';
import { LinkAllowance } from '../host/linkAllowance.ts';
import type { SharedListener } from '../host/sharedListener.ts';
import { heartbeatMs, shortestDetectionMs } from '../runtime/liveness.ts';
import { endNotice, renewal } from '../security/certificateEnd.ts';
import {
  agentClientOptions,
  agentContext,
  clusterServerName,
  explainTlsError,
  isCertifiedBy,
  peerHost,
  sharedServerOptions,
} from '../security/tlsOptions.ts';
import { ClusterRecords } from './clusterRecords.ts';
import { joinCommand, type WitnessCluster, type WitnessNetwork } from './witnessCluster.ts';
import { WitnessFiles } from './witnessFiles.ts';
import type { WitnessFolder } from './witnessFolder.ts';
import type { LogLine, WitnessLog } from './witnessLog.ts';

/** A proposal may be written to the disk, which takes as long as reading messages of so many bytes. */
const proposalCost = 64 << 10;

/** What all clusters of a witness share. */
export interface WitnessParts {
  readonly agentVersion: string;
  readonly listener: SharedListener;
  readonly room: SharedRoom;
  readonly turns: FairTurns;
  readonly log: WitnessLog;
}

export interface HeardHost {
  readonly name: string;
  readonly reachable: boolean;
  /** ISO 8601; null: never since the witness was started. */
  readonly lastHeard: string | null;
  readonly agentVersion: string | null;
}

/** The witness of one cluster: its records, and the links to its hosts. Of other clusters it knows nothing. */
export class ServedCluster {
  readonly #of: WitnessCluster;
  readonly #records: ClusterRecords;
  readonly #links: HostLinks;

  readonly #log: LogLine;
  readonly #files: WitnessFiles;
  readonly #port: number;
  #couldNotChange = false;
  #stopped = false;
  /** One change after the other, and none once it is stopped: its place in the listener may be another one's then. */
  #changes: Promise<void> = Promise.resolve();

  /** @param installation what of the folder it is, so that nothing is written once another cluster is there by its name */
  constructor(of: WitnessCluster, folder: WitnessFolder, installation: string, parts: WitnessParts) {
    const { name, cluster, self, identity } = of;
    this.#of = of;
    this.#port = cluster.ports.agent;
    const directory = folder.recordsDirectory(name);
    const place = new RecordFolder(directory);
    const records = new ClusterRecords(name, place, recordedModules(directory), parts.room);
    this.#records = records;
    const toldOf = parts.log.of(name);
    const log: LogLine = (level, code, message) => {
      // Of the whole program, and told by the links of every cluster.
      if (code !== 'AGENT_STALLED') toldOf(level, code, message);
    };
    this.#log = log;
    const allowance = new LinkAllowance();
    this.#files = new WitnessFiles({
      of,
      save: (file, held) => folder.takeOver(name, installation, file, held),
      request: (host, method, timeoutMs) => this.#links.request(host, method, {}, timeoutMs),
      inTurn: (cost, work) => {
        allowance.spend(cost);
        return parts.turns.do(name, work);
      },
      onTold: () => this.#links.hurry(),
      onNetwork: (network) => this.#change(network),
      log,
    });
    this.#links = new HostLinks({
      cluster: cluster.name,
      agentVersion: parts.agentVersion,
      ...linkNetwork(of),
      port: cluster.ports.agent,
      security: {
        serverOptions: sharedServerOptions,
        clientOptions: (host) => agentClientOptions(identity, host),
        peerHost: (socket) =>
          peerHost(
            socket,
            this.#files.network.others.map((host) => host.name),
          ),
        explain: explainTlsError,
      },
      acceptor: parts.listener.acceptorOf({
        serverName: clusterServerName(identity.authority),
        self,
        port: cluster.ports.agent,
        context: agentContext(identity),
        isCertified: (socket) => isCertifiedBy(socket, identity.authority),
        log,
      }),
      allowance,
      modules: () => ({}),
      version: () => this.#files.told,
      onHeartbeat: (host, _modules, version) => this.#files.heard(host, version),
      onAnswered: () => undefined,
      onRequest: (_host, method, params) => {
        if (method.startsWith('configuration.')) return this.#files.answer(method, params);
        if (method !== 'arbiter.read' && method !== 'arbiter.propose') {
          return Promise.reject(new Error(`${self.name} is a witness only, it runs no modules`));
        }
        if (method === 'arbiter.propose') allowance.spend(proposalCost);
        return parts.turns.do(name, () => records.answer(method, params));
      },
      onReachable: (host, reachable, reason) => {
        if (reachable) log('info', 'HOST_UP', `${host} is reachable: ${reason}`);
        else log('warn', 'HOST_DOWN', `${host} is not reachable: ${reason}`);
      },
      onLiveness: () => undefined,
      log,
    });
  }

  start(): Promise<void> {
    this.warnOfEnd();
    return this.#links.start();
  }

  /** Says it when this host's certificate in the cluster ends soon. */
  warnOfEnd(now = new Date()): void {
    const { self, identity } = this.#of;
    const advice = renewal(self.name, joinCommand);
    const notice = endNotice(self.name, identity.expires, identity.authority, advice, now);
    if (notice !== null) this.#log('warn', 'CERTIFICATE_ENDS', notice);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#changes;
    await this.#links.stop();
    this.#records.close();
  }

  /** Whether it has to be stopped and started again to go on by its files: it can change all but the port while it runs. */
  get isOutdated(): boolean {
    return this.#couldNotChange || this.#files.network.cluster.ports.agent !== this.#port;
  }

  #change(network: WitnessNetwork): Promise<void> {
    this.#changes = this.#changes.then(async () => {
      if (this.#stopped) return;
      try {
        await this.#links.change(linkNetwork(network));
      } catch (error) {
        this.#couldNotChange = true;
        this.#log('warn', 'FILES_NOT_IN_EFFECT', error instanceof Error ? error.message : String(error));
      }
    });
    return this.#changes;
  }

  heard(): readonly HeardHost[] {
    return this.#files.network.others.map(({ name }) => ({
      name,
      reachable: this.#links.reachable(name),
      lastHeard: this.#links.lastSeen(name)?.toISOString() ?? null,
      agentVersion: this.#links.version(name),
    }));
  }
}

function linkNetwork({ cluster, self, others }: WitnessNetwork): LinkNetwork {
  return { self, others, heartbeatMs: heartbeatMs(cluster, []), detectionMs: shortestDetectionMs([]) };
}
