import type { ChangedEvent, Snapshot } from '../../../schemas/generated/api.ts';
import { nearest } from '../../../schemas/nearest.ts';
import { applyChange } from '../applyChange.ts';
import { callAgent, connectAgent, timeoutMs, withConnectionOptions } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { Io } from '../io.ts';
import { renderStatus } from '../statusView.ts';
import { untilEnded } from '../untilEnded.ts';
import { printJson } from '../verb.ts';
import type { AddVerb } from '../verb.ts';

interface Options extends ConnectionOptions {
  readonly json: boolean;
  readonly watch: boolean;
}

export const addStatus: AddVerb = (program, { io, run }) => {
  withConnectionOptions(program.command('status'))
    .description('show hosts, networks, the arbiter, and the state of every module on both of its hosts')
    .argument('[module]', 'only this module')
    .option('-w, --watch', 'go on showing what changes, until Ctrl-C', false)
    .option('--json', 'print the snapshot as JSON; with --watch one object per line', false)
    .addHelpText(
      'after',
      '\nExample:\n  understudy status --watch\n\n▶ marks the primary, * the host that answers, ? a state that was true when the host was last heard from.',
    )
    .action((module: string | undefined, options: Options) =>
      run(options.json, async () => {
        if (options.watch) return watch(module ?? null, options, io);
        const snapshot = await callAgent('cluster.snapshot', {}, options, io);
        print(snapshot, module ?? null, options.json, io);
        return exitCodes.ok;
      }),
    );
};

function print(snapshot: Snapshot, module: string | null, json: boolean, io: Io): void {
  checkModule(snapshot, module);
  if (json) {
    printJson(
      io,
      module === null ? snapshot : { ...snapshot, modules: snapshot.modules.filter(({ name }) => name === module) },
    );
  } else io.stdout(renderStatus(snapshot, module, io.hasColour));
}

function checkModule(snapshot: Snapshot, module: string | null): void {
  const known = snapshot.modules.map(({ name }) => name);
  if (module === null || known.includes(module)) return;
  const hint = nearest(module, known);
  const told = known.length === 0 ? 'the cluster has no modules' : `expected one of ${known.join(', ')}`;
  throw new CliError(
    exitCodes.usage,
    'UNKNOWN_MODULE',
    `There is no module "${module}": ${told}${hint === null ? '' : `; did you mean "${hint}"?`}`,
  );
}

async function watch(module: string | null, options: Options, io: Io): Promise<typeof exitCodes.ok> {
  const end = untilEnded(io.signal);
  let snapshot: Snapshot | null = null;
  const draw = (): void => {
    if (snapshot === null) return;
    // Home, then erase what is left of the older picture behind each line and below: no flicker.
    const text = options.json || !io.isTerminal ? null : renderStatus(snapshot, module, io.hasColour);
    if (text === null) print(snapshot, module, options.json, io);
    else io.stdout(`\u001b[H${text.replaceAll('\n', '\u001b[K\n')}\u001b[J`);
  };
  const early: ChangedEvent[] = [];
  const client = await connectAgent(options, io, {
    changed: (event) => {
      if (snapshot === null) early.push(event);
      else snapshot = applyChange(snapshot, event);
      try {
        draw();
      } catch (error) {
        // Its module was removed.
        end.fail(error as Error);
      }
    },
    lost: end.fail,
  });
  const isRedrawn = io.isTerminal && !options.json;
  try {
    const first = await client.call('cluster.subscribe', {}, timeoutMs(options));
    checkModule(first, module);
    snapshot = early.reduce(applyChange, first);
    // The alternate screen keeps what was on the terminal before.
    if (isRedrawn) io.stdout('\u001b[?1049h\u001b[?25l\u001b[2J');
    draw();
    await end.promise;
  } finally {
    if (isRedrawn) {
      io.stdout('\u001b[?25h\u001b[?1049l');
      if (snapshot !== null) io.stdout(renderStatus(snapshot, module, io.hasColour));
    }
    client.close();
  }
  return exitCodes.ok;
}
