/** A cluster of many modules, as large as the language server is promised to be fast with. All of it is well. */

const hosts = Array.from({ length: 16 }, (_, index) => `host${String(index)}`);

/** What stands in the cluster's file. */
export const manyModulesCluster: object = {
  name: 'site',
  networks: { lan: {}, link: { replication: true } },
  hosts: Object.fromEntries(
    hosts.map((host, index) => [host, { lan: `10.0.0.${String(index + 1)}`, link: `10.0.1.${String(index + 1)}` }]),
  ),
  arbiter: { witness: hosts },
  capacity: Object.fromEntries(hosts.map((host) => [host, { cpu: 64, memory: '512GiB' }])),
};

/** What stands in the file of one module, counted from 0. */
export function manyModulesModule(index: number): object {
  const first = index % hosts.length;
  return {
    name: `m${String(index)}`,
    hosts: [hosts[first], hosts[(first + 1 + (index % 3)) % hosts.length]],
    mirror: { directories: [`/srv/vm/m${String(index)}`], exclude: ['*.swp'] },
    server: { qemu: { cpus: 2, memory: '2GiB', disks: [{ file: 'disk.qcow2', format: 'qcow2' }] } },
    failover: { detection: '3s', restarts: 3 },
    needs: { cpu: 1, memory: '3GiB' },
    dependsOn: index % 7 === 0 && index > 0 ? [`m${String(index - 1)}`] : [],
    checks: [{ tcp: { host: '10.0.2.1', port: 80 }, every: '10s' }],
  };
}
