import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { crossChecks } from '../../schemas/crossChecks.ts';
import { resolveAgent, resolveCluster, resolveModule } from '../../schemas/defaults.ts';
import type { ResolvedAgent, ResolvedCluster, ResolvedHost, ResolvedModule } from '../../schemas/defaults.ts';
import { unreadable } from '../../schemas/diagnostic.ts';
import type { Diagnostic } from '../../schemas/diagnostic.ts';
import { kindOfFile } from '../../schemas/document.ts';
import type { AnyDocument, ParsedDocument } from '../../schemas/document.ts';
import { explainReadError, parseAny, readConfigurationText, readDocument } from './readFile.ts';
import { differingFiles, VersionStore, type Files } from './versions.ts';

export const defaultConfigDirectory = '/etc/understudy';

/** Everything that an agent is told by its files, with every default filled in. */
export interface Configuration {
  /** The folder it was read from. */
  readonly directory: string;
  readonly agent: ResolvedAgent;
  readonly cluster: ResolvedCluster;
  /** This host in the cluster. */
  readonly self: ResolvedHost;
  /** The modules whose files have no errors, those of other hosts included. */
  readonly modules: readonly ResolvedModule[];
  /** Number of the version that was applied last; 0: none was, and the folder counts. */
  readonly version: number;
  /** The cluster file and the module files, with whatever errors they have. */
  readonly files: Files;
}

