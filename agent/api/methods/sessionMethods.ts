import { apiProtocolVersion } from '../../../schemas/protocolVersion.ts';
import { refuse } from '../refusals.ts';
import type { MethodHandlers } from './method.ts';

export const sessionMethods: MethodHandlers<'session.hello'> = {
  'session.hello': ({ protocolVersion }, { facade, actor }) => {
    if (protocolVersion !== apiProtocolVersion) {
      const older = protocolVersion < apiProtocolVersion ? 'the client' : `the agent of ${facade.host}`;
      throw refuse(
        'PROTOCOL_VERSION',
        `The client speaks protocol version ${protocolVersion}, the agent of ${facade.host} version ${apiProtocolVersion}: update ${older}.`,
        { client: protocolVersion, agent: apiProtocolVersion },
      );
    }
    const { agentVersion, host, cluster } = facade;
    return { protocolVersion: apiProtocolVersion, agentVersion, host, cluster, role: actor.role };
  },
};
