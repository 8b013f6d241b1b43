import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { resolveAgent } from '../../schemas/defaults.ts';
import type { ResolvedAgent } from '../../schemas/defaults.ts';
import { kindOfFile } from '../../schemas/document.ts';
import { makeDirectoryDurably, syncDirectory, writeDurably } from '../platform/durable.ts';
import { CliError, exitCodes } from './exitCodes.ts';

/** Where an agent's own folders shall be, when not at their defaults. */
export interface AgentFolders {
  readonly state?: string;
  readonly run?: string;
}

/** Names in a configuration folder that make a host part of a cluster. */
function clusterEntries(directory: string): readonly string[] {
  try {
    return readdirSync(directory).filter(
      (name) => name === 'tls' || name === 'agent.jsonc' || kindOfFile(name) === 'cluster',
    );
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Makes sure that nothing of another cluster is overwritten.
 * @param force keep what is there in a backup folder instead of refusing.
 * @returns the backup folder, null when there was nothing.
 */
export function makeRoom(directory: string, stateDirectory: string, force: boolean): string | null {
  const entries = clusterEntries(directory);
  if (entries.length === 0) return null;
  if (!force) {
    throw new CliError(
      exitCodes.refused,
      'ALREADY',
      `${directory} belongs to a cluster already (${entries.join(', ')}): nothing was changed. Use --config for another folder, or --force to put these aside and begin anew; \`understudy join --renew\` replaces the certificate alone.`,
    );
  }
  const backup = `${resolve(directory)}.backup-${new Date().toISOString().replaceAll(':', '').slice(0, 17)}`;
  mkdirSync(backup, { mode: 0o700 });
  for (const entry of entries) renameSync(join(directory, entry), join(backup, entry));
  // Tokens of the old cluster must not open the new one. The state may lie on another file system, where nothing can be renamed to.
  for (const name of ['tokens.json', 'join-tokens']) {
    const from = join(stateDirectory, name);
    if (!existsSync(from)) continue;
    cpSync(from, join(backup, name), { recursive: true });
    rmSync(from, { recursive: true });
  }
  syncDirectory(backup);
  syncDirectory(directory);
  return backup;
}

/** Installs agent.jsonc, the cluster file and modules/ (never over a module file that is there). */
export function installFiles(
  directory: string,
  host: string,
  folders: AgentFolders,
  cluster: { readonly name: string; readonly text: string },
  modules: readonly { readonly name: string; readonly text: string }[],
): void {
  putVersionsAside(settingsOf(host, folders).stateDirectory);
  makeDirectoryDurably(join(directory, 'modules'), 0o755);
  writeDurably(join(directory, cluster.name), cluster.text, { mode: 0o644 });
  const present = new Set(readdirSync(join(directory, 'modules')));
  for (const module of modules) {
    if (!present.has(module.name)) writeDurably(join(directory, 'modules', module.name), module.text, { mode: 0o644 });
  }
  const settings = agentSettings(host, folders);
  const lines = Object.entries(settings).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  writeDurably(
    join(directory, 'agent.jsonc'),
    `// Settings of the agent of this host. \`understudy validate agent.jsonc\` checks them.\n{\n${lines.join(',\n')}\n}\n`,
    { mode: 0o644 },
  );
}

/** The agent would run by what was applied last, which may be of another cluster. */
function putVersionsAside(stateDirectory: string): void {
  const versions = join(stateDirectory, 'versions');
  if (!existsSync(versions)) return;
  renameSync(versions, `${versions}.backup-${new Date().toISOString().replaceAll(':', '').slice(0, 17)}`);
  syncDirectory(stateDirectory);
}

function agentSettings(
  host: string,
  folders: AgentFolders,
): { readonly host: string; readonly stateDirectory?: string; readonly runDirectory?: string } {
  return {
    host,
    ...(folders.state === undefined ? {} : { stateDirectory: resolve(folders.state) }),
    ...(folders.run === undefined ? {} : { runDirectory: resolve(folders.run) }),
  };
}

/** The agent's settings as `installFiles` writes them, defaults included. */
export function settingsOf(host: string, folders: AgentFolders): ResolvedAgent {
  return resolveAgent(agentSettings(host, folders));
}
