import { describe, expect, it } from 'vitest';
import type { Configuration } from '../../agent/config/configuration.ts';
import { CurrentConfiguration } from '../../agent/runtime/currentConfiguration.ts';
import type { Role } from '../../agent/core/types.ts';
import { isOfferedInVain, mirrorAddress } from '../../agent/runtime/mirrorAddress.ts';
import { resolveAgent, resolveCluster } from '../../schemas/defaults.ts';

function configurationOf(
  link: string,
  networks: Record<string, { replication?: boolean }> = { lan: {}, link: { replication: true } },
): Configuration {
  const cluster = resolveCluster({
    name: 'site',
    networks,
    hosts: { alpha: { lan: '10.77.0.1', link }, beta: { lan: '10.77.0.2', link: '10.78.0.2' } },
    arbiter: 'none',
  });
  const [self] = cluster.hosts;
  if (!self) throw new Error('alpha is there');
  const agent = resolveAgent({ host: 'alpha' });
  return { directory: '/etc/understudy', agent, cluster, self, modules: [], version: 0, files: {} };
}

function linksThatHear(...up: string[]) {
  return {
    networks: () => ['lan', 'link'].map((network) => ({ network, address: '', up: up.includes(network), rttMs: null })),
  };
}

describe('the address that a mirror is followed on', () => {
  it('is on the network for replication, and on another one while nobody is heard there', () => {
    const configuration = configurationOf('10.78.0.1');
    expect(mirrorAddress(configuration, linksThatHear('lan', 'link'), 'beta')).toBe('10.78.0.1');
    expect(mirrorAddress(configuration, linksThatHear('lan'), 'beta')).toBe('10.77.0.1');
    expect(mirrorAddress(configuration, linksThatHear(), 'beta')).toBe('10.78.0.1');
  });

  it('is the one that the files say now, also for a module that was opened before', () => {
    const configuration = new CurrentConfiguration(configurationOf('10.78.0.1'));
    const ask = () => mirrorAddress(configuration, linksThatHear('lan', 'link'), 'beta');
    configuration.become(configurationOf('10.78.0.9'));
    expect(ask()).toBe('10.78.0.9');
    configuration.become(configurationOf('10.78.0.9', { lan: { replication: true }, link: {} }));
    expect(ask()).toBe('10.77.0.1');
  });
});

describe('a session that is offered on a network', () => {
  const endpoint = { address: '10.78.0.1', port: 1, session: 's', key: 'k' };
  const times = { connectedAt: -Infinity, since: 1000 };
  const offered: Role = { at: 'following', epoch: 3, endpoint, connected: false, spent: false, ...times };

  it('is offered anew on another one when nobody came to it, and the other host is heard there only', () => {
    expect(isOfferedInVain(offered, '10.77.0.1', 4000)).toBe(true);
    expect(isOfferedInVain(offered, '10.78.0.1', 4000)).toBe(false);
  });

  it('stays while the primary may be on its way, has come, or had come', () => {
    expect(isOfferedInVain(offered, '10.77.0.1', 2500)).toBe(false);
    expect(isOfferedInVain({ ...offered, connected: true }, '10.77.0.1', 4000)).toBe(false);
    expect(isOfferedInVain({ ...offered, spent: true }, '10.77.0.1', 4000)).toBe(false);
    expect(isOfferedInVain({ at: 'stopped' }, '10.77.0.1', 4000)).toBe(false);
  });
});
