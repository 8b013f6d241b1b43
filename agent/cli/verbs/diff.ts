import { readFolder } from '../../config/configuration.ts';
import type { Files } from '../../config/versions.ts';
import { callAgent, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { Io } from '../io.ts';
import { lineDiff } from '../lineDiff.ts';
import { printJson } from '../verb.ts';
import type { AddVerb } from '../verb.ts';

interface Options extends ConnectionOptions {
  readonly json: boolean;
  readonly file?: string;
  readonly folder: boolean;
}

export const addDiff: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('diff'), '30')
    .description('show what differs between two versions of the files, or between one and the folder of this host')
    .argument('[version]', 'number of the older version (default: the one that runs)')
    .argument('[other]', 'number of the newer version (default: the one that runs)')
    .option('--file <name>', 'only this file')
    .option('--folder', 'compare with what lies in the folder of --config, which may have been edited by hand', false)
    .option('--json', 'print both texts of each file that differs as JSON', false)
    .addHelpText('after', '\nExample:\n  understudy diff 3 5\n  understudy diff --folder')
    .action((from: string | undefined, to: string | undefined, options: Options) =>
      run(options.json, async () => {
        if (from === undefined && !options.folder) {
          throw new CliError(exitCodes.usage, 'USAGE', 'Give the number of a version, or --folder.');
        }
        const running = await runningVersion(options, io);
        const [older, newer] = [versionNumber(from, running), versionNumber(to, running)];
        const before = await filesOf(older, options, io);
        const after = options.folder ? (await readFolder(options.config)).files : await filesOf(newer, options, io);
        const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
        const differing = names.filter(
          (name) => before[name] !== after[name] && (options.file === undefined || name === options.file),
        );
        if (options.json) {
          const files = differing.map((name) => ({ name, before: before[name] ?? null, after: after[name] ?? null }));
          printJson(io, { files });
          return exitCodes.ok;
        }
        const other = options.folder ? 'folder' : `version ${String(newer)}`;
        for (const name of differing) {
          const titles = [`${name} (version ${String(older)})`, `${name} (${other})`] as const;
          io.stdout(lineDiff(before[name] ?? '', after[name] ?? '', titles));
        }
        if (differing.length === 0) io.stdout('nothing differs\n');
        return exitCodes.ok;
      }),
    );
};

async function runningVersion(options: Options, io: Io): Promise<number> {
  const { configuration } = await callAgent('cluster.snapshot', {}, options, io);
  return configuration?.version ?? 0;
}

async function filesOf(number: number, options: Options, io: Io): Promise<Files> {
  const { files } = await callAgent('configuration.read', { number }, options, io);
  return Object.fromEntries(files.map(({ name, text }) => [name, text]));
}

export function versionNumber(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^\d{1,9}$/.test(text)) {
    throw new CliError(
      exitCodes.usage,
      'USAGE',
      `"${text}" is no number of a version: \`understudy versions\` lists them.`,
    );
  }
  return Number(text);
}
