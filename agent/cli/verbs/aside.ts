import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { defaultConfigDirectory } from '../../config/configuration.ts';
import {
  type Aside,
  type AsideDifference,
  type AsideManifest,
  filesFolder,
  listAside,
} from '../../mirror/replica/asideManifest.ts';
import { syncDirectory } from '../../platform/durable.ts';
import { askFor, requireConfirmation } from '../confirm.ts';
import { CliError, exitCodes } from '../exitCodes.ts';
import { requireConfiguration } from '../requireConfiguration.ts';
import { formatBytes } from '../format.ts';
import { printable, renderTable } from '../table.ts';
import { printJson } from '../verb.ts';
import type { AddVerb } from '../verb.ts';

interface Options {
  readonly config: string;
  readonly json: boolean;
}

interface Found extends Aside {
  readonly module: string;
}

/** What this host has kept aside. The folders lie on its own disk, so these verbs need no agent. */
export const addAside: AddVerb = (program, { io, run }) => {
  const verb = program
    .command('aside')
    .description('look at, restore and remove what this host kept aside before a replica was overwritten')
    .addHelpText(
      'after',
      '\nExamples:\n  understudy aside list\n  understudy aside show alpha-epoch-3\n  understudy aside restore alpha-epoch-3 --to /root/web-epoch-3\n  understudy aside remove alpha-epoch-3',
    );
  const add = (name: string, description: string) =>
    verb
      .command(name)
      .description(description)
      .option('--config <directory>', 'folder of the local agent', defaultConfigDirectory)
      .option('--module <module>', 'the module, where several have one of this name')
      .option('--json', 'print as JSON', false);

  add('list', 'list what is kept aside on this host')
    .argument('[module]', 'only of this module')
    .action((module: string | undefined, options: Options & { module?: string }) =>
      run(options.json, async () => {
        const found = await findAll(options.config, module ?? options.module);
        if (options.json) printJson(io, { aside: found.map(summary) });
        else if (found.length === 0) io.stdout('nothing is kept aside on this host\n');
        else {
          const header = ['NAME', 'MODULE', 'KEPT AT', 'SIZE', 'WHY'].map((text) => ({
            text,
            colour: 'bold' as const,
          }));
          const rows = found.map(({ name, module: of, manifest }) =>
            [
              name,
              of,
              manifest?.at ?? '?',
              manifest ? formatBytes(manifest.bytes) : '?',
              printable(manifest?.reason ?? 'without a manifest'),
            ].map((text) => ({ text })),
          );
          io.stdout(renderTable([header, ...rows], io.hasColour));
        }
        return exitCodes.ok;
      }),
    );

  add('show', 'show what one folder holds')
    .argument('<name>', 'its name, as `understudy aside list` shows it')
    .action((name: string, options: Options & { module?: string }) =>
      run(options.json, async () => {
        const found = await findOne(options.config, name, options.module);
        if (options.json) printJson(io, { ...summary(found), manifest: found.manifest });
        else io.stdout(describe(found));
        return exitCodes.ok;
      }),
    );

  add('restore', 'copy the files of one folder, as they were, to a new directory')
    .argument('<name>', 'its name, as `understudy aside list` shows it')
    .requiredOption('--to <directory>', 'a directory that does not exist yet, or is empty')
    .action((name: string, options: Options & { module?: string; to: string }) =>
      run(options.json, async () => {
        const found = await findOne(options.config, name, options.module);
        const to = resolve(options.to);
        await refuseMirrors(options.config, to);
        await restore(found, to);
        if (options.json) printJson(io, { ok: true, to });
        else {
          io.stdout(
            `The files of ${found.name} are in ${to}, as they were on ${found.manifest?.host ?? 'this host'}.\n`,
          );
        }
        return exitCodes.ok;
      }),
    );

  add('remove', 'remove one folder for good')
    .argument('<name>', 'its name, as `understudy aside list` shows it')
    .option('--yes', 'do not ask for confirmation', false)
    .action((name: string, options: Options & { module?: string; yes: boolean }) =>
      run(options.json, async () => {
        const found = await findOne(options.config, name, options.module);
        if (!options.yes) {
          if (!io.isInteractive) {
            throw new CliError(
              exitCodes.usage,
              'CONFIRMATION',
              `What ${name} holds is nowhere else: confirm it with --yes where nobody can be asked.`,
            );
          }
          io.stderr(`${describe(found)}What it holds is nowhere else.\n`);
          requireConfirmation(name, await askFor(io, 'Type its name to remove it: '));
        }
        // First out of the list, whole: half of it must not look like all of it.
        const going = `${found.folder}.removed`;
        fs.rmSync(going, { recursive: true, force: true });
        fs.renameSync(found.folder, going);
        syncDirectory(join(found.folder, '..'));
        fs.rmSync(going, { recursive: true, force: true });
        if (options.json) printJson(io, { ok: true });
        else io.stdout(`${name} is removed.\n`);
        return exitCodes.ok;
      }),
    );
};

