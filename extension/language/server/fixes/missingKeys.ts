import { basename } from 'node:path';
import { propertiesOf } from '../../../../schemas/schemaNodes.ts';
import { SnippetWriter } from '../completion/snippets.ts';
import { schemaAt } from '../../../../schemas/schemaAt.ts';
import type { SourceFile } from '../model/sourceFile.ts';
import { definitionsIn } from '../summaries.ts';
import { witnessesFor } from './clusterFixes.ts';
import { isWhole, setIn } from './fix.ts';
import type { Fix, Fixer } from './fix.ts';

/** Adds what is required: from what the cluster's files say, or by an example that is to be changed. */
export const addMissingKey: Fixer = ({ diagnostic, path, file, group }) => {
  const key = path.at(-1);
  if (diagnostic.code !== 'missing-key' || typeof key !== 'string' || !isWhole(file)) return [];
  if (file.kind === 'cluster' && key === 'arbiter' && path.length === 1) {
    // Without an arbiter there is no automatic failover: that is for somebody to choose who has no third host.
    return [...witnessesFor(file, group), { title: 'Add "arbiter": "none"', edits: setIn(file, path, 'none') }];
  }
  const value = firstValue(file, group, path);
  return value === undefined ? [] : [{ title: `Add "${key}"`, edits: setIn(file, path, value), isPreferred: true }];
};

/** Adds one of the kinds of which a section has exactly one. */
export const addKind: Fixer = ({ diagnostic, path, file, group, node }) => {
  if (diagnostic.code !== 'server-kind' || node?.type !== 'object' || !isWhole(file)) return [];
  if ((node.children ?? []).length > 0) return [];
  const place = schemaAt(file.document, path);
  if (place === null) return [];
  return [...propertiesOf(place.branch, place.root).keys()].flatMap((kind): Fix[] => {
    const value = firstValue(file, group, [...path, kind]);
    return value === undefined ? [] : [{ title: `Add "${kind}"`, edits: setIn(file, [...path, kind], value) }];
  });
};

/** Undefined: the schema knows nothing of it. */
function firstValue(file: SourceFile, group: readonly SourceFile[], path: readonly (string | number)[]): unknown {
  const [first] = path;
  if (path.length === 1) {
    if (first === 'name') return nameOf(file);
    if (file.kind === 'module' && first === 'hosts') {
      const hosts = definitionsIn(group, 'host').map(({ occurrence }) => occurrence.name);
      if (hosts.length >= 2) return hosts.slice(0, 2);
    }
    if (first === 'mirror') return { directories: [`/srv/${nameOf(file)}`] };
  }
  const place = schemaAt(file.document, path);
  if (place === null) return undefined;
  // Written without places to fill in it is plain JSON.
  const text = new SnippetWriter(place.root, false).value(place.schema);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** By the name of the file: `web.module.jsonc` is about "web". */
function nameOf({ path, kind }: SourceFile): string {
  const name = basename(path)
    .replace(`.${kind}.jsonc`, '')
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 32);
  return name === '' ? kind : name;
}
