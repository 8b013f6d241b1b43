/** Fixes in the cluster file, of what it or a module lacks there. */
import { basename } from 'node:path';
import { parseIpAddress } from '../../../../schemas/ipAddress.ts';
import { childAt, keysOf, nodeAt } from '../../../../schemas/jsonPlaces.ts';
import type { SourceFile } from '../model/sourceFile.ts';
import { definitionsIn } from '../summaries.ts';
import { clusterFileOf, setIn } from './fix.ts';
import type { Fix, FixContext, Fixer } from './fix.ts';
import type { IpAddress } from '../../../../schemas/ipAddress.ts';

/** More choices than this are no help. */
const mostChoices = 5;

/** A host that is named and not there is added, with the next address of each network, to be changed. */
export const addHost: Fixer = (context) => {
  const { diagnostic, group } = context;
  const cluster = clusterFileOf(group);
  const name = nameOf(context);
  if (diagnostic.code !== 'unknown-host' || cluster === null || !isName(name)) return [];
  const { root } = cluster.document;
  if (keysOf(nodeAt(root, ['hosts'])).includes(name)) return [];
  const networks = keysOf(nodeAt(root, ['networks']));
  const addresses = Object.fromEntries(networks.map((network) => [network, nextAddress(cluster, network)]));
  if (networks.length === 0) return [];
  const told = Object.values(addresses).join(', ');
  const title = `Add the host "${name}" to ${basename(cluster.path)} with ${told}, to be changed`;
  return [{ title, edits: setIn(cluster, ['hosts', name], addresses) }];
};

/** A network that is named and not there is added. */
export const addNetwork: Fixer = (context) => {
  const { diagnostic, group } = context;
  const cluster = clusterFileOf(group);
  const name = nameOf(context);
  if (diagnostic.code !== 'unknown-network' || cluster === null || !isName(name)) return [];
  if (keysOf(nodeAt(cluster.document.root, ['networks'])).includes(name)) return [];
  return [
    { title: `Add the network "${name}" to ${basename(cluster.path)}`, edits: setIn(cluster, ['networks', name], {}) },
  ];
};

/** A cluster without an arbiter gets one of its hosts as witness; those that are of no pair come first. */
export const chooseArbiter: Fixer = ({ diagnostic, group, file }) => {
  if (diagnostic.code !== 'no-arbiter') return [];
  const cluster = clusterFileOf(group) ?? (file.kind === 'cluster' ? file : null);
  return cluster === null ? [] : witnessesFor(cluster, group);
};

/** The hosts of a cluster that could be its witness, the likeliest first: none with two hosts, or when it is not known. */
export function witnessesFor(cluster: SourceFile, group: readonly SourceFile[]): readonly Fix[] {
  const paired = pairedHosts(group);
  const hosts = keysOf(nodeAt(cluster.document.root, ['hosts']));
  const [free, others] = [hosts.filter((host) => !paired.has(host)), hosts.filter((host) => paired.has(host))];
  const fixes = free.slice(0, mostChoices).map((host, index): Fix => ({
    title: `Make "${host}" the witness`,
    edits: setIn(cluster, ['arbiter'], { witness: host }),
    isPreferred: index === 0,
  }));
  // With three hosts or more any third one can be the witness of a pair.
  if (hosts.length >= 3 && others.length >= 2) {
    const title = `Make each host a witness of the others: ${hosts.slice(0, mostChoices).join(', ')}${hosts.length > mostChoices ? ', …' : ''}`;
    fixes.push({ title, edits: setIn(cluster, ['arbiter'], { witness: hosts }), isPreferred: free.length === 0 });
  }
  return fixes;
}

/** A pair whose witness is one of it gets a further one. */
export const addWitness: Fixer = ({ diagnostic, document, group }) => {
  const cluster = clusterFileOf(group);
  if (diagnostic.code !== 'witness-in-pair' || cluster === null) return [];
  const pair = (nodeAt(document.root, ['hosts'])?.children ?? []).map(({ value }) => String(value));
  const witness = nodeAt(cluster.document.root, ['arbiter', 'witness']);
  if (witness === null) return [];
  const present =
    witness.type === 'array' ? (witness.children ?? []).map(({ value }) => String(value)) : [String(witness.value)];
  return keysOf(nodeAt(cluster.document.root, ['hosts']))
    .filter((host) => !pair.includes(host) && !present.includes(host))
    .slice(0, mostChoices)
    .map((host, index) => ({
      title: `Add "${host}" as a further witness to ${basename(cluster.path)}`,
      edits: setIn(cluster, ['arbiter', 'witness'], [...present, host]),
      isPreferred: index === 0,
    }));
};

/** What the problem is about: a key, or a value. */
function nameOf({ document, diagnostic }: FixContext): string {
  const text = document.text.slice(diagnostic.start, diagnostic.end);
  return /^"([^"\\]*)"$/.exec(text)?.[1] ?? '';
}

function isName(name: string): boolean {
  return /^[a-z][a-z0-9-]{0,31}$/.test(name);
}

function pairedHosts(group: readonly SourceFile[]): ReadonlySet<string> {
  return new Set(
    definitionsIn(group, 'module').flatMap(({ file }) =>
      (nodeAt(file.document.root, ['hosts'])?.children ?? []).map(({ value }) => String(value)),
    ),
  );
}

/** What is proposed where a network tells nothing: an address for documentation. */
const forDocumentation = '192.0.2.1';

/** The address behind the highest one of a network that no host has yet. */
function nextAddress({ document: { root } }: SourceFile, network: string): string {
  const hosts = nodeAt(root, ['hosts']);
  const all = keysOf(hosts).flatMap((host) => {
    const addresses = hosts === null ? null : childAt(hosts, host);
    return keysOf(addresses).flatMap((each) => {
      const text: unknown = addresses === null ? null : childAt(addresses, each)?.value;
      const address = typeof text === 'string' ? parseIpAddress(text) : null;
      return address === null ? [] : [{ network: each, address }];
    });
  });
  const used = new Set(all.map(({ address }) => address.canonical));
  const highest = all
    .flatMap((each) => (each.network === network ? [each.address] : []))
    .sort((a, b) => lastPartOf(a) - lastPartOf(b))
    .at(-1);
  if (highest === undefined) return forDocumentation;
  const most = highest.version === 4 ? 254 : 0xffff;
  for (let step = 0; step < most; step += 1) {
    const next = withLastPart(highest, ((lastPartOf(highest) + step) % most) + 1);
    if (!used.has(next)) return next.replace(/(?:^|:)0(?::0)+(?::|$)/, '::');
  }
  return forDocumentation;
}

function lastPartOf({ version, canonical }: IpAddress): number {
  return version === 4 ? Number(canonical.split('.').at(-1)) : Number.parseInt(canonical.split(':').at(-1) ?? '', 16);
}

function withLastPart({ version, canonical }: IpAddress, part: number): string {
  return canonical.replace(/[^.:]+$/, part.toString(version === 4 ? 10 : 16));
}
