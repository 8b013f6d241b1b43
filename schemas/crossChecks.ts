import { shortfalls } from './capacity.ts';
import { checkAgent } from './checks/agentChecks.ts';
import { checkCluster } from './checks/clusterChecks.ts';
import { checkDurations } from './checks/durationChecks.ts';
import { checkModule, checkModuleInCluster } from './checks/moduleChecks.ts';
import { checkPairOfModules } from './checks/modulePairChecks.ts';
import { checkCount, checkOtherModules, checkRoom, shortfallsByModule } from './checks/placementChecks.ts';
import { checkServerChecks } from './checks/serverChecks.ts';
import { resolveAgent, resolveCluster, resolveModule } from './defaults.ts';
import type { ResolvedCluster, ResolvedModule } from './defaults.ts';
import type { Diagnostic, Problem } from './diagnostic.ts';
import type { AnyDocument, ParsedDocument } from './document.ts';
import { place } from './document.ts';
import type { ClusterFile } from './generated/cluster.ts';
import type { ModuleFile } from './generated/module.ts';
import { ModuleIndex } from './moduleIndex.ts';

/**
 * What files that belong together (one cluster file, its modules, an agent file) say about one another, and what each says
 * beyond its schema: unknown hosts, addresses that are none, directories that overlap, detection times that are too short, …
 * Files that have errors of their own are left out: what is said about them would be guesswork.
 *
 * What one document says by itself, or with its cluster file, is kept with the document: after a key press in one of many only
 * that one is looked at anew.
 * @returns diagnostics of all the files, in the order of the documents and of their places in the text.
 */
export function crossChecks(documents: readonly AnyDocument[]): readonly Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const tell = (document: ParsedDocument, problems: Iterable<Problem>): void => {
    diagnostics.push(...placed(document, problems));
  };
  const clusters = documents.filter((document) => document.kind === 'cluster');
  const modules = documents.flatMap((document) => {
    if (document.kind !== 'module') return [];
    const known = knowledgeOf(document);
    return known === null ? [] : [{ document, ...known }];
  });
  // A cluster file that is broken, or two of them, say nothing reliable about hosts.
  const only = clusters.length === 1 ? clusters[0] : undefined;
  const cluster = only === undefined ? null : clusterOf(only);

  for (const document of documents) {
    if (document.kind === 'cluster') diagnostics.push(...ownOfCluster(document));
    if (document.kind === 'agent' && document.value !== null) {
      const agent = resolveAgent(document.value);
      tell(document, checkDurations('agent', document.value));
      tell(
        document,
        checkAgent(
          agent,
          cluster,
          modules.map(({ module }) => module),
        ),
      );
    }
  }
  const all = modules.map(({ module }) => module);
  const index = new ModuleIndex(all);
  const found = new Map(modules.map((each, position) => [each.module, { document: each.document, position }]));
  // Somewhere else there may be more modules, and what a broken file is about is not known.
  const isComplete = cluster !== null && documents.every((each) => each.kind !== 'module' || each.value !== null);
  const short = shortfallsByModule(cluster === null ? [] : shortfalls(all, cluster.capacity));
  for (const extra of clusters.slice(1)) tell(extra, [severalClusters(clusters[0], extra)]);
  for (const { document, module, own } of modules) {
    diagnostics.push(...own);
    tell(document, checkOtherModules(module, index, isComplete));
    tell(document, checkCount(module, index));
    if (cluster !== null) {
      diagnostics.push(...inCluster(document, cluster));
      tell(document, checkRoom(module, short.get(module.name) ?? []));
    }
    const others = [...index.relatedTo(module)].flatMap((other) => {
      const theirs = found.get(other);
      return theirs === undefined ? [] : [{ other, ...theirs }];
    });
    for (const { other, document: theirs } of others.sort((a, b) => a.position - b.position)) {
      tell(document, checkPairOfModules(module, other, theirs.file));
    }
  }
  const order = new Map(documents.map((document, position) => [document.file, position]));
  return diagnostics.sort((a, b) => (order.get(a.file) ?? 0) - (order.get(b.file) ?? 0) || a.start - b.start);
}

function placed(document: ParsedDocument, problems: Iterable<Problem>): readonly Diagnostic[] {
  const { root } = document;
  if (root === null) return [];
  return Array.from(problems, (problem) => place({ ...document, root }, problem));
}

interface Knowledge {
  readonly module: ResolvedModule;
  readonly file: ModuleFile;
  /** What is said of it without any other file. */
  readonly own: readonly Diagnostic[];
}

const ofModules = new WeakMap<ParsedDocument, Knowledge>();
const ofClusters = new WeakMap<ParsedDocument, ResolvedCluster>();
const ownOfClusters = new WeakMap<ParsedDocument, readonly Diagnostic[]>();
const inClusters = new WeakMap<ParsedDocument, { cluster: ResolvedCluster; diagnostics: readonly Diagnostic[] }>();

/** Null: the file has errors. */
function knowledgeOf(document: ParsedDocument<'module'>): Knowledge | null {
  const file: ModuleFile | null = document.value;
  if (file === null) return null;
  let known = ofModules.get(document);
  if (known === undefined) {
    const module = resolveModule(file);
    const own = placed(document, [
      ...checkDurations('module', file),
      ...checkModule(module),
      ...checkServerChecks(module, file),
    ]);
    ofModules.set(document, (known = { module, file, own }));
  }
  return known;
}

function clusterOf(document: ParsedDocument<'cluster'>): ResolvedCluster | null {
  const file: ClusterFile | null = document.value;
  if (file === null) return null;
  let known = ofClusters.get(document);
  if (known === undefined) ofClusters.set(document, (known = resolveCluster(file)));
  return known;
}

function ownOfCluster(document: ParsedDocument<'cluster'>): readonly Diagnostic[] {
  if (document.value === null) return [];
  let known = ownOfClusters.get(document);
  if (known === undefined) {
    known = placed(document, [...checkDurations('cluster', document.value), ...checkCluster(document.value)]);
    ownOfClusters.set(document, known);
  }
  return known;
}

function inCluster(document: ParsedDocument<'module'>, cluster: ResolvedCluster): readonly Diagnostic[] {
  const last = inClusters.get(document);
  if (last?.cluster === cluster) return last.diagnostics;
  const known = knowledgeOf(document);
  if (known === null) return [];
  const diagnostics = placed(document, checkModuleInCluster(known.module, known.file, cluster));
  inClusters.set(document, { cluster, diagnostics });
  return diagnostics;
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
