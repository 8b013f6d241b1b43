import type { ConnectionOptions, TLSSocket, TlsOptions } from 'node:tls';
import type { LinkAllowance } from './linkAllowance.ts';
import type { Liveness } from './suspicion.ts';
import type { Amount } from '../../schemas/capacity.ts';
import type { LinkModule, LinkRequest, LinkVersion } from '../../schemas/generated/link.ts';

export interface LivenessNews {
  readonly liveness: Liveness;
  readonly before: Liveness;
  /** The longest silence since it was last alive, milliseconds. */
  readonly longestMs: number;
  /** The networks on which it is listened for. */
  readonly networks: readonly string[];
}

export interface LinkHost {
  readonly name: string;
  readonly addresses: readonly { readonly network: string; readonly address: string }[];
}

/** Where a host's connections come in. */
export interface LinkAcceptor {
  /** Rejects with a clear error when a port is in use. */
  start(onAccepted: (socket: TLSSocket, network: string) => void): Promise<void>;
  /** This host has other addresses now. */
  change(self: Pick<LinkHost, 'addresses'>): Promise<void>;
  /** This host has another certificate now. Not there: whoever serves it is made anew. */
  renew?(): void;
  stop(): Promise<void>;
}

/** How connections are authenticated; given from outside, so that this part knows nothing of files and keys. */
export interface LinkSecurity {
  serverOptions(): TlsOptions;
  clientOptions(host: string): ConnectionOptions;
  /** The host at the other end of an accepted connection, or why it is not one of ours. */
  peerHost(
    socket: TLSSocket,
  ): { readonly ok: true; readonly host: string } | { readonly ok: false; readonly reason: string };
  explain(error: unknown, peer: string): string;
}

/** What may change while the links are up. */
export type LinkNetwork = Pick<HostLinksOptions, 'self' | 'others' | 'heartbeatMs' | 'detectionMs'>;

export interface HostLinksOptions {
  readonly cluster: string;
  readonly agentVersion: string;
  readonly self: LinkHost;
  /** What this host's system counts; not there: it takes no modules. */
  readonly capacity?: Amount;
  readonly others: readonly LinkHost[];
  readonly port: number;
  readonly heartbeatMs: number;
  /** The shortest detection time of the modules that this host shares with another one, or would see fail over. */
  readonly detectionMs: number;
  readonly security: LinkSecurity;
  /** Where connections come in, when not on a listener of its own. */
  readonly acceptor?: LinkAcceptor;
  /** What the other hosts may ask for, when this program serves others as well. */
  readonly allowance?: LinkAllowance;
  /** What goes out with every heartbeat to a host that takes modules. */
  readonly modules: (host: string) => Record<string, LinkModule>;
  /** Which files this host runs by: the same object as long as nothing of it has changed. */
  readonly version: () => LinkVersion;
  /** Once for each heartbeat, before it is answered. It is not when this throws: the answer renews the leases of what that host serves. */
  readonly onHeartbeat: (host: string, modules: Record<string, LinkModule>, version: LinkVersion) => void;
  /** The peer answered a heartbeat that was sent at `sentAt` (monotonic milliseconds). */
  readonly onAnswered: (host: string, sentAt: number) => void;
  readonly onRequest: (
    host: string,
    method: LinkRequest['method'],
    params: Record<string, unknown>,
  ) => Promise<Record<string, unknown>>;
  /** The first connection to a host is up, or the last one is gone. */
  readonly onReachable: (host: string, reachable: boolean, reason: string) => void;
  /** A host is late, is taken for failed, or is steadily heard again. */
  readonly onLiveness: (host: string, news: LivenessNews) => void;
  readonly log: (level: 'info' | 'warn', code: string, message: string) => void;
}
