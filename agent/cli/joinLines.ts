import type { ResolvedCluster, ResolvedHost } from '../../schemas/defaults.ts';
import { fingerprint } from '../security/certificates.ts';
import { JoinTokens } from '../security/joinTokens.ts';
import { defaultApiPort } from './connection.ts';

/** The exact line to run on another host. */
export interface JoinLine {
  readonly host: string;
  readonly token: string;
  readonly command: string;
}

/** Makes a one-time token for a host and the line that uses it. @param self the host that certifies. @param authority PEM. */
export function makeJoinLine(
  cluster: ResolvedCluster,
  self: ResolvedHost,
  host: ResolvedHost,
  stateDirectory: string,
  authority: string,
): JoinLine {
  const token = new JoinTokens(stateDirectory).create(host.name, fingerprint(authority));
  // An address that the other host has a network in common with; without one the operator knows the way.
  const shared =
    self.addresses.find(({ network }) => host.addresses.some((other) => other.network === network)) ??
    self.addresses[0];
  const address = shared?.address ?? self.name;
  const { api } = cluster.ports;
  const written = address.includes(':') && api !== defaultApiPort ? `[${address}]` : address;
  const server = api === defaultApiPort ? address : `${written}:${api}`;
  return { host: host.name, token, command: `understudy join --server ${server} --token ${token}` };
}
