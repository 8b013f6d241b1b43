/** Hosts, networks and modules in one or two lines each: what their files say of them. */
import { escaped } from './documentation.ts';
import type { NameKind } from '../../../schemas/names.ts';
import { occurrencesIn } from '../../../schemas/occurrences.ts';
import type { Occurrence } from '../../../schemas/occurrences.ts';
import { childAt, keysOf, nodeAt } from '../../../schemas/jsonPlaces.ts';
import type { SourceFile } from './model/sourceFile.ts';
import type { Node } from '../../../schemas/jsonText.ts';

/** A name where it is defined. */
export interface Definition {
  readonly file: SourceFile;
  readonly occurrence: Occurrence;
}

/** Where the hosts, networks or modules of a cluster are defined, in the order of files and places. */
export function definitionsIn(group: readonly SourceFile[], kind: NameKind): readonly Definition[] {
  return group.flatMap((file) =>
    occurrencesIn(file.document)
      .filter((occurrence) => occurrence.isDefinition && occurrence.kind === kind)
      .map((occurrence) => ({ file, occurrence })),
  );
}

/** What is known of a host, network or module from its definition, as Markdown. */
export function summaryOf({ file, occurrence }: Definition, group: readonly SourceFile[]): string {
  const { kind, name } = occurrence;
  const title = `**${kind} ${escaped(name)}**`;
  switch (kind) {
    case 'host':
      return [title, ...hostLines(file, name, group)].join('\n\n');
    case 'network':
      return [title, ...networkLines(file, name)].join('\n\n');
    case 'module':
      return [title, ...moduleLines(file)].join('\n\n');
  }
}

function hostLines(file: SourceFile, name: string, group: readonly SourceFile[]): string[] {
  const { root } = file.document;
  const addresses = nodeAt(root, ['hosts', name]);
  const told = keysOf(addresses).map((network) => {
    const address = addresses === null ? null : textOf(childAt(addresses, network));
    return `${network} ${address ?? '?'}`;
  });
  const isWitness = occurrencesIn(file.document).some(
    (each) => each.kind === 'host' && each.name === name && each.path[1] === 'witness',
  );
  const modules = group.filter((each) =>
    occurrencesIn(each.document).some(
      (other) => each.kind === 'module' && other.kind === 'host' && other.name === name && !other.isDefinition,
    ),
  );
  const names = modules.map((each) => moduleName(each));
  return [
    ...(told.length === 0 ? [] : [escaped(told.join(', '))]),
    ...(isWitness ? ['Witness of the cluster.'] : []),
    ...(names.length === 0 ? [] : [`Modules: ${escaped(few(names))}.`]),
  ];
}

function networkLines(file: SourceFile, name: string): string[] {
  const { root } = file.document;
  const hosts = keysOf(nodeAt(root, ['hosts'])).flatMap((host) => {
    const address = textOf(nodeAt(root, ['hosts', host, name]));
    return address === null ? [] : [`${host} ${address}`];
  });
  const isPreferred = nodeAt(root, ['networks', name, 'replication'])?.value === true;
  return [...(isPreferred ? ['Preferred by the mirror.'] : []), ...(hosts.length === 0 ? [] : [escaped(few(hosts))])];
}

function moduleLines(file: SourceFile): string[] {
  const { root } = file.document;
  const hosts = (nodeAt(root, ['hosts'])?.children ?? []).map(textOf).filter((host) => host !== null);
  const [server] = keysOf(nodeAt(root, ['server']));
  const directories = (nodeAt(root, ['mirror', 'directories'])?.children ?? [])
    .map(textOf)
    .filter((each) => each !== null);
  return [
    ...(hosts.length === 0 ? [] : [`On ${escaped(hosts.join(', then '))}.`]),
    ...(server === undefined ? [] : [`Server: ${escaped(server)}.`]),
    ...(directories.length === 0 ? [] : [`Mirrors ${escaped(few(directories))}.`]),
  ];
}

/** The name of the module that a file is about; the file's own as long as it has none. */
export function moduleName(file: SourceFile): string {
  return textOf(nodeAt(file.document.root, ['name'])) ?? file.path;
}

function textOf(node: Node | null): string | null {
  return node?.type === 'string' ? String(node.value) : null;
}

function few(names: readonly string[]): string {
  return names.length <= 8 ? names.join(', ') : `${names.slice(0, 8).join(', ')} and ${names.length - 8} more`;
}
