/** Writes module files and scripts as people would: with comments that say what is to be changed. */
import { modulePath, scriptsFolder, type ModuleAnswers, type TemplateFile } from './template.ts';

/** What a template adds to what every module file has. Lines come without their indentation below the section. */
export interface ModuleParts {
  /** What this is, what it needs, and what it does not do: the comment at the top, a paragraph a line. */
  readonly about: readonly string[];
  /** Said of the mirrored directory. */
  readonly directory: string;
  /** Further keys of `mirror`. */
  readonly mirror?: readonly string[];
  /** The inside of `server`. */
  readonly server: readonly string[];
  /** Further keys of the file. */
  readonly more?: readonly string[];
}

export function json(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(json).join(', ')}]` : JSON.stringify(value);
}

/** Text that others have typed, for a comment of one line. */
export function inComment(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}

/** Columns of a comment, without what it is indented by: it is read beside a minimap. */
const widest = 100;

/** A paragraph in lines of comment. */
export function comment(text: string, mark = '//'): readonly string[] {
  const lines: string[] = [];
  for (const word of inComment(text).split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < widest) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`${mark} ${word}`);
  }
  return lines;
}

export function moduleFile(answers: ModuleAnswers, parts: ModuleParts): TemplateFile {
  const { name, hosts, directory, virtualAddress } = answers;
  const lines = [
    ...parts.about.flatMap((paragraph) => comment(paragraph)),
    '{',
    `  "name": ${json(name)},`,
    ...indent(2, comment(`In order of preference: when both hosts could start it, ${hosts[0]} does.`)),
    `  "hosts": ${json(hosts)},`,
    '  "mirror": {',
    ...indent(4, comment(parts.directory)),
    `    "directories": ${json([directory])},`,
    ...indent(4, parts.mirror ?? []),
    '  },',
    '  "server": {',
    ...indent(4, parts.server),
    '  },',
    ...(virtualAddress === null ? [] : indent(2, addressLines(virtualAddress))),
    ...indent(2, parts.more ?? []),
    ...indent(2, [
      ...comment(
        'Change: how long the primary may be silent before the other host takes over; 3s unless it is said here.',
      ),
      '// "failover": { "detection": "3s" },',
    ]),
    '}',
  ];
  return { path: modulePath(name), text: `${lines.join('\n')}\n`, executable: false };
}

function addressLines({ address, network }: NonNullable<ModuleAnswers['virtualAddress']>): readonly string[] {
  return [
    ...comment('Clients use this address: the host that runs the server has it, and it moves with the server.'),
    `"virtualAddresses": [{ "address": ${json(address)}, "network": ${json(network)} }],`,
  ];
}

/** The section of a server that scripts run. @param timeout longer than the slowest script takes, such as `120s` */
export function scriptsSection({ name, hosts }: ModuleAnswers, timeout: string): readonly string[] {
  const program = (action: string): string => json([`${scriptsFolder}/${name}/${action}`]);
  return [
    '"scripts": {',
    ...indent(2, [
      ...comment(
        `The scripts are written to scripts/${name} beside this file's folder. They have to be at this place on both hosts, and executable. ` +
          `For ${hosts[0]}, and in the same way for ${hosts[1]}: ` +
          `ssh ${hosts[0]} mkdir -p ${scriptsFolder} && scp -rp scripts/${name} ${hosts[0]}:${scriptsFolder}/`,
      ),
      `"start": ${program('start')},`,
      `"stop": ${program('stop')},`,
      `"check": ${program('check')},`,
      '"checkInterval": "10s",',
      ...comment(
        'Change it together with the patience of the scripts: one that takes longer is killed and counts as failed.',
      ),
      `"timeout": ${json(timeout)},`,
    ]),
    '},',
  ];
}

/** The three scripts of a module. */
export function scriptFiles(
  { name }: ModuleAnswers,
  texts: Readonly<Record<'start' | 'stop' | 'check', string>>,
): readonly TemplateFile[] {
  return (['start', 'stop', 'check'] as const).map((action) => ({
    path: `scripts/${name}/${action}`,
    text: texts[action],
    executable: true,
  }));
}

/** One script: the comment at its top, a paragraph a line, then its commands. */
export function script(about: readonly string[], commands: string): string {
  const head = about.flatMap((paragraph) => comment(paragraph, '#'));
  return `${['#!/bin/sh', ...head].join('\n')}\n${commands.replace(/^\n*/, '').replace(/\n*$/, '\n')}`;
}

/** A word of a shell script that means exactly `text`, whatever that holds. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** A word for a command that somebody copies from a comment: in quotes only where it needs them. */
export function commandWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : shellWord(text);
}

/** A function for shell scripts: prints the regular expression (extended) that its argument alone matches. */
export const literally = String.raw`literally() { printf '%s' "$1" | sed 's/[][\.*^$+?(){}|]/\\&/g'; }`;

export function indent(columns: number, lines: readonly string[]): readonly string[] {
  return lines.map((line) => (line === '' ? '' : `${' '.repeat(columns)}${line}`));
}
