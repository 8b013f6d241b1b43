import type { LabHost } from './harness/host.ts';
import type { LabCluster } from './harness/labCluster.ts';

const names = ['alpha', 'beta', 'gamma'] as const;
const addresses = ['10.77.0.1', '10.77.0.2', '10.77.0.3'] as const;

/** Where a member keeps what it knows. */
export const etcdDirectory = '/var/lib/etcd-lab';

/** What the cluster file says of it. */
export const etcdOnHosts = { etcd: addresses.map((address) => `http://${address}:2379`) };

/** Starts this host's member of a three-member etcd, from its data if it has run before. */
export function startEtcd(host: LabHost): Promise<void> {
  const address = host.address('lan');
  const argv = [
    'setsid',
    'etcd',
    `--name=${host.name}`,
    `--data-dir=${etcdDirectory}`,
    `--listen-peer-urls=http://${address}:2380`,
    `--initial-advertise-peer-urls=http://${address}:2380`,
    `--listen-client-urls=http://${address}:2379`,
    `--advertise-client-urls=http://${address}:2379`,
    `--initial-cluster=${names.map((name, index) => `${name}=http://${addresses[index] ?? ''}:2380`).join(',')}`,
  ];
  const child = host.spawn(argv);
  child.stdout?.resume();
  child.stderr?.resume();
  child.unref();
  return Promise.resolve();
}

/** Whether this host's member runs, or stands still; one that was killed may still wait to be taken note of. */
export async function runsEtcd(host: LabHost): Promise<boolean> {
  return (await host.exec(['pgrep', '-x', '-r', 'R,S,D,T', 'etcd'])).code === 0;
}

/** kill -9 of this host's member. */
export async function killEtcd(host: LabHost): Promise<void> {
  await host.run(['pkill', '-9', '-x', 'etcd']);
}

/** The host whose member leads now. */
export async function etcdLeader(cluster: LabCluster): Promise<LabHost> {
  for (const host of cluster.lab.hosts.filter(({ isOn }) => isOn)) {
    const script = `
      const answer = await fetch('http://${host.address('lan')}:2379/v3/maintenance/status', { method: 'POST', body: '{}' });
      const { header, leader } = await answer.json();
      process.stdout.write(leader === header.member_id ? 'leads' : 'follows');`;
    const result = await host.exec([process.execPath, '--input-type=module', '-e', script]);
    if (result.stdout === 'leads') return host;
  }
  throw new Error('No member of etcd says that it leads.');
}
