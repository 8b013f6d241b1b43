import type { LogEntry } from '../../../schemas/generated/api.ts';
import { connectAgent, timeoutMs, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { Io } from '../io.ts';
import { paint, printable } from '../table.ts';
import { printJson } from '../verb.ts';
import type { AddVerb } from '../verb.ts';
import { untilEnded } from '../untilEnded.ts';

interface Options extends ConnectionOptions {
  readonly json: boolean;
  readonly follow: boolean;
  readonly limit: string;
}

export const addLog: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('log'))
    .description("show the agent's log, oldest first")
    .argument('[module]', 'only what concerns this module')
    .option('-f, --follow', 'go on with what is added', false)
    .option('-n, --limit <entries>', 'how many of the newest entries', '200')
    .option('--json', 'print one JSON object per line', false)
    .addHelpText('after', '\nExample:\n  understudy log web --follow --limit 20')
    .action((module: string | undefined, options: Options) =>
      run(options.json, async () => {
        const limit = Number(options.limit);
        if (!Number.isInteger(limit) || limit < 1 || limit > 5000) {
          throw new CliError(
            exitCodes.usage,
            'BAD_LIMIT',
            `--limit ${options.limit}: expected a whole number from 1 to 5000.`,
          );
        }
        const end = untilEnded(io.signal);
        const print = (entries: readonly LogEntry[]): void => {
          for (const entry of entries) {
            if (module === undefined || entry.module === module) printEntry(io, options.json, entry);
          }
        };
        const early: LogEntry[] = [];
        let isRead = false;
        const client = await connectAgent(options, io, {
          log: ({ entries }) => (isRead ? print(entries) : early.push(...entries)),
          lost: end.fail,
        });
        try {
          // Following starts before reading, so that nothing falls between; what came twice is printed once.
          if (options.follow) await client.call('cluster.subscribe', { log: true }, timeoutMs(options));
          const { entries } = await client.call(
            'log.read',
            module === undefined ? { limit } : { module, limit },
            timeoutMs(options),
          );
          print(entries);
          const known = new Set(entries.map((entry) => JSON.stringify(entry)));
          isRead = true;
          print(early.filter((entry) => !known.has(JSON.stringify(entry))));
          if (options.follow) await end.promise;
          return exitCodes.ok;
        } finally {
          client.close();
        }
      }),
    );
};

const levelColours = { debug: 'grey', info: 'none', warn: 'yellow', error: 'red' } as const;

function printEntry(io: Io, json: boolean, entry: LogEntry): void {
  if (json) {
    printJson(io, entry);
    return;
  }
  const about = entry.module === null ? entry.host : `${entry.host} ${entry.module}`;
  const line = `${entry.time} ${entry.level.padEnd(5)} ${about.padEnd(16)} ${entry.code.padEnd(18)} ${printable(entry.message)}`;
  io.stdout(`${paint(line, levelColours[entry.level], io.hasColour)}\n`);
}
