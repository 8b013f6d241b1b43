import type { ResolvedAgent, ResolvedCluster, ResolvedModule } from '../defaults.ts';
import type { Problem } from '../diagnostic.ts';
import { isLoopback, parseIpAddress } from '../ipAddress.ts';
import { nearest } from '../nearest.ts';
import { isWithin } from './directories.ts';

/** Problems of an agent file, with what is known of its cluster and modules. */
export function* checkAgent(
  agent: ResolvedAgent,
  cluster: ResolvedCluster | null,
  modules: readonly ResolvedModule[],
): Iterable<Problem> {
  if (cluster !== null) {
    const known = cluster.hosts.map((host) => host.name);
    if (!known.includes(agent.host)) {
      const expected = `a host of the cluster ${cluster.name}: ${known.join(', ')}`;
      yield {
        code: 'unknown-host',
        path: ['host'],
        message: `the host "${agent.host}" is not in the cluster file: expected ${expected}`,
        expected,
        suggestion: nearest(agent.host, known),
      };
    }
  }
  for (const [index, text] of (agent.api.listen ?? []).entries()) {
    const address = parseIpAddress(text);
    const path = ['api', 'listen', index];
    if (address === null) {
      const expected = 'an IP address such as "127.0.0.1" or "10.77.0.1"';
      yield { code: 'bad-address', path, message: `"${text}" is no IP address: expected ${expected}`, expected };
    } else if (!agent.api.tls && !isLoopback(address)) {
      const expected = '"tls": true, or only addresses such as 127.0.0.1 and ::1';
      yield {
        code: 'insecure-api',
        path,
        message: `the agent does not listen on ${text} without TLS: expected ${expected}`,
        expected,
      };
    }
  }
  if (!agent.api.tls && agent.api.listen === null) {
    const expected = '"tls": true, or "listen": ["127.0.0.1"]';
    yield {
      code: 'insecure-api',
      path: ['api', 'tls'],
      message: `without TLS the agent listens on the loopback interface only: expected ${expected}`,
      expected,
    };
  }
  for (const [index, { url, tokenFile }] of agent.events.webhooks.entries()) {
    if (tokenFile === null || !/^http:\/\/(?!(localhost|127\.[0-9.]+|\[::1\])([:/]|$))/.test(url)) continue;
    const expected = 'an address with https';
    yield {
      code: 'insecure-webhook',
      path: ['events', 'webhooks', index, 'url'],
      message: `the token would go to ${url} in the clear: expected ${expected}`,
      expected,
    };
  }
  for (const module of modules) {
    if (!module.hosts.includes(agent.host)) continue;
    for (const key of ['stateDirectory', 'runDirectory'] as const) {
      const around = module.mirror.directories.find((directory) => isWithin(agent[key], directory));
      if (around === undefined) continue;
      const expected = `a directory outside of ${around}`;
      yield {
        code: 'bad-directory',
        path: [key],
        message: `${agent[key]} lies in the mirrored directory of the module ${module.name}: expected ${expected}`,
        expected,
      };
    }
  }
}
