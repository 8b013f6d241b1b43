import { crossChecks } from '../../../schemas/crossChecks.ts';
import { messageWithHint } from '../../../schemas/diagnostic.ts';
import { parseDocument } from '../../../schemas/document.ts';
import { clusterFile, type ClusterAnswers, type HostAnswer } from '../../../schemas/templates/cluster.ts';
import { errorAt, type DraftError } from './moduleDraft.ts';

/** Of a cluster that is asked for step by step. */
export const emptyCluster: ClusterAnswers = {
  name: '',
  networks: ['lan'],
  replication: null,
  hosts: [],
  arbiter: { kind: 'none' },
};

/** Stand in for hosts that were not asked for yet, so that the checks of the others have a whole file. Addresses for documentation. */
const standIns: readonly [name: string, address: string][] = [
  ['stand-in-1', '2001:db8:ffff:ffff::1'],
  ['stand-in-2', '2001:db8:ffff:ffff::2'],
];

/** What the validators would say of the file: errors only. */
export function clusterErrors(answers: ClusterAnswers): readonly DraftError[] {
  const [network = ''] = answers.networks;
  const missing = standIns.slice(0, Math.max(0, 2 - answers.hosts.length));
  const hosts = [...answers.hosts, ...missing.map(([name, address]) => ({ name, addresses: { [network]: address } }))];
  const { path, text } = clusterFile({ ...answers, name: answers.name === '' ? 'cluster' : answers.name, hosts });
  const document = parseDocument('cluster', text, path);
  return [...document.diagnostics, ...crossChecks([document])]
    .filter(({ severity }) => severity === 'error')
    .map((diagnostic) => ({ path: diagnostic.path, message: messageWithHint(diagnostic) }));
}

export function clusterNameError(answers: ClusterAnswers, name: string): string | null {
  return name === '' ? 'A name is needed.' : errorAt('name', clusterErrors({ ...answers, name }));
}

/** `lan, link` in its parts. */
export function networksOf(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((name) => name !== '');
}

export function networksError(answers: ClusterAnswers, text: string): string | null {
  const networks = networksOf(text);
  if (networks.length === 0) return 'At least one network is needed.';
  const twice = networks.find((name, index) => networks.indexOf(name) !== index);
  if (twice !== undefined) return `${twice} is named twice.`;
  return errorAt('networks', clusterErrors({ ...answers, networks, hosts: [], replication: null }));
}

/** `alpha 10.0.0.1 10.0.1.1`: a name, and an address on each network in their order; `-` where it is not connected. */
export function hostOf(text: string, networks: readonly string[]): HostAnswer {
  const [name = '', ...addresses] = text.split(/[\s,]+/).filter((word) => word !== '');
  const entries = networks.flatMap((network, index) => {
    const address = addresses[index];
    return address === undefined || address === '-' ? [] : [[network, address] as const];
  });
  return { name, addresses: Object.fromEntries(entries) };
}

export function hostLine({ name, addresses }: HostAnswer, networks: readonly string[]): string {
  const words = networks.map((network) => (Object.hasOwn(addresses, network) ? (addresses[network] ?? '-') : '-'));
  while (words.at(-1) === '-') words.pop();
  return [name, ...words].join(' ');
}

/** What is wrong with the host at `index`, typed as `text`, beside the others; null: nothing. */
export function hostError(answers: ClusterAnswers, index: number, text: string): string | null {
  const { networks } = answers;
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const [name] = words;
  if (name === undefined) return `A name, and its address on ${networks.join(', then on ')}.`;
  const others = answers.hosts.filter((_, other) => other !== index);
  if (others.some((host) => host.name === name)) return `${name} is a host already.`;
  const most = networks.length;
  if (words.length > most + 1) return `There are ${String(most)} networks: ${networks.join(', ')}.`;
  const host = hostOf(text, networks);
  if (Object.keys(host.addresses).length === 0) return `Its address on ${networks.join(', then on ')}.`;
  const errors = clusterErrors({ ...answers, arbiter: { kind: 'none' }, hosts: [...others, host] });
  return errorAt(`hosts.${name}`, errors) ?? errorAt(`hosts["${name}"]`, errors) ?? errorAt(`hosts`, errors);
}

/** What is wrong with the members of an etcd, as typed; null: nothing. */
export function etcdError(answers: ClusterAnswers, text: string): string | null {
  const endpoints = networksOf(text);
  if (endpoints.length === 0) return 'At least one member is needed.';
  return errorAt('arbiter', clusterErrors({ ...answers, arbiter: { kind: 'etcd', endpoints } }));
}
