import type { Diagnostic, Problem } from './diagnostic.ts';
import { checkAgent } from './checks/agentChecks.ts';
import { checkCluster } from './checks/clusterChecks.ts';
import { checkModule, checkModuleInCluster } from './checks/moduleChecks.ts';
import { checkPairOfModules } from './checks/modulePairChecks.ts';
import { checkCount, checkOtherModules, checkRoom } from './checks/placementChecks.ts';
import { checkServerChecks } from './checks/serverChecks.ts';
import { resolveAgent, resolveCluster, resolveModule } from './defaults.ts';
import type { AnyDocument, ParsedDocument } from './document.ts';
import { place } from './document.ts';

/**
 * What files that belong together (one cluster file, its modules, an agent file) say about one another, and what each says
 * beyond its schema: unknown hosts, addresses that are none, directories that overlap, detection times that are too short, …
 * Files that have errors of their own are left out: what is said about them would be guesswork.
 * @returns diagnostics of all the files, in the order of the documents and of their places in the text.
 */
export function crossChecks(documents: readonly AnyDocument[]): readonly Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const tell = (document: AnyDocument, problems: Iterable<Problem>): void => {
    if (document.root === null) return;
    for (const problem of problems) diagnostics.push(place({ ...document, root: document.root }, problem));
  };
  const clusters = documents.filter((document) => document.kind === 'cluster');
  const modules = documents.flatMap((document) =>
    document.kind === 'module' && document.value !== null
      ? [{ document, module: resolveModule(document.value), file: document.value }]
      : [],
  );
  // A cluster file that is broken, or two of them, say nothing reliable about hosts.
  const only = clusters.length === 1 ? clusters[0] : undefined;
  const cluster = only?.value ?? null;
  const resolved = cluster === null ? null : resolveCluster(cluster);

  for (const document of documents) {
    if (document.kind === 'cluster' && document.value !== null) tell(document, checkCluster(document.value));
    if (document.kind === 'agent' && document.value !== null) {
      tell(
        document,
        checkAgent(
          resolveAgent(document.value),
          resolved,
          modules.map(({ module }) => module),
        ),
      );
    }
  }
  const all = modules.map(({ module }) => module);
  // Somewhere else there may be more modules, and what a broken file is about is not known.
  const isComplete = resolved !== null && documents.every((each) => each.kind !== 'module' || each.value !== null);
  for (const extra of clusters.slice(1)) tell(extra, [severalClusters(clusters[0], extra)]);
  for (const { document, module, file } of modules) {
    tell(document, checkModule(module));
    tell(document, checkServerChecks(module, file));
    tell(document, checkOtherModules(module, all, isComplete));
    tell(document, checkCount(module, all));
    if (resolved !== null) {
      tell(document, checkModuleInCluster(module, file, resolved));
      tell(document, checkRoom(module, all, resolved));
    }
    for (const other of modules) {
      if (other.document !== document) tell(document, checkPairOfModules(module, other.module, other.document.file));
    }
  }
  const order = new Map(documents.map((document, index) => [document.file, index]));
  return diagnostics.sort((a, b) => (order.get(a.file) ?? 0) - (order.get(b.file) ?? 0) || a.start - b.start);
}

function severalClusters(first: ParsedDocument | undefined, extra: ParsedDocument): Problem {
  const names = `${first?.file ?? ''} and ${extra.file}`;
  return {
    code: 'several-clusters',
    path: ['name'],
    message: `an agent belongs to one cluster, found ${names}: keep one of them`,
    expected: 'one cluster file',
  };
}
