import { witnessesOf } from '../../schemas/defaults.ts';
import type { Configuration } from '../config/configuration.ts';

/**
 * The hosts that may give other ones new files, or a command that may lose data. The files name programs that a host runs as root: a host that is
 * nothing but a witness, and may be one of many clusters and in other hands, has no need of that. Where all hosts are witnesses and there is no
 * module yet, all of them may.
 */
export function hostsWithSay({ cluster, modules }: Pick<Configuration, 'cluster' | 'modules'>): readonly string[] {
  const all = cluster.hosts.map(({ name }) => name);
  const witnesses = witnessesOf(cluster);
  const say = all.filter((host) => !witnesses.includes(host) || modules.some(({ hosts }) => hosts.includes(host)));
  return say.length > 0 ? say : all;
}
