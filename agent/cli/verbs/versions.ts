import { callAgent, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { exitCodes } from '../exitCodes.ts';
import { printable, renderTable } from '../table.ts';
import { printJson } from '../verb.ts';
import type { AddVerb } from '../verb.ts';

interface Options extends ConnectionOptions {
  readonly json: boolean;
}

export const addVersions: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('versions'), '30')
    .description('list the last versions of the cluster and module files: when, by whom, what changed')
    .argument('[file]', 'only versions in which this file changed')
    .option('--json', 'print them as JSON', false)
    .addHelpText(
      'after',
      '\nExample:\n  understudy versions web.module.jsonc\n\nEach host keeps the last 20. Version 0 is what lay in its folder before anything was applied.',
    )
    .action((file: string | undefined, options: Options) =>
      run(options.json, async () => {
        const params = file === undefined ? {} : { file };
        const result = await callAgent('configuration.versions', params, options, io);
        if (options.json) {
          printJson(io, result);
          return exitCodes.ok;
        }
        const header = ['VERSION', 'AT', 'BY', 'CHANGED', 'NOTE'].map((text) => ({ text, colour: 'bold' as const }));
        const rows = result.versions.map(({ number, at, by, changed, note }) =>
          [String(number), at || '-', by, changed.join(', ') || '-', note ?? ''].map((text) => ({
            text: printable(text),
          })),
        );
        io.stdout(rows.length === 0 ? 'no version changed that file\n' : renderTable([header, ...rows], io.hasColour));
        return exitCodes.ok;
      }),
    );
};
