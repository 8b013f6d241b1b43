import { Option } from 'commander';
import { formatDiagnostic } from '../../../schemas/diagnostic.ts';
import { kindOfFile, parseDocument, type AnyDocument, type ParsedDocument } from '../../../schemas/document.ts';
import type { ExplainedModule } from '../../../schemas/explain.ts';
import { explainDocument } from '../../explain/documents.ts';
import type { ExplainOptions } from '../../explain/explain.ts';
import { faultNames } from '../../explain/faults.ts';
import { readGroup } from '../../explain/group.ts';
import { capital } from '../../explain/words.ts';
import { parseAny, readConfigurationText } from '../../config/readFile.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { ExitCode } from '../exitCodes.ts';
import type { Io } from '../io.ts';
import { paint, printable } from '../table.ts';
import { printJson } from '../verb.ts';
import type { AddVerb } from '../verb.ts';

interface Options extends ExplainOptions {
  readonly json: boolean;
}

export const addExplain: AddVerb = (program, { io, run }) => {
  program
    .command('explain')
    .description('say what a module will do in each failure, by playing it with the failover core; changes nothing')
    .argument('<files...>', 'NAME.module.jsonc, and NAME.cluster.jsonc unless it lies beside it or in the folder above')
    .addOption(new Option('--fault <name>', 'this one alone').choices(faultNames))
    .option('--host <host>', 'what befalls this host alone')
    .option('--json', 'print sentences and time lines as JSON', false)
    .addHelpText('after', '\nExample:\n  understudy explain web.module.jsonc --fault power-loss --host alpha')
    .action((files: readonly string[], options: Options) => run(options.json, () => explainFiles(files, options, io)));
};

async function explainFiles(files: readonly string[], options: Options, io: Io): Promise<ExitCode> {
  const given = await readGiven(files);
  const modules = given.filter((document): document is ParsedDocument<'module'> => document.kind === 'module');
  if (modules.length === 0) {
    throw new CliError(exitCodes.usage, 'NO_MODULE', 'there is nothing to explain: give a NAME.module.jsonc');
  }
  let worst: ExitCode = exitCodes.ok;
  for (const module of modules) worst = Math.max(worst, await explainOne(module, given, options, io)) as ExitCode;
  return worst;
}

async function readGiven(files: readonly string[]): Promise<readonly AnyDocument[]> {
  const documents: AnyDocument[] = [];
  for (const file of new Set(files)) {
    const kind = kindOfFile(file);
    if (kind === null || kind === 'agent') {
      const message = `${file} is neither a module nor a cluster file: expected NAME.module.jsonc or NAME.cluster.jsonc`;
      throw new CliError(exitCodes.usage, 'FILE', message);
    }
    const read = await readConfigurationText(file);
    if (!read.ok) throw new CliError(exitCodes.usage, 'FILE', read.diagnostic.message);
    documents.push(kind === 'module' ? parseDocument('module', read.text, file) : parseAny(kind, read.text, file));
  }
  return documents;
}

async function explainOne(
  module: ParsedDocument<'module'>,
  given: readonly AnyDocument[],
  options: Options,
  io: Io,
): Promise<ExitCode> {
  const hasCluster = given.some(({ kind }) => kind === 'cluster');
  const found = (await readGroup(module.file)).filter(({ kind }) => kind !== 'cluster' || !hasCluster);
  const clusters = given.filter(({ kind }) => kind === 'cluster');
  const { explained, diagnostics, failure } = explainDocument(module, [module, ...clusters, ...found], options);
  if (failure !== null) throw new CliError(exitCodes.refused, 'NOT_PLAYED', failure);
  if (explained === null) {
    if (options.json) printJson(io, { ok: false, diagnostics });
    else for (const each of diagnostics) io.stderr(`${formatDiagnostic(each)}\n`);
    return exitCodes.invalid;
  }
  const { host, fault } = options;
  if (explained.faults.length === 0) {
    const what = [fault, host && `on ${host}`].filter(Boolean).join(' ');
    const message = `${explained.module} has nothing to tell of ${what}: its hosts are ${explained.hosts.join(' and ')}, and not every fault concerns every host or cluster`;
    throw new CliError(exitCodes.usage, 'NO_FAULT', message);
  }
  if (options.json) printJson(io, explained);
  else io.stdout(asText(explained, io.hasColour));
  return exitCodes.ok;
}

function asText({ module, hosts, faults, assumptions }: ExplainedModule, hasColour: boolean): string {
  const heading = (text: string): string => paint(text, 'bold', hasColour);
  const parts = [
    heading(`${module} on ${hosts.join(' and ')}`),
    ...faults.map(({ fault, title, sentences }) =>
      [
        `${heading(capital(printable(title)))} ${paint(`(${fault})`, 'grey', hasColour)}`,
        ...sentences.map((each) => `  ${printable(each)}`),
      ].join('\n'),
    ),
    [heading('What this hangs on'), ...assumptions.map((each) => `  ${printable(each)}`)].join('\n'),
  ];
  return `${parts.join('\n\n')}\n`;
}
