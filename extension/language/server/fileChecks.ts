/** What is said of programs and images that a file names, as far as this machine's disk tells: only the editor knows that. */
import { dirname } from 'node:path';
import type { Diagnostic, Problem } from '../../../schemas/diagnostic.ts';
import { isWithin } from '../../../schemas/checks/directories.ts';
import { place } from '../../../schemas/document.ts';
import type { AnyDocument } from '../../../schemas/document.ts';
import { nodesAt } from '../../../schemas/occurrences.ts';
import type { FileFacts } from './model/fileFacts.ts';
import { isConfiguration, namedFilesIn } from './model/namedFiles.ts';
import type { NamedFile } from './model/namedFiles.ts';

/** Only a host has it. */
const agentFile = '/etc/understudy/agent.jsonc';

interface Told {
  readonly revision: number;
  readonly hasCluster: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

const known = new WeakMap<AnyDocument, Told>();

/**
 * Warnings about what a document names on disks. What nobody has looked at yet is not told.
 * @param hasCluster whether a cluster file is there: what belongs to the configuration lies beside it
 */
export function checkFiles(document: AnyDocument, facts: FileFacts, hasCluster: boolean): readonly Diagnostic[] {
  const { root } = document;
  if (root === null) return [];
  const last = known.get(document);
  if (last?.revision === facts.revision && last.hasCluster === hasCluster) return last.diagnostics;
  const directories = nodesAt(root, ['mirror', 'directories', '*']).map(({ value }) => String(value?.value));
  const disk: Disk = { facts, hasCluster, directories: directories.filter((each) => each.startsWith('/')) };
  const diagnostics = namedFilesIn(document).flatMap((file) => {
    const problem = problemOf(file, disk);
    return problem === null ? [] : [place({ ...document, root }, problem)];
  });
  known.set(document, { revision: facts.revision, hasCluster, diagnostics });
  return diagnostics;
}

const interesting = new WeakMap<AnyDocument, readonly string[]>();

/** Paths that have to be looked at for a document. */
export function pathsOfInterest(document: AnyDocument): readonly string[] {
  let paths = interesting.get(document);
  if (paths === undefined) {
    paths = namedFilesIn(document)
      .filter(({ role }) => role === 'program' || role === 'image')
      .flatMap(({ candidates }) => candidates.flatMap((path) => [path, dirname(path), agentFile]));
    interesting.set(document, paths);
  }
  return paths;
}

interface Disk {
  readonly facts: FileFacts;
  readonly hasCluster: boolean;
  /** Those that the document's module mirrors. */
  readonly directories: readonly string[];
}

function problemOf(file: NamedFile, disk: Disk): Problem | null {
  const { facts } = disk;
  const found = file.candidates.map((path) => facts.known(path));
  if (found.length === 0 || found.includes(undefined)) return null;
  if (file.role === 'program') return problemOfProgram(file, found, disk);
  return file.role === 'image' ? problemOfImage(file, found, facts) : null;
}

type Found = readonly ReturnType<FileFacts['known']>[];

function problemOfProgram({ name, path, candidates }: NamedFile, found: Found, disk: Disk): Problem | null {
  if (found.includes('executable') || found.includes('hidden')) return null;
  const asWarning = { severity: 'warning', path } as const;
  if (found.includes('file')) {
    // Windows has no such mode: there it is set on the hosts.
    if (process.platform === 'win32') return null;
    const expected = 'a file that may be executed (chmod +x)';
    const message = `"${name}" may not be executed: expected ${expected}`;
    return { code: 'script-not-executable', ...asWarning, message, expected };
  }
  // A machine that is no host cannot tell; but what belongs to the configuration lies beside the cluster file where it is written.
  const { facts, hasCluster, directories } = disk;
  const isHost = !['missing', undefined].includes(facts.known(agentFile));
  if (!isHost && !(isConfiguration(name) && hasCluster)) return null;
  // As with images: what is mirrored is not there on a host that is secondary.
  const isMirrored = candidates.some((each) => directories.some((directory) => isWithin(each, directory)));
  if (isMirrored && !candidates.some((each) => facts.known(dirname(each)) === 'folder')) return null;
  const expected = 'a program, the same on both hosts';
  const what = found.some(isFolder) ? 'is a folder' : 'is not there';
  return { code: 'missing-script', ...asWarning, message: `"${name}" ${what}: expected ${expected}`, expected };
}

function problemOfImage({ name, path, candidates }: NamedFile, found: Found, facts: FileFacts): Problem | null {
  if (found.some((fact) => fact !== 'missing')) return null;
  // The replica of a host that is secondary, or of a module that has not begun, is empty or elsewhere.
  if (!candidates.some((each) => facts.known(dirname(each)) === 'folder')) return null;
  const expected = 'a file in the mirrored directory';
  return {
    code: 'missing-file',
    severity: 'warning',
    path,
    message: `"${name}" is not there: expected ${expected}`,
    expected,
  };
}

function isFolder(fact: ReturnType<FileFacts['known']>): boolean {
  return fact === 'folder' || fact === 'emptyFolder';
}
