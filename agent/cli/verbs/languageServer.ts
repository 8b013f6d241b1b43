import { spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { CliError, exitCodes } from '../exitCodes.ts';
import type { ExitCode } from '../exitCodes.ts';
import type { AddVerb } from '../verb.ts';

export const addLanguageServer: AddVerb = (program, { io, run }) => {
  program
    .command('language-server')
    .description(
      'help editors other than VS Code with module and cluster files: a server of the Language Server Protocol',
    )
    .requiredOption('--stdio', 'speak the protocol on standard input and output')
    .addHelpText(
      'after',
      '\nExample:\n  understudy language-server --stdio\n\nEditors start it by themselves, for files called NAME.module.jsonc and NAME.cluster.jsonc.',
    )
    .action(() => run(false, () => serve(io.signal)));
};

/** Beside this program in the package for hosts, and one folder up in what `npm run build` makes. */
const places = ['./languageServer.mjs', '../languageServer.mjs'];

async function findServer(): Promise<string> {
  for (const place of places) {
    const file = fileURLToPath(new URL(place, import.meta.url));
    const isThere = await access(file).then(
      () => true,
      () => false,
    );
    if (isThere) return file;
  }
  const message = 'languageServer.mjs is not part of this installation: install the package for hosts anew';
  throw new CliError(exitCodes.internal, 'NOT_INSTALLED', message);
}

/** MiB for each half of the space for what is new: of what a key press leaves behind little is alive, and memory would be kept for the rest. */
export const optionsOfNode = ['--max-semi-space-size=8'] as const;

/** A process of its own: it has the streams to itself, and whatever it needs is not loaded by any other verb. */
async function serve(signal: AbortSignal): Promise<ExitCode> {
  const server = spawn(process.execPath, [...optionsOfNode, await findServer(), '--stdio'], { stdio: 'inherit' });
  const end = (): void => void server.kill();
  signal.addEventListener('abort', end, { once: true });
  const code = await new Promise<number | null>((resolve, reject) => {
    server.once('error', reject);
    server.once('exit', resolve);
  });
  signal.removeEventListener('abort', end);
  if (signal.aborted) return exitCodes.interrupted;
  // The protocol has 1 for an end that was not announced.
  return code === 0 ? exitCodes.ok : exitCodes.invalid;
}
