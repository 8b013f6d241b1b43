import type { Problem } from '../diagnostic.ts';
import { resolveCluster } from '../defaults.ts';
import type { ClusterFile } from '../generated/cluster.ts';
import { isNoHost, parseIpAddress } from '../ipAddress.ts';
import { nearest } from '../nearest.ts';
import { checkArbiter } from './arbiterChecks.ts';
import { checkFence } from './fenceChecks.ts';
import { checkCapacity } from './placementChecks.ts';

/** Problems of a valid cluster file that its schema cannot express. */
export function* checkCluster(file: ClusterFile): Iterable<Problem> {
  const cluster = resolveCluster(file);
  yield* checkAddresses(file);
  yield* checkCapacity(file);
  if (cluster.ports.api === cluster.ports.agent) {
    const key = file.ports?.agent === undefined ? 'api' : 'agent';
    const expected = 'two different ports';
    yield {
      code: 'same-port',
      path: ['ports', key],
      message: `the API and the agents both use port ${cluster.ports.api}: expected ${expected}`,
      expected,
    };
  }
  yield* checkArbiter(file);
  yield* checkFence(file);
}

function* checkAddresses(file: ClusterFile): Iterable<Problem> {
  const networks = Object.keys(file.networks);
  const owners = new Map<string, string>();
  for (const [host, addresses] of Object.entries(file.hosts)) {
    for (const [network, text] of Object.entries(addresses)) {
      const path = ['hosts', host, network];
      if (!networks.includes(network)) {
        const expected = `one of ${networks.join(', ')}`;
        yield {
          code: 'unknown-network',
          path,
          at: 'key',
          message: `the network "${network}" is not declared under "networks": expected ${expected}`,
          expected,
          suggestion: nearest(network, networks),
        };
      }
      const address = parseIpAddress(text);
      if (address === null || isNoHost(address)) {
        const expected = 'an IP address such as "10.77.0.1" or "fd00::1"';
        const told = address === null ? 'is no IP address' : 'is no address that a host can have';
        yield { code: 'bad-address', path, message: `"${text}" ${told}: expected ${expected}`, expected };
        continue;
      }
      const owner = owners.get(address.canonical);
      if (owner !== undefined) {
        const expected = 'an address of its own on each network';
        yield {
          code: 'duplicate-address',
          path,
          message: `${text} is already the address of ${owner}: expected ${expected}`,
          expected,
        };
      } else {
        owners.set(address.canonical, `${host} on ${network}`);
      }
    }
  }
}
