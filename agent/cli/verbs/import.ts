import { resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { formatDiagnostic } from '../../../schemas/diagnostic.ts';
import { ImportError } from '../../safekit/importError.ts';
import { importModule, type ImportedModule, type WrittenFile } from '../../safekit/importModule.ts';
import { askFor, requireConfirmation } from '../confirm.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { ExitCode } from '../exitCodes.ts';
import { readImportSource } from '../importSource.ts';
import { existingFiles, writeFiles } from '../importTarget.ts';
import type { Io } from '../io.ts';
import { printJson } from '../verb.ts';
import type { AddVerb } from '../verb.ts';

interface Options {
  readonly to?: string;
  readonly name?: string;
  readonly hosts?: readonly [string, string];
  readonly overwrite: boolean;
  readonly json: boolean;
}

export const addImport: AddVerb = (program, { io, run }) => {
  program
    .command('import')
    .description('make a module of one of SafeKit, and report what became of everything in it; talks to no agent')
    .argument('<file>', 'a .safe file, a userconfig.xml, or a module folder')
    .option('--to <folder>', 'write the module file and its scripts there (default: only print the report)')
    .option('--name <name>', 'what the module is called (default: as the file or its folder)')
    .option('--hosts <first,second>', 'its two hosts, in order of preference', parseHosts)
    .option('--overwrite', 'replace files that are there already', false)
    .option('--json', 'print report and files as JSON', false)
    .addHelpText('after', '\nExample:\n  understudy import web.safe --to . --hosts alpha,beta')
    .action((file: string, options: Options) => run(options.json, () => importFile(file, options, io)));
};

function parseHosts(text: string): readonly [string, string] {
  const [first, second, ...more] = text.split(',').map((name) => name.trim());
  const areNames = [first, second].every((name) => /^[a-z][a-z0-9-]{0,31}$/.test(name ?? ''));
  if (first === undefined || second === undefined || more.length > 0 || !areNames || first === second) {
    throw new InvalidArgumentError('Expected two names of hosts, such as alpha,beta.');
  }
  return [first, second];
}

async function importFile(file: string, options: Options, io: Io): Promise<ExitCode> {
  const imported = await refusing(async () => {
    const { input, name, source } = await readImportSource(file);
    return importModule(input, {
      source,
      name: options.name ?? name,
      ...(options.hosts !== undefined && { hosts: options.hosts }),
    });
  });
  const { impossible } = imported.report;
  const folder = options.to === undefined || impossible !== null ? null : resolve(options.to);
  if (folder !== null) await write(folder, imported, options, io);
  if (options.json) printJson(io, answer(imported, folder));
  else tell(imported, folder, io);
  return impossible === null ? exitCodes.ok : exitCodes.invalid;
}

async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ImportError) throw new CliError(exitCodes.invalid, error.code, error.message);
    throw error;
  }
}

async function write(folder: string, { name, files }: ImportedModule, options: Options, io: Io): Promise<void> {
  const existing = existingFiles(folder, files);
  if (existing.length > 0 && !options.overwrite) {
    const list = existing.map((path) => `  ${path}\n`).join('');
    if (options.json || !io.isInteractive) {
      throw new CliError(
        exitCodes.refused,
        'EXISTS',
        `Nothing was written: in ${folder} there are already\n${list}Say --overwrite to replace them, or choose another folder.`,
        { folder, existing },
      );
    }
    io.stderr(`In ${folder} there are already\n${list}`);
    requireConfirmation(name, await askFor(io, `Type the name of the module to replace them (${name}): `));
  }
  writeFiles(folder, files);
}

/** What `--json` prints. @param folder that was written to; null: none */
function answer(imported: ImportedModule, folder: string | null): object {
  const { name, files, report, reportText, diagnostics } = imported;
  return {
    ok: report.impossible === null,
    name,
    folder,
    files: files.map(fileAnswer),
    report,
    reportText,
    diagnostics,
  };
}

/** A file as text, or in base64 when it is none. */
function fileAnswer({ path, bytes, mode }: WrittenFile): object {
  const common = { path, mode: `0${mode.toString(8)}`, size: bytes.length };
  try {
    return { ...common, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { ...common, base64: Buffer.from(bytes).toString('base64') };
  }
}

function tell({ name, files, report, reportText, diagnostics }: ImportedModule, folder: string | null, io: Io): void {
  io.stdout(reportText);
  for (const diagnostic of diagnostics) io.stderr(`${formatDiagnostic(diagnostic)}\n`);
  if (report.impossible !== null) io.stderr('understudy: there is no module to be made of it.\n');
  else if (folder === null) {
    io.stderr(`understudy: nothing was written; --to FOLDER writes ${String(files.length)} files.\n`);
  } else {
    io.stderr(`understudy: ${name}.module.jsonc and its scripts (${String(files.length)} files) are in ${folder}.\n`);
  }
}
