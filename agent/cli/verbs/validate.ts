import { crossChecks } from '../../../schemas/crossChecks.ts';
import { formatDiagnostic, hasErrors, unreadable } from '../../../schemas/diagnostic.ts';
import type { Diagnostic } from '../../../schemas/diagnostic.ts';
import { kindOfFile } from '../../../schemas/document.ts';
import type { AnyDocument } from '../../../schemas/document.ts';
import { parseAny, readConfigurationText } from '../../config/readFile.ts';
import { exitCodes } from '../exitCodes.ts';
import type { ExitCode } from '../exitCodes.ts';
import type { Io } from '../io.ts';
import { paint } from '../table.ts';
import { printJson } from '../verb.ts';
import type { AddVerb } from '../verb.ts';

export const addValidate: AddVerb = (program, { io, run }) => {
  program
    .command('validate')
    .description('check module, cluster and agent files, each by itself and all of them together; changes nothing')
    .argument('<files...>', 'NAME.module.jsonc, NAME.cluster.jsonc, agent.jsonc')
    .option('--json', 'print the diagnostics as JSON', false)
    .addHelpText('after', '\nExample:\n  understudy validate /etc/understudy/*.jsonc /etc/understudy/modules/*.jsonc')
    .action((files: readonly string[], options: { readonly json: boolean }) =>
      run(options.json, () => validate(files, options.json, io)),
    );
};

async function validate(files: readonly string[], json: boolean, io: Io): Promise<ExitCode> {
  const documents: AnyDocument[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const file of new Set(files)) {
    const kind = kindOfFile(file);
    const read = await readConfigurationText(file);
    if (!read.ok) {
      diagnostics.push(read.diagnostic);
    } else if (kind === null) {
      diagnostics.push(
        unreadable(
          file,
          'the name does not tell what kind of file it is: expected NAME.module.jsonc, NAME.cluster.jsonc or agent.jsonc',
        ),
      );
    } else {
      const document = parseAny(kind, read.text, file);
      documents.push(document);
      diagnostics.push(...document.diagnostics);
    }
  }
  diagnostics.push(...crossChecks(documents));
  const count = (severity: Diagnostic['severity']): number =>
    diagnostics.filter((diagnostic) => diagnostic.severity === severity).length;
  const isValid = !hasErrors(diagnostics);
  if (json) {
    printJson(io, { ok: isValid, errors: count('error'), warnings: count('warning'), diagnostics });
  } else {
    for (const diagnostic of diagnostics) {
      io.stdout(
        `${paint(formatDiagnostic(diagnostic), diagnostic.severity === 'error' ? 'red' : 'yellow', io.hasColour)}\n`,
      );
    }
    const what = files.length === 1 ? 'file' : 'files';
    const hasLonelyModules =
      documents.some(({ kind }) => kind === 'module') && !documents.some(({ kind }) => kind === 'cluster');
    const hint = hasLonelyModules ? ' (hosts were not checked: give the cluster file too)' : '';
    const total = isValid
      ? `${files.length} ${what} valid, ${plural(count('warning'), 'warning')}`
      : `${plural(count('error'), 'error')}, ${plural(count('warning'), 'warning')}`;
    io.stdout(`${total}${hint}\n`);
  }
  if (diagnostics.some(({ code }) => code === 'unreadable')) return exitCodes.usage;
  return isValid ? exitCodes.ok : exitCodes.invalid;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
