import { comment, indent, json } from './moduleText.ts';
import type { TemplateFile } from './template.ts';

export interface HostAnswer {
  readonly name: string;
  /** Its address on each network that it is connected to, by the network's name. */
  readonly addresses: Readonly<Record<string, string>>;
}

/** Hosts that are witnesses, members of an etcd by their addresses, or none. */
export type ArbiterAnswer =
  | { readonly kind: 'witness'; readonly hosts: readonly string[] }
  | { readonly kind: 'etcd'; readonly endpoints: readonly string[] }
  | { readonly kind: 'none' };

export interface ClusterAnswers {
  readonly name: string;
  readonly networks: readonly string[];
  /** The network that the mirror prefers; null: the first one. */
  readonly replication: string | null;
  readonly hosts: readonly HostAnswer[];
  readonly arbiter: ArbiterAnswer;
}

/** The file of a cluster. Wrong answers give a file that `parseDocument` refuses, never text of another meaning. */
export function clusterFile(answers: ClusterAnswers): TemplateFile {
  const { name, networks, replication, hosts, arbiter } = answers;
  const lines = [
    ...comment(`Cluster ${name}: the hosts that know one another, their networks, and the arbiter.`),
    ...comment(
      'Put it on the first host with understudy init, which prints a line for each of the others; later changes go to all of them by Apply to Cluster.',
    ),
    '{',
    `  "name": ${json(name)},`,
    ...indent(
      2,
      comment(
        'Heartbeats go over all of them. The mirror prefers the one with "replication", and takes another one when that is lost.',
      ),
    ),
    '  "networks": {',
    ...networks.map((network) => `    ${json(network)}: {${network === replication ? ' "replication": true ' : ''}},`),
    '  },',
    ...indent(2, comment('Change: for each host its address on each network that it is connected to.')),
    '  "hosts": {',
    ...hosts.map((host) => `    ${json(host.name)}: { ${addressesOf(host, networks)} },`),
    '  },',
    ...indent(2, arbiterLines(arbiter)),
    '}',
  ];
  return { path: `${name}.cluster.jsonc`, text: `${lines.join('\n')}\n`, executable: false };
}

/** In the order of the networks; what is on none of them stands last, and is told of by the checks. */
function addressesOf({ addresses }: HostAnswer, networks: readonly string[]): string {
  const rest = Object.keys(addresses).filter((network) => !networks.includes(network));
  return [...networks, ...rest]
    .filter((network) => Object.hasOwn(addresses, network))
    .map((network) => `${json(network)}: ${json(addresses[network])}`)
    .join(', ');
}

function arbiterLines(arbiter: ArbiterAnswer): readonly string[] {
  switch (arbiter.kind) {
    case 'witness': {
      const [only] = arbiter.hosts;
      const witness = arbiter.hosts.length === 1 && only !== undefined ? only : arbiter.hosts;
      return [
        ...comment(
          'The third vote: it decides which of two hosts may run a module when they cannot reach each other. It is a host that is not of the pair.',
        ),
        `"arbiter": { "witness": ${json(witness)} },`,
      ];
    }
    case 'etcd':
      return [
        ...comment(
          'The third vote: members of an etcd 3.4 or later, on machines that are of no pair. Change: "user", "passwordFile" and "caFile" as your etcd asks for them.',
        ),
        `"arbiter": { "etcd": ${json(arbiter.endpoints)} },`,
      ];
    case 'none':
      return [
        ...comment(
          'Change: without a third vote nothing is taken over by itself. A witness on any third machine lifts this: name it under "hosts", then here as { "witness": "NAME" }.',
        ),
        '"arbiter": "none",',
      ];
  }
}