async function modulesFolder(config: string): Promise<string> {
  return join((await requireConfiguration(config)).agent.stateDirectory, 'modules');
}

async function findAll(config: string, module?: string): Promise<Found[]> {
  const folder = await modulesFolder(config);
  const names = fs.existsSync(folder) ? fs.readdirSync(folder).sort() : [];
  return names
    .filter((name) => module === undefined || name === module)
    .flatMap((name) => listAside(join(folder, name)).map((aside) => ({ ...aside, module: name })));
}

async function findOne(config: string, name: string, module?: string): Promise<Found> {
  const all = await findAll(config, module);
  const found = all.filter((each) => each.name === name);
  const [first, second] = found;
  if (first && !second) return first;
  if (first) {
    throw new CliError(
      exitCodes.usage,
      'AMBIGUOUS',
      `Several modules have kept "${name}" aside (${found.map((each) => each.module).join(', ')}): name one with --module.`,
    );
  }
  const known =
    all.length === 0 ? 'nothing is kept aside on this host' : `there is ${all.map((each) => each.name).join(', ')}`;
  throw new CliError(exitCodes.usage, 'UNKNOWN_ASIDE', `Nothing called "${name}" is kept aside here: ${known}.`);
}

function summary({ name, module, folder, manifest }: Found): object {
  return {
    name,
    module,
    folder,
    at: manifest?.at ?? null,
    bytes: manifest?.bytes ?? null,
    reason: manifest?.reason ?? null,
  };
}

function describe({ name, module, folder, manifest }: Found): string {
  if (manifest === null) return `${name} of module ${module} in ${folder}, without a manifest\n`;
  const epochs = (lineage: AsideManifest['lineage']) =>
    lineage.length === 0
      ? 'no history'
      : `epoch ${String(lineage.at(-1)?.epoch)}, primary ${String(lineage.at(-1)?.primary)}`;
  const lines = [
    `${name} of module ${module}: what ${manifest.host} held, kept aside at ${manifest.at}`,
    `why: ${printable(manifest.reason)}`,
    `history: ${epochs(manifest.lineage)}; in its place: ${epochs(manifest.keptLineage)} (${manifest.kept})`,
    `folder: ${folder}, ${formatBytes(manifest.bytes)}`,
    manifest.differences === null
      ? 'holds everything that the replica held'
      : `holds ${String(manifest.differences.length)} files that differ from what took their place:`,
    ...(manifest.differences ?? []).map(describeDifference),
  ];
  return `${lines.join('\n')}\n`;
}

function describeDifference({ path, kind, size }: AsideDifference): string {
  return `  ${kind.padEnd(10)} ${formatBytes(size).padStart(9)}  ${printable(Buffer.from(path, 'base64').toString('utf8'))}`;
}

/** Never into a replica, running or not: the mirror alone writes there. */
async function refuseMirrors(config: string, to: string): Promise<void> {
  const { modules } = await requireConfiguration(config);
  // The nearest directory that is there decides, whatever links lead to it.
  let existing = to;
  let rest = '';
  while (!fs.existsSync(existing)) {
    rest = join(existing.slice(existing.lastIndexOf('/') + 1), rest);
    existing = resolve(existing, '..');
  }
  const real = join(fs.realpathSync(existing), rest);
  for (const { name, mirror } of modules) {
    const inside = mirror.directories.some((directory) =>
      [to, real].some((each) => each === directory || each.startsWith(`${directory}/`)),
    );
    if (!inside) continue;
    throw new CliError(
      exitCodes.refused,
      'IN_A_MIRROR',
      `${to} lies in the mirror of module ${name}: restore to another directory, and copy what is needed from there.`,
    );
  }
}

async function restore({ name, folder, manifest }: Found, to: string): Promise<void> {
  if (fs.existsSync(to) && (!fs.statSync(to).isDirectory() || fs.readdirSync(to).length > 0)) {
    throw new CliError(
      exitCodes.refused,
      'NOT_EMPTY',
      `${to} is there already and not empty, and nothing is overwritten: name a new directory.`,
    );
  }
  fs.mkdirSync(to, { recursive: true });
  const source = manifest === null ? folder : filesFolder(folder);
  try {
    await promisify(execFile)('cp', [
      '-a',
      '--no-clobber',
      '--reflink=auto',
      '--sparse=always',
      '--',
      `${source}/.`,
      to,
    ]);
  } catch (error) {
    const message = error instanceof Error ? error.message.trim() : String(error);
    throw new CliError(exitCodes.internal, 'RESTORE_FAILED', `${name} could not be restored to ${to}: ${message}`);
  }
}
