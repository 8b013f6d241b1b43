import { resolveCluster, resolveModule, type ResolvedCluster, type ResolvedModule } from '../../schemas/defaults.ts';
import { parseDocument } from '../../schemas/document.ts';

type Change = Readonly<Record<string, unknown>>;

/** The text of a module's file. @param failover what its section "failover" says @param rest further keys of the file */
export function moduleText(failover: Change = {}, rest: Change = {}): string {
  return JSON.stringify({
    name: 'web',
    hosts: ['alpha', 'beta'],
    mirror: { directories: ['/srv/vm/web'] },
    server: { qemu: { memory: '512MiB', disks: [{ file: 'disk.raw' }] } },
    failover,
    ...rest,
  });
}

export function clusterText(rest: Change = {}): string {
  return JSON.stringify({
    name: 'site',
    networks: { lan: {}, link: { replication: true } },
    hosts: {
      alpha: { lan: '10.77.0.1', link: '10.78.0.1' },
      beta: { lan: '10.77.0.2', link: '10.78.0.2' },
      gamma: { lan: '10.77.0.3' },
    },
    arbiter: { witness: 'gamma' },
    ...rest,
  });
}

export function moduleOf(failover: Change = {}, rest: Change = {}): ResolvedModule {
  const { value, diagnostics } = parseDocument('module', moduleText(failover, rest), 'web.module.jsonc');
  if (value === null) throw new Error(JSON.stringify(diagnostics));
  return resolveModule(value);
}

export function clusterOf(rest: Change = {}): ResolvedCluster {
  const { value, diagnostics } = parseDocument('cluster', clusterText(rest), 'site.cluster.jsonc');
  if (value === null) throw new Error(JSON.stringify(diagnostics));
  return resolveCluster(value);
}

export const etcd = { arbiter: { etcd: ['https://10.77.0.11:2379'] } };
export const noArbiter = { arbiter: 'none' };
/** A server that scripts start and stop. */
export const scripts = { server: { scripts: { start: ['/etc/web-start'], stop: ['/etc/web-stop'] } } };
