import fs from 'node:fs';
import path from 'node:path';
import { readIfExists } from '../../platform/durable.ts';
import type { AsideFacts } from '../mirror.ts';

/** How a file that was kept aside differs from the replica that took its place. */
export interface AsideDifference {
  /** Relative, as bytes in base64: a name need not be UTF-8. */
  readonly path: string;
  /** `removed`: it is not in the other history. `content`: at least one byte differs. `attributes`: owner, mode, time or target differ. */
  readonly kind: 'removed' | 'content' | 'attributes';
  readonly size: number;
}

/** `manifest.json` of a content that was kept aside. */
export interface AsideManifest extends AsideFacts {
  readonly formatVersion: 1;
  readonly module: string;
  /** ISO 8601. */
  readonly at: string;
  /** What the files take on the disk. */
  readonly bytes: number;
  /** Null: everything that the replica held is here. Otherwise only these files, and the directories that they are in. */
  readonly differences: readonly AsideDifference[] | null;
}

export const asideFolder = (stateDirectory: string) => path.join(stateDirectory, 'aside');
export const filesFolder = (folder: string) => path.join(folder, 'files');
export const manifestFile = (folder: string) => path.join(folder, 'manifest.json');

/** Null when there is none, or one of another version. */
export function readManifest(folder: string): AsideManifest | null {
  const content = readIfExists(manifestFile(folder));
  if (content === null) return null;
  try {
    const parsed = JSON.parse(content.toString('utf8')) as Partial<AsideManifest>;
    return parsed.formatVersion === 1 && Array.isArray(parsed.lineage) ? (parsed as AsideManifest) : null;
  } catch {
    return null;
  }
}

export interface Aside {
  readonly name: string;
  readonly folder: string;
  /** Null: written by an earlier version, which left the files without one. */
  readonly manifest: AsideManifest | null;
}

/** What a module has kept aside on this host, the oldest first. */
export function listAside(stateDirectory: string): Aside[] {
  let names: string[];
  try {
    names = fs.readdirSync(asideFolder(stateDirectory));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .filter((name) => !/\.(partial|removed)$/.test(name))
    .map((name) => {
      const folder = path.join(asideFolder(stateDirectory), name);
      return { name, folder, manifest: readManifest(folder) };
    })
    .sort((a, b) => (a.manifest?.at ?? '').localeCompare(b.manifest?.at ?? '') || a.name.localeCompare(b.name));
}
