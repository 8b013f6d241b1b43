import { posix } from 'node:path';
import type { AnyDocument } from '../../../../schemas/document.ts';
import type { Node, PathSegment } from '../../../../schemas/jsonText.ts';
import { filePatternsOf } from '../../../../schemas/names.ts';
import type { FileRole } from '../../../../schemas/names.ts';
import { nodesAt } from '../../../../schemas/occurrences.ts';
import { groupFolderOf } from './sourceFile.ts';

/** Something on a disk that a file names. */
export interface NamedFile {
  readonly role: FileRole;
  /** As it is written. */
  readonly name: string;
  readonly path: readonly PathSegment[];
  readonly node: Node;
  /** Where it is on this machine, if it is: absolute paths, the likeliest first. */
  readonly candidates: readonly string[];
}

/** Folder of the configuration on a host. In an editor what belongs there is often beside the cluster file. */
const configurationFolder = '/etc/understudy/';

/** More than this no file of ours names; each is looked for on the disk. */
const mostFiles = 500;

const known = new WeakMap<AnyDocument, readonly NamedFile[]>();

/** Everything on disks that a document names, in the order of its places. */
export function namedFilesIn(document: AnyDocument): readonly NamedFile[] {
  let files = known.get(document);
  if (files === undefined) known.set(document, (files = find(document)));
  return files;
}

function find(document: AnyDocument): readonly NamedFile[] {
  const { root, kind } = document;
  if (root === null) return [];
  return filePatternsOf(kind)
    .flatMap(([role, pattern]) =>
      nodesAt(root, pattern).flatMap(({ value, path }): NamedFile[] => {
        if (value?.type !== 'string' || value.value === '') return [];
        const name = String(value.value);
        return [{ role, name, path, node: value, candidates: candidatesOf(name, role, document) }];
      }),
    )
    .sort((a, b) => a.node.offset - b.node.offset)
    .slice(0, mostFiles);
}

/** Where something could be on this machine that is named so in a document. Absolute. */
export function candidatesOf(name: string, role: FileRole, document: AnyDocument): readonly string[] {
  // What a program would take for something else than a path.
  if (name.includes('\0')) return [];
  const absolute = name.startsWith('/') ? name : relativeToMirror(name, role, document);
  if (absolute === null) return [];
  // Paths are those of the hosts, which are Linux machines: elsewhere the same path is something else, or a share of a network.
  const here = process.platform === 'win32' ? [] : [posix.normalize(absolute)];
  if (!isConfiguration(absolute)) return here;
  const beside = posix.normalize(absolute.slice(configurationFolder.length));
  if (beside.startsWith('..')) return here;
  return [`${groupFolderOf(document.file)}/${beside}`, ...here];
}

/** Whether a path is one of what belongs to the files of a cluster. */
export function isConfiguration(path: string): boolean {
  return path.startsWith(configurationFolder);
}

function relativeToMirror(name: string, role: FileRole, { root }: AnyDocument): string | null {
  if (root === null || (role !== 'program' && role !== 'image')) return null;
  const [directory] = nodesAt(root, ['mirror', 'directories', '0']);
  const start: unknown = directory?.value?.value;
  return typeof start === 'string' && start.startsWith('/') ? `${start}/${name}` : null;
}
