import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { crossChecks } from '../../schemas/crossChecks.ts';
import { resolveAgent, resolveCluster, resolveModule } from '../../schemas/defaults.ts';
import type { ResolvedAgent, ResolvedCluster, ResolvedHost, ResolvedModule } from '../../schemas/defaults.ts';
import { unreadable } from '../../schemas/diagnostic.ts';
import type { Diagnostic } from '../../schemas/diagnostic.ts';
import { kindOfFile } from '../../schemas/document.ts';
import type { AnyDocument, ParsedDocument } from '../../schemas/document.ts';
import { explainReadError, readDocument } from './readFile.ts';

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
}

export type ConfigurationResult =
  /** `diagnostics` holds warnings, and the errors of module files that were left out. */
  | { readonly ok: true; readonly configuration: Configuration; readonly diagnostics: readonly Diagnostic[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * Reads `agent.jsonc`, the one `*.cluster.jsonc` and `modules/*.module.jsonc` of a folder. A broken module file is reported and left
 * out; a broken agent or cluster file makes the whole configuration unusable. Never rejects because of what is in the files.
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
  const documents: AnyDocument[] = [];
  const agent = await read(join(directory, 'agent.jsonc'), 'agent', diagnostics);
  const cluster = await readCluster(directory, folder.names, diagnostics);
  if (agent !== null) documents.push(agent);
  if (cluster !== null) documents.push(cluster);
  documents.push(...(await readModules(join(directory, 'modules'), diagnostics)));

  for (const document of documents) diagnostics.push(...document.diagnostics);
  diagnostics.push(...crossChecks(documents));
  const broken = new Set(
    diagnostics.filter((diagnostic) => diagnostic.severity === 'error').map((diagnostic) => diagnostic.file),
  );
  if (agent === null || agent.value === null || cluster === null || cluster.value === null) {
    return { ok: false, diagnostics };
  }
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
    configuration: { directory, agent: resolvedAgent, cluster: resolvedCluster, self, modules },
    diagnostics,
  };
}

/** The addresses that the agent's API listens on: what the agent file says, or every address of the host and 127.0.0.1. */
export function listenAddresses(configuration: Pick<Configuration, 'agent' | 'self'>): readonly string[] {
  const { listen } = configuration.agent.api;
  if (listen !== null) return [...new Set(listen)];
  return [...new Set(['127.0.0.1', ...configuration.self.addresses.map(({ address }) => address)])];
}

async function readCluster(
  directory: string,
  names: readonly string[],
  diagnostics: Diagnostic[],
): Promise<ParsedDocument<'cluster'> | null> {
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
  return read(join(directory, only), 'cluster', diagnostics);
}

async function readModules(directory: string, diagnostics: Diagnostic[]): Promise<readonly AnyDocument[]> {
  const folder = await list(directory);
  if (!folder.ok) {
    // A host without modules (the witness) needs no folder for them.
    if (!folder.isMissing) diagnostics.push(unreadable(directory, folder.message));
    return [];
  }
  const names = folder.names.filter((name) => kindOfFile(name) === 'module');
  const documents = await Promise.all(names.map((name) => read(join(directory, name), 'module', diagnostics)));
  return documents.filter((document) => document !== null);
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
