import type { EnrolResult } from '../../schemas/generated/api.ts';
import { createRequest } from '../security/certificates.ts';
import { parseJoinToken } from '../security/joinTokens.ts';
import { checkClusterText, type ClusterSource } from './clusterSource.ts';
import { parseServer } from './connection.ts';
import { enrol } from './enrolClient.ts';
import { CliError, exitCodes } from './exitCodes.ts';

/** What a host gets for its token. */
export interface Joined {
  readonly host: string;
  /** Its private key, made here. */
  readonly key: string;
  readonly result: EnrolResult;
  readonly source: ClusterSource;
}

/** Uses a join token up: asks the first host of the cluster to certify this one. */
export async function askToJoin(options: {
  readonly server: string;
  readonly token: string;
  readonly host?: string;
}): Promise<Joined> {
  const token = parseJoinToken(options.token);
  const host = options.host ?? token.host;
  if (host !== token.host) {
    throw new CliError(
      exitCodes.usage,
      'TOKEN_OTHER_HOST',
      `The token is for the host ${token.host}, not for ${host}: run \`understudy token join --host ${host}\` on the first host.`,
    );
  }
  const { key, request } = await createRequest(host);
  const result = await enrol(parseServer(options.server), token.authority, { host, secret: token.secret, request });
  return { host, key, result, source: checkClusterText(result.cluster.name, result.cluster.text) };
}
