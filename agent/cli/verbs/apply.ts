import { basename } from 'node:path';
import type { ApplyParams } from '../../../schemas/generated/api.ts';
import { kindOfFile } from '../../../schemas/document.ts';
import { readConfigurationText } from '../../config/readFile.ts';
import { printApplied } from '../applyView.ts';
import { callAgent, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { AddVerb } from '../verb.ts';

interface Options extends ConnectionOptions {
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly remove: readonly string[];
  readonly note?: string;
}

export const addApply: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('apply'), '60')
    .description('check cluster and module files on every host, and apply them on all of them, or on none')
    .argument('[files...]', 'NAME.module.jsonc, NAME.cluster.jsonc')
    .option('--dry-run', 'check them on every host and tell what would change, but change nothing', false)
    .option(
      '--remove <file>',
      'take a module that is stopped out of the cluster, by the name of its file',
      (value: string, earlier: readonly string[]) => [...earlier, value],
      [] as readonly string[],
    )
    .option('--note <text>', 'what for, for the list of versions')
    .option('--json', 'print the outcome as JSON', false)
    .addHelpText(
      'after',
      '\nExample:\n  understudy apply web.module.jsonc\n\nModules go on running: most keys take effect at once, some at the next start, and those that cannot change under a\nrunning module are refused with what to do. Nothing is resynchronised. Every apply is a version; `understudy versions`\nlists them, `understudy restore` goes back to one.',
    )
    .action((files: readonly string[], options: Options) =>
      run(options.json, async () => {
        const changed = [
          ...(await readAll(files)),
          ...options.remove.map((name) => ({ name: basename(name), text: null })),
        ];
        if (changed.length === 0) {
          throw new CliError(exitCodes.usage, 'USAGE', 'Name the files to be applied, or one to --remove.');
        }
        const twice = changed.find(({ name }, index) => changed.findIndex((each) => each.name === name) < index);
        if (twice) {
          const message = `${twice.name} is named twice, and there is one file of a name on the hosts: name one.`;
          throw new CliError(exitCodes.usage, 'USAGE', message);
        }
        const { note, dryRun } = options;
        const params: ApplyParams = { files: changed, dryRun, ...(note !== undefined && { note }) };
        return printApplied(io, options.json, await callAgent('configuration.apply', params, options, io));
      }),
    );
};

async function readAll(files: readonly string[]): Promise<ApplyParams['files']> {
  const read: ApplyParams['files'] = [];
  for (const file of new Set(files)) {
    const kind = kindOfFile(file);
    if (kind === null || kind === 'agent') {
      const why =
        kind === 'agent' ? 'agent.jsonc is of one host, and is read when its agent starts' : 'its name tells no kind';
      throw new CliError(
        exitCodes.usage,
        'FILE',
        `${file} cannot be applied, as ${why}: expected NAME.module.jsonc or NAME.cluster.jsonc.`,
      );
    }
    const text = await readConfigurationText(file);
    if (!text.ok) throw new CliError(exitCodes.usage, 'FILE', `${text.diagnostic.message}.`);
    read.push({ name: basename(file), text: text.text });
  }
  return read;
}
