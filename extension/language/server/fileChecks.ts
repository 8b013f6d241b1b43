/** What is said of programs and images that a file names, as far as this machine's disk tells: only the editor knows that. */
import { dirname } from 'node:path';
import type { Diagnostic, Problem } from '../../../schemas/diagnostic.ts';
import { place } from '../../../schemas/document.ts';
import type { AnyDocument } from '../../../schemas/document.ts';
import type { FileFacts } from './model/fileFacts.ts';
import { isConfiguration, namedFilesIn } from './model/namedFiles.ts';
import type { NamedFile } from './model/namedFiles.ts';

/** Only a host has it. */
const agentFile = '/etc/understudy/agent.jsonc';

const known = new WeakMap<AnyDocument, { readonly revision: number; readonly diagnostics: readonly Diagnostic[] }>();

/** Warnings about what a document names on disks. What nobody has looked at yet is not told. */
export function checkFiles(document: AnyDocument, facts: FileFacts): readonly Diagnostic[] {
  const { root } = document;
  if (root === null) return [];
  const last = known.get(document);
  if (last?.revision === facts.revision) return last.diagnostics;
  const diagnostics = namedFilesIn(document).flatMap((file) => {
    const problem = problemOf(file, facts);
    return problem === null ? [] : [place({ ...document, root }, problem)];
  });
  known.set(document, { revision: facts.revision, diagnostics });
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

function problemOf(file: NamedFile, facts: FileFacts): Problem | null {
  const found = file.candidates.map((path) => facts.known(path));
  if (found.length === 0 || found.includes(undefined)) return null;
  if (file.role === 'program') return problemOfProgram(file, found, facts);
  return file.role === 'image' ? problemOfImage(file, found, facts) : null;
}

type Found = readonly ReturnType<FileFacts['known']>[];

function problemOfProgram({ name, path, candidates }: NamedFile, found: Found, facts: FileFacts): Problem | null {
  if (found.includes('executable')) return null;
  const asWarning = { severity: 'warning', path } as const;
  if (found.includes('file')) {
    // Windows has no such mode: there it is set on the hosts.
    if (process.platform === 'win32') return null;
    const expected = 'a file that may be executed (chmod +x)';
    const message = `"${name}" may not be executed: expected ${expected}`;
    return { code: 'script-not-executable', ...asWarning, message, expected };
  }
  // A machine that is no host cannot tell; but what belongs to the configuration lies beside the cluster file where it is written.
  const isHost = facts.known(agentFile) !== undefined && facts.known(agentFile) !== 'missing';
  if (!isHost && !isConfiguration(name)) return null;
  const hasFolder = candidates.some((each) => isFolder(facts.known(dirname(each))));
  if (!hasFolder && !found.some(isFolder)) return null;
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
