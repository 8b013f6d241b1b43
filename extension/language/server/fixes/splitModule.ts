/** One module file as two: a mirrored directory becomes a module of its own. Pure, and the same text gives the same texts. */
import { applyChanges, removeEntry, setValue } from '../../../../schemas/jsonEdits.ts';
import type { TextChange } from '../../../../schemas/jsonEdits.ts';
import { nodeAt } from '../../../../schemas/jsonPlaces.ts';
import { parseText } from '../../../../schemas/jsonText.ts';
import type { Node, PathSegment } from '../../../../schemas/jsonText.ts';
import { isComment, nextToken, tokensOf } from '../../../../schemas/jsonTokens.ts';
import type { Token } from '../../../../schemas/jsonTokens.ts';
import { propertiesOf, schemaOf } from '../../../../schemas/schemaNodes.ts';
import { scriptsFolder } from '../../../../schemas/templates/template.ts';

/** Both texts after a directory was moved. */
export interface SplitTexts {
  /** Of the module that keeps the rest, which depends on the new one. */
  readonly rest: string;
  /** Of the new module. */
  readonly moved: string;
}

/** Keys of a module file that are about the server as it is now: they stay with it. */
const staying = ['virtualAddresses', 'hooks', 'checks', 'needs'] as const;

/** The mirrored directories of a module that scripts run, by their places; null: it is no such module. */
export function directoriesOf(root: Node | null): readonly Node[] | null {
  if (nodeAt(root, ['server', 'scripts'])?.type !== 'object') return null;
  const list = nodeAt(root, ['mirror', 'directories']);
  return list?.type === 'array' ? (list.children ?? []) : null;
}

/**
 * Moves a directory into a module of its own: a copy of the file with its comments, but for what belongs to the server that is there.
 * Its scripts have to be written.
 *
 * @param text of a module file without mistakes
 * @param index of the directory; not the first one, at which relative paths begin
 * @param name of the new module
 * @returns null: there is no such directory, or the module is not run by scripts
 */
export function moveDirectory(text: string, index: number, name: string): SplitTexts | null {
  const { root } = parseText(text);
  const directories = directoriesOf(root);
  const directory: unknown = directories?.[index]?.value;
  const old: unknown = nodeAt(root, ['name'])?.value;
  if (directories === null || index < 1 || typeof directory !== 'string' || typeof old !== 'string') return null;

  const without = removed(text, ['mirror', 'directories', index]);
  const rest = withDependency(without, name);

  let moved = text;
  for (const key of staying) moved = removed(moved, [key]);
  // From behind, so that places stay as they are.
  for (let other = directories.length - 1; other >= 0; other -= 1) {
    if (other !== index) moved = removed(moved, ['mirror', 'directories', other]);
  }
  moved = set(moved, ['name'], name);
  for (const action of ['start', 'stop', 'check'] as const) {
    const path = ['server', 'scripts', action];
    if (nodeAt(parseText(moved).root, path) !== null) moved = set(moved, path, [`${scriptsFolder}/${name}/${action}`]);
  }
  return { rest, moved: `${headOf(old, directory, name, text)}${moved.replace(/^\uFEFF/, '')}` };
}

/** The one change that makes a text of another one. */
export function changeBetween(before: string, after: string): TextChange {
  const shortest = Math.min(before.length, after.length);
  let start = 0;
  while (start < shortest && before[start] === after[start]) start += 1;
  while (isWithinCharacter(before, start) || isWithinCharacter(after, start)) start -= 1;
  let same = 0;
  while (same < shortest - start && before.at(-1 - same) === after.at(-1 - same)) same += 1;
  while (isWithinCharacter(before, before.length - same) || isWithinCharacter(after, after.length - same)) same -= 1;
  return { start, end: before.length - same, text: after.slice(start, after.length - same) };
}

/** Editors take no place within a pair of code units, or within a line break. */
function isWithinCharacter(text: string, offset: number): boolean {
  return offset > 0 && /^(?:[\uD800-\uDBFF][\uDC00-\uDFFF]|\r\n)$/.test(text.slice(offset - 1, offset + 1));
}

function headOf(old: string, directory: string, name: string, text: string): string {
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  // In a comment nothing may end the line.
  const shown = directory.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');
  return [
    `// Module ${name}: ${shown}, moved out of the module ${old}.`,
    `// Change: write the scripts that start and stop what works there, in ${scriptsFolder}/${name} on both hosts, and take that out of the`,
    `// scripts of ${old}, which is started after this module. What is below was copied from its file.`,
    '',
  ].join(eol);
}

function withDependency(text: string, name: string): string {
  const list = nodeAt(parseText(text).root, ['dependsOn']);
  if (list?.type === 'array') return set(text, ['dependsOn', list.children?.length ?? 0], name);
  return set(text, ['dependsOn'], [name]);
}

function set(text: string, path: readonly PathSegment[], value: unknown): string {
  const order = path.length === 1 ? [...propertiesOf(schemaOf.module, schemaOf.module).keys()] : [];
  return applyChanges(text, setValue(text, path, value, { order }));
}

/** A text without a key or entry, and without the comments that are about it: those right above it, and behind it on its line. */
function removed(text: string, path: readonly PathSegment[]): string {
  let rest = text;
  const trailing = entryAt(rest, path);
  if (trailing === null) return text;
  rest = applyChanges(rest, commentBehind(rest, trailing));
  const entry = entryAt(rest, path);
  if (entry === null) return text;
  return applyChanges(rest, [...commentsAbove(rest, entry), ...removeEntry(rest, entry)]);
}

/** The property or entry of a list at a path. */
function entryAt(text: string, path: readonly PathSegment[]): Node | null {
  const node = nodeAt(parseText(text).root, path);
  return node?.parent?.type === 'property' ? node.parent : node;
}

function commentBehind(text: string, { offset, length }: Node): readonly TextChange[] {
  const next = nextToken(text, offset + length);
  const from = next?.kind === ',' ? next.end : offset + length;
  const [first] = tokensOf(text, from);
  if (first === undefined || !isComment(first) || hasBreak(text.slice(from, first.start))) return [];
  const isLast = /^[ \t]*(?:[\r\n]|$)/.test(text.slice(first.end));
  return isLast ? [{ start: from, end: first.end, text: '' }] : [];
}

/** Whole lines of comments right above an entry that begins its own line, without an empty line in between. */
function commentsAbove(text: string, { offset }: Node): readonly TextChange[] {
  const before: Token[] = [];
  for (const token of tokensOf(text)) {
    if (token.start >= offset) break;
    before.push(token);
  }
  let start = lineStart(text, offset);
  const end = start;
  if (text.slice(start, offset).trim() !== '') return [];
  for (const token of before.reverse()) {
    const from = lineStart(text, token.start);
    const isOwnLine = text.slice(from, token.start).trim() === '';
    if (!isComment(token) || !isOwnLine || !/^[ \t]*(?:\r\n|\r|\n)$/.test(text.slice(token.end, start))) break;
    start = from;
  }
  return start === end ? [] : [{ start, end, text: '' }];
}

function lineStart(text: string, offset: number): number {
  return Math.max(text.lastIndexOf('\n', offset - 1), text.lastIndexOf('\r', offset - 1)) + 1;
}

function hasBreak(text: string): boolean {
  return /[\r\n]/.test(text);
}
