import type { ModuleFile } from '../archive/moduleFile.ts';
import type { Draft } from '../draft.ts';
import type { Finding } from '../findings.ts';
import { printable } from '../printable.ts';
import { knownCommands } from './common.ts';

type Words = readonly [outcome: Finding['outcome'], says: string];

const ofConfiguration: Words = [
  'unsupported',
  'Not run: nothing is run when files are applied. What it sets up (such as services that must not start at boot) is to be done once on each host.',
];

/** What becomes of the scripts that SafeKit runs by their names. */
const scriptWords: Readonly<Record<string, Words>> = {
  start_prim: ['translated', 'Run by "start" ("server.scripts.start").'],
  stop_prim: ['translated', 'Run by "stop" ("server.scripts.stop"), nicely and then with "force".'],
  start_both: ['translated', 'Run by "start" before start_prim, and by the hook afterChange on the secondary.'],
  stop_both: [
    'translated',
    'Run by "stop" after stop_prim, and by the hooks afterChange or afterWait when a secondary ends.',
  ],
  start_second: ['translated', 'Run by the hook afterChange when the host has become the secondary.'],
  stop_second: [
    'translated',
    'Run by the hook beforePrimary when the secondary takes over, and by afterChange or afterWait otherwise.',
  ],
  start_sec: ['translated', 'Run by the hook afterChange when the host is the secondary, or alone.'],
  stop_sec: [
    'translated',
    'Run by the hooks afterChange or afterWait when the host is neither the secondary nor alone.',
  ],
  transition: ['translated', 'Run by the hook afterChange with the states before and after.'],
  poststop: ['translated', 'Run by the hook afterStop, each time the server has ended on the host.'],
  prestart: [
    'unsupported',
    'Not run: the agent runs "stop" by itself before it opens a module. If the script does more than that, call it in a hook beforePrimary.',
  ],
  ...Object.fromEntries(
    ['config', 'postconfig', 'deconfig', 'confcheck', 'state', 'level', 'update'].map((name): [string, Words] => [
      name,
      ofConfiguration,
    ]),
  ),
};

/** A file of the module's own that is written beside the generated scripts. */
export interface KeptFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly isProgram: boolean;
}

const notRunWithoutUser: Words = [
  'unsupported',
  'Not run: without <user> in its configuration SafeKit runs no script of a module.',
];

/**
 * What is kept of the module's files, and what became of each of them.
 * @param draft whether the configuration says that scripts are run, and which checkers
 */
export function keepFiles(
  files: readonly ModuleFile[],
  { runsScripts, customChecks }: Pick<Draft, 'runsScripts' | 'customChecks'>,
): { readonly kept: readonly KeptFile[]; readonly findings: readonly Finding[] } {
  const kept: KeptFile[] = [];
  const findings: Finding[] = [];
  const configuration = files.some(({ path }) => path === 'conf/userconfig.xml')
    ? 'conf/userconfig.xml'
    : 'userconfig.xml';
  for (const { path, bytes } of files) {
    const tell = (outcome: Finding['outcome'], says: string): void => {
      findings.push({ path, line: null, value: null, outcome, says });
    };
    if (path === configuration) {
      kept.push({ path: 'conf/userconfig.xml', bytes, isProgram: false });
      tell('translated', 'The module file. It is kept to be read; nothing reads it.');
    } else if (path.startsWith('bin/')) {
      const name = path.slice('bin/'.length);
      if (isForWindows(name)) {
        kept.push({ path, bytes, isProgram: false });
        tell('unsupported', 'A program for Windows. It is kept to be read: write one for Linux in its place.');
        continue;
      }
      const isChecker = customChecks.some(({ program }) => program === name);
      const isProgram = Object.hasOwn(scriptWords, name) || isChecker || isScript(bytes) || isBinary(bytes);
      const ended = isScript(bytes) ? withUnixEnds(bytes) : bytes;
      kept.push({ path, bytes: ended, isProgram });
      const words = Object.hasOwn(scriptWords, name) ? scriptWords[name] : undefined;
      const [outcome, says] =
        words === undefined
          ? (['taken', 'Beside the scripts that may use it.'] as const)
          : runsScripts
            ? words
            : notRunWithoutUser;
      const changed = ended === bytes ? '' : ' Its lines end as on Linux now.';
      tell(outcome, `${says}${changed}${foreignCommands(ended)}`);
    } else if (/\.(p12|dat|key|pem)$/i.test(path)) {
      tell('unsupported', "A secret of SafeKit's. It was left out: hosts have certificates of their own.");
    } else if (path.startsWith('web/') || path === 'manifest.xml' || path.endsWith('.template')) {
      tell('unsupported', "Of SafeKit's console. It was left out.");
    } else {
      tell('unsupported', 'It is no script. It was left out: put it where scripts need it by hand.');
    }
  }
  return { kept, findings };
}

export function isForWindows(name: string): boolean {
  return /\.(ps1|psm1|cmd|bat|vbs|exe|dll)$/i.test(name);
}

/** Whether the kernel takes it for a script: it names the program that reads it. */
function isScript(bytes: Uint8Array): boolean {
  return bytes[0] === 0x23 && bytes[1] === 0x21;
}

/** Whether it is a program of Linux that was compiled. */
function isBinary(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/** With "\r\n" the kernel would look for a program whose name ends with "\r". The same array when there is none. */
function withUnixEnds(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1');
  const first = text.indexOf('\n');
  return first > 0 && text.charAt(first - 1) === '\r' ? Buffer.from(text.replaceAll('\r\n', '\n'), 'latin1') : bytes;
}

/** Commands of safekit that the stand-in does not have, with their lines. */
function foreignCommands(bytes: Uint8Array): string {
  if (!isScript(bytes)) return '';
  const found = new Map<string, number>();
  for (const [index, line] of Buffer.from(bytes).toString('latin1').split('\n').entries()) {
    if (/^\s*#/.test(line)) continue;
    for (const [, command = ''] of line.matchAll(/\bsafekit["']?\s+(-?[a-z][a-z_]*)\b/gi)) {
      if (!knownCommands.includes(command) && !found.has(command)) found.set(command, index + 1);
    }
  }
  if (found.size === 0) return '';
  const which = [...found]
    .map(([command, line]) => `"safekit ${printable(command)}" (line ${String(line)})`)
    .join(', ');
  return ` It calls ${which}, which fails here: change that.`;
}
