import type { Contender } from './contender.ts';
import type { ModuleFile } from './files.ts';
import { ServerProcess } from './serverProcess.ts';
import type { Publication } from './serverProcess.ts';
import type { Keystroke } from './typing.ts';

/** What one run of one server gave; milliseconds and MiB. */
export interface Sample {
  /** From the start of the process to the first error that is told of the file that is open. */
  readonly firstDiagnosticsMs: number;
  /** From the start of the process until every file is checked, open or not; null: it checks open files only. */
  readonly allFilesMs: number | null;
  /** From each key press to the diagnostics of the text with it. */
  readonly keystrokesMs: readonly number[];
  /** Resident memory after the last key press. */
  readonly rssMiB: number;
  /** All files opened at once: until the last one's diagnostics are there, and the resident memory then. */
  readonly allOpenMs: number;
  readonly allOpenRssMiB: number;
}

/** What is given to one server. */
export interface Task {
  readonly contender: Contender;
  readonly folder: string;
  readonly schema: string;
  readonly files: readonly ModuleFile[];
  /** How many of the files are open while somebody types. */
  readonly openFiles: number;
  /** What is typed; texts are counted among the open files. */
  readonly keystrokes: readonly Keystroke[];
  readonly signal: AbortSignal;
}

/**
 * Starts a server, opens files, types, and opens the rest.
 * @throws Error when it does not find the errors that there are, or others
 */
export async function measure(task: Task): Promise<Sample> {
  const { contender, folder, files, openFiles, signal } = task;
  const settings = (section: string): unknown => contender.settings(section, task.schema);
  const startMs = performance.now();
  const server = new ServerProcess({ ...contender, folder, settings, signal });
  await server.initialize();
  const [first, ...others] = files;
  if (first === undefined) throw new Error('no files');
  await server.open(first.uri, first.text);
  // A server may publish that there is nothing before it has its settings.
  const firstDiagnosticsMs = (await server.published(first.uri, hasAny)).atMs - startMs;
  const allFilesMs = contender.checksClosedFiles ? (await allErrors(server, files)) - startMs : null;
  await openAll(server, others.slice(0, openFiles - 1));
  const keystrokesMs = await type(server, task);
  const rssMiB = server.rssMiB();
  const openedMs = performance.now();
  const lastMs = await openAll(server, others.slice(openFiles - 1));
  const allOpenRssMiB = server.rssMiB();
  checkFound(server, task);
  await server.stop();
  return { firstDiagnosticsMs, allFilesMs, keystrokesMs, rssMiB, allOpenMs: lastMs - openedMs, allOpenRssMiB };
}

const hasAny = ({ diagnostics }: Publication): boolean => diagnostics.length > 0;

/** When the last of the errors was told. */
async function allErrors(server: ServerProcess, files: readonly ModuleFile[]): Promise<number> {
  const found = await Promise.all(
    files.filter(({ hasError }) => hasError).map(({ uri }) => server.published(uri, hasAny)),
  );
  return Math.max(...found.map(({ atMs }) => atMs));
}

/** @returns when the diagnostics of the last of them were told */
async function openAll(server: ServerProcess, files: readonly ModuleFile[]): Promise<number> {
  const startMs = performance.now();
  for (const { uri, text } of files) await server.open(uri, text);
  const found = await Promise.all(files.map(({ uri }) => server.published(uri, ({ atMs }) => atMs >= startMs)));
  return Math.max(startMs, ...found.map(({ atMs }) => atMs));
}

/** How much too early a timer of Node may go off, milliseconds. */
const earlyMs = 2;

async function type(server: ServerProcess, { contender, files, keystrokes }: Task): Promise<readonly number[]> {
  const versions = new Map<string, number>();
  const times: number[] = [];
  for (const { text, line, character, removed, inserted } of keystrokes) {
    const uri = files[text]?.uri ?? '';
    const version = (versions.get(uri) ?? 1) + 1;
    versions.set(uri, version);
    const range = { start: { line, character }, end: { line, character: character + removed } };
    const pressedMs = performance.now();
    await server.change(uri, version, { range, text: inserted });
    // One that names no version is taken for an answer when it comes no sooner than it can.
    const { atMs } = await server.published(uri, (publication) =>
      publication.version === undefined
        ? publication.atMs >= pressedMs + Math.max(0, contender.delayMs - earlyMs)
        : publication.version === version,
    );
    times.push(atMs - pressedMs);
  }
  return times;
}

/** With everything open and every key press taken back the errors are those that were written, for every server the same. */
function checkFound(server: ServerProcess, { contender, files }: Task): void {
  for (const { uri, hasError } of files) {
    const found = server.last(uri)?.diagnostics ?? [];
    if (found.length > 0 === hasError) continue;
    const told = found.map(({ message }) => (typeof message === 'string' ? message : message.value)).join('; ');
    throw new Error(`${contender.name} finds ${told === '' ? 'nothing' : told} in ${uri}`);
  }
}
