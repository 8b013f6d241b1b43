import type { LinkVersion } from '../../schemas/generated/link.ts';
import { recordedModules, RecordStore } from '../arbiter/recordStore.ts';
import type { FairTurns } from '../arbiter/fairTurns.ts';
import type { SharedRoom } from '../arbiter/recordRoom.ts';
import { answerAsWitness } from '../arbiter/witness.ts';
import { HostLinks } from '../host/hostLinks.ts';
import { LinkAllowance } from '../host/linkAllowance.ts';
import type { SharedListener } from '../host/sharedListener.ts';
import { heartbeatMs, shortestDetectionMs } from '../runtime/liveness.ts';
import {
  agentClientOptions,
  agentContext,
  clusterServerName,
  explainTlsError,
  isCertifiedBy,
  peerHost,
  sharedServerOptions,
} from '../security/tlsOptions.ts';
import type { WitnessCluster } from './witnessCluster.ts';
import type { LogLine, WitnessLog } from './witnessLog.ts';

/** A proposal may be written to the disk, which takes as long as reading messages of so many bytes. */
const proposalCost = 64 << 10;

/** It runs by the files that it was given, and has no part in their versions. */
const noVersion: LinkVersion = { number: 0, hash: '', files: {}, edited: [], problem: null };

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
  readonly #parts: WitnessParts;
  readonly #links: HostLinks;

  constructor(of: WitnessCluster, recordsDirectory: string, parts: WitnessParts) {
    const { name, cluster, self, others, identity } = of;
    this.#of = of;
    this.#parts = parts;
    const room = parts.room.open(name, recordedModules(recordsDirectory).length);
    const records = new RecordStore(recordsDirectory, room);
    const toldOf = parts.log.of(name);
    const log: LogLine = (level, code, message) => {
      // Of the whole program, and told by the links of every cluster.
      if (code !== 'AGENT_STALLED') toldOf(level, code, message);
    };
    const allowance = new LinkAllowance();
    this.#links = new HostLinks({
      cluster: cluster.name,
      agentVersion: parts.agentVersion,
      self,
      others,
      port: cluster.ports.agent,
      heartbeatMs: heartbeatMs(cluster, []),
      detectionMs: shortestDetectionMs([]),
      security: {
        serverOptions: sharedServerOptions,
        clientOptions: (host) => agentClientOptions(identity, host),
        peerHost: (socket) =>
          peerHost(
            socket,
            others.map((host) => host.name),
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
      version: () => noVersion,
      onHeartbeat: () => undefined,
      onAnswered: () => undefined,
      onRequest: (_host, method, params) => {
        if (method !== 'arbiter.read' && method !== 'arbiter.propose') {
          return Promise.reject(new Error(`${self.name} is a witness only, it runs no modules`));
        }
        if (method === 'arbiter.propose') allowance.spend(proposalCost);
        return parts.turns.do(name, () => answerAsWitness(records, method, params));
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
    return this.#links.start();
  }

  async stop(): Promise<void> {
    await this.#links.stop();
    this.#parts.room.close(this.#of.name);
  }

  heard(): readonly HeardHost[] {
    return this.#of.others.map(({ name }) => ({
      name,
      reachable: this.#links.reachable(name),
      lastHeard: this.#links.lastSeen(name)?.toISOString() ?? null,
      agentVersion: this.#links.version(name),
    }));
  }
}