export type ConfigurationResult =
  /** `diagnostics` holds warnings, and the errors of module files that were left out. */
  | { readonly ok: true; readonly configuration: Configuration; readonly diagnostics: readonly Diagnostic[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * Reads `agent.jsonc`, and the cluster file and the module files: those that were applied last, or, as long as none were, what lies in the
 * folder. A broken module file is reported and left out; a broken agent or cluster file makes the whole configuration unusable. Never rejects
 * because of what is in the files.
 */
export async function loadConfiguration(directory: string = defaultConfigDirectory): Promise<ConfigurationResult> {
  const folder = await list(directory);
  if (!folder.ok) {
    return {
      ok: false,
      diagnostics: [unreadable(directory, `${folder.message}; \`understudy init\` or \`understudy join\` makes it`)],
    };
  }
  const diagnostics: Diagnostic[] = [];
  const agent = await read(join(directory, 'agent.jsonc'), 'agent', diagnostics);
  const applied = agent?.value ? appliedVersion(agent, diagnostics) : null;
  if (applied === null) {
    const found = await readFolder(directory, folder.names);
    diagnostics.push(...found.diagnostics);
    return judge(directory, agent, { number: 0, files: found.files }, diagnostics);
  }
  const found = await readFolder(directory, folder.names);
  for (const name of differingFiles(applied.files, found.files)) {
    // An apply that was cut short, which the agent brings to its end.
    if (found.files[name] === applied.before?.[name]) continue;
    diagnostics.push({
      ...unreadable(pathOf(directory, name), notApplied(name)),
      code: 'not-applied',
      severity: 'warning',
    });
  }
  return judge(directory, agent, applied, diagnostics);
}

/** The settings of this host's agent. @throws Error when they cannot be read any more */
export async function readAgentFile(directory: string): Promise<ParsedDocument<'agent'>> {
  const result = await readDocument('agent', join(directory, 'agent.jsonc'));
  if ('document' in result) return result.document;
  throw new Error(result.diagnostic.message);
}

/** What to do about a file that was changed by hand. */
export function notApplied(name: string): string {
  return `${name} was changed by hand and is not applied: the agent runs by what was applied last; \`understudy apply ${name}\` applies it on all hosts, \`understudy diff --folder\` shows the difference`;
}

/** Where a cluster or module file lies. */
export function pathOf(directory: string, name: string): string {
  return kindOfFile(name) === 'module' ? join(directory, 'modules', name) : join(directory, name);
}

/** The cluster and module files that lie in a folder, and what is in the way of reading them. */
export async function readFolder(
  directory: string,
  known?: readonly string[],
): Promise<{ readonly files: Files; readonly diagnostics: readonly Diagnostic[] }> {
  const diagnostics: Diagnostic[] = [];
  const names = known ?? (await listOrNothing(directory, diagnostics));
  const cluster = clusterName(directory, names, diagnostics);
  const modules = await moduleNames(join(directory, 'modules'), diagnostics);
  const files: Record<string, string> = {};
  for (const name of cluster === null ? modules : [cluster, ...modules]) {
    const text = await readConfigurationText(pathOf(directory, name));
    if (text.ok) files[name] = text.text;
    else diagnostics.push(text.diagnostic);
  }
  return { files, diagnostics };
}

/** What an agent is told by these files. */
export function judge(
  directory: string,
  agent: ParsedDocument<'agent'> | null,
  { number, files }: { readonly number: number; readonly files: Files },
  earlier: readonly Diagnostic[] = [],
): ConfigurationResult {
  const documents: AnyDocument[] = agent === null ? [] : [agent];
  for (const [name, text] of Object.entries(files)) {
    const kind = kindOfFile(name);
    if (kind !== null) documents.push(parseAny(kind, text, pathOf(directory, name)));
  }
  const diagnostics = [...earlier, ...documents.flatMap((document) => document.diagnostics), ...crossChecks(documents)];
  const broken = new Set(
    diagnostics.filter((diagnostic) => diagnostic.severity === 'error').map((diagnostic) => diagnostic.file),
  );
  const cluster = documents.find((document) => document.kind === 'cluster');
  if (!agent?.value || !cluster?.value) return { ok: false, diagnostics };
  if (broken.has(agent.file) || broken.has(cluster.file)) return { ok: false, diagnostics };

  const resolvedAgent = resolveAgent(agent.value);
  const resolvedCluster = resolveCluster(cluster.value);
  const self = resolvedCluster.hosts.find((host) => host.name === resolvedAgent.host);
  if (self === undefined) return { ok: false, diagnostics };
  const modules = documents.flatMap((document) =>
    document.kind === 'module' && document.value !== null && !broken.has(document.file)
      ? [resolveModule(document.value)]
      : [],
  );
  return {
    ok: true,
    configuration: { directory, agent: resolvedAgent, cluster: resolvedCluster, self, modules, version: number, files },
    diagnostics,
  };
}

/** The addresses that the agent's API listens on: what the agent file says, or every address of the host and 127.0.0.1. */
export function listenAddresses(configuration: Pick<Configuration, 'agent' | 'self'>): readonly string[] {
  const { listen } = configuration.agent.api;
  if (listen !== null) return [...new Set(listen)];
  return [...new Set(['127.0.0.1', ...configuration.self.addresses.map(({ address }) => address)])];
}

/** The version that was applied last; null: none was, or this user may not know. `before`: the files of the one before it. */
function appliedVersion(
  agent: ParsedDocument<'agent'>,
  diagnostics: Diagnostic[],
): { readonly number: number; readonly files: Files; readonly before: Files | null } | null {
  if (agent.value === null) return null;
  try {
    const store = new VersionStore(resolveAgent(agent.value).stateDirectory);
    const newest = store.newest();
    return newest && { ...newest, before: store.before(newest.number)?.files ?? null };
  } catch (error) {
    // Who may not read the state has the folder to go by, which is the same unless somebody edited it.
    if (error instanceof Error && 'code' in error && error.code === 'EACCES') return null;
    diagnostics.push(unreadable(agent.file, error instanceof Error ? error.message : String(error)));
    return { number: 0, files: {}, before: null };
  }
}

function clusterName(directory: string, names: readonly string[], diagnostics: Diagnostic[]): string | null {
  const found = names.filter((name) => kindOfFile(name) === 'cluster');
  const [only, second] = found;
  if (only === undefined) {
    diagnostics.push(
      unreadable(
        directory,
        `there is no cluster file NAME.cluster.jsonc in ${directory}; \`understudy init --cluster FILE\` installs it`,
      ),
    );
    return null;
  }
  if (second !== undefined) {
    diagnostics.push(
      unreadable(
        directory,
        `an agent belongs to one cluster, found ${found.join(' and ')} in ${directory}: keep one of them`,
      ),
    );
    return null;
  }
  return only;
}

async function moduleNames(directory: string, diagnostics: Diagnostic[]): Promise<readonly string[]> {
  const folder = await list(directory);
  if (!folder.ok) {
    // A host without modules (the witness) needs no folder for them.
    if (!folder.isMissing) diagnostics.push(unreadable(directory, folder.message));
    return [];
  }
  return folder.names.filter((name) => kindOfFile(name) === 'module');
}

async function listOrNothing(directory: string, diagnostics: Diagnostic[]): Promise<readonly string[]> {
  const folder = await list(directory);
  if (folder.ok) return folder.names;
  diagnostics.push(unreadable(directory, folder.message));
  return [];
}

async function read<Kind extends 'module' | 'cluster' | 'agent'>(
  file: string,
  kind: Kind,
  diagnostics: Diagnostic[],
): Promise<ParsedDocument<Kind> | null> {
  const result = await readDocument(kind, file);
  if ('document' in result) return result.document;
  diagnostics.push(result.diagnostic);
  return null;
}

type Listing =
  | { readonly ok: true; readonly names: readonly string[] }
  | { readonly ok: false; readonly message: string; readonly isMissing: boolean };

async function list(directory: string): Promise<Listing> {
  try {
    return { ok: true, names: (await readdir(directory)).sort() };
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return { ok: false, message: explainReadError(directory, error), isMissing };
  }
}
