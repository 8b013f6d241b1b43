/**
 * Changes of a JSON text with comments that leave everything else as somebody wrote it: comments, order, line breaks. The parser's own
 * `modify` formats the lines that it touches anew, which spreads a section on one line over several, and loses its way in the last
 * entry of a list on one line.
 */
import type { Node, PathSegment } from './jsonText.ts';
import { locate, parseText } from './jsonText.ts';
import { isComment, nextToken, tokensOf } from './jsonTokens.ts';

/** Replaces what is between two offsets; `end` is exclusive. */
export interface TextChange {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface AddOptions {
  /** Keys in the order in which they are usually written: a new one comes behind those that precede it. Default: at the end. */
  readonly order?: readonly string[];
  /** The tree of the text, when it was parsed already. */
  readonly root?: Node;
}

/** Changes that do not overlap, in any order. */
export function applyChanges(text: string, changes: readonly TextChange[]): string {
  let result = text;
  for (const change of changes.toSorted((a, b) => b.start - a.start || b.end - a.end)) {
    result = result.slice(0, change.start) + change.text + result.slice(change.end);
  }
  return result;
}

/**
 * Sets the value at a path: replaces the one that is there, or adds the key, with the sections that it is in, or the entry of a list.
 * @param value plain JSON
 * @returns no change at all when the text cannot be read, or something else than a section is in the way.
 */
export function setValue(
  text: string,
  path: readonly PathSegment[],
  value: unknown,
  { order = [], root = parseText(text).root ?? undefined }: AddOptions = {},
): readonly TextChange[] {
  if (root === undefined) return [];
  const layout = layoutOf(text, root);
  const { value: found, isExact } = locate(root, path);
  if (isExact) {
    const written = writeValue(value, indentAt(text, found.offset), layout);
    return [{ start: found.offset, end: found.offset + found.length, text: written }];
  }
  const depth = depthOf(root, path);
  const [next, ...rest] = path.slice(depth);
  const container = locate(root, path.slice(0, depth)).value;
  const isEntry = typeof next === 'number';
  if (next === undefined || container.type !== (isEntry ? 'array' : 'object')) return [];
  const wrapped = rest.reduceRight<unknown>(
    (inner, each) => (typeof each === 'number' ? [inner] : { [each]: inner }),
    value,
  );
  const write = (indent: string): string =>
    `${isEntry ? '' : `${JSON.stringify(next)}: `}${writeValue(wrapped, indent, layout)}`;
  return insert(
    text,
    container,
    isEntry ? (container.children?.length ?? 0) : placeOf(container, next, order),
    write,
    layout,
  );
}

/** Takes out the key or entry at a path with its comma, and with its line when nothing else is on it. None: it is not there. */
export function removeValue(text: string, path: readonly PathSegment[]): readonly TextChange[] {
  const { root } = parseText(text);
  if (root === null || path.length === 0) return [];
  const { value, key, isExact } = locate(root, path);
  if (!isExact) return [];
  const entry = key?.parent ?? value;
  return removeEntry(text, entry);
}

/** Takes out a property of an object or an entry of a list. */
export function removeEntry(text: string, entry: Node): readonly TextChange[] {
  const siblings = entry.parent?.children ?? [];
  const index = siblings.indexOf(entry);
  const end = entry.offset + entry.length;
  const next = nextToken(text, end);
  if (next?.kind === ',') {
    const whole = wholeLines(text, entry.offset, next.end);
    if (whole !== null) return [{ ...whole, text: '' }];
    // What follows on the same line moves up to where the entry was.
    const blank = /^[ \t]*/.exec(text.slice(next.end))?.[0].length ?? 0;
    return [{ start: entry.offset, end: next.end + blank, text: '' }];
  }
  const before = siblings[index - 1];
  const comma = before === undefined ? null : nextToken(text, before.offset + before.length);
  const whole = wholeLines(text, entry.offset, end);
  const own = whole ?? { start: backOverBlanks(text, entry.offset), end };
  if (comma?.kind !== ',') return [{ ...own, text: '' }];
  if (comma.end >= own.start) return [{ start: comma.start, end: own.end, text: '' }];
  return [
    { start: comma.start, end: comma.end, text: '' },
    { ...own, text: '' },
  ];
}

interface Layout {
  readonly unit: string;
  readonly eol: string;
}

/** By the first key that has a line of its own: comments may be indented in their own way. */
function layoutOf(text: string, { children: [first] = [] }: Node): Layout {
  const unit = first === undefined ? '' : indentAt(text, first.offset);
  return { unit: unit === '' ? '  ' : unit, eol: text.includes('\r\n') ? '\r\n' : '\n' };
}

/** How many segments of a path are there. */
function depthOf(root: Node, path: readonly PathSegment[]): number {
  let depth = path.length;
  while (depth > 0 && !locate(root, path.slice(0, depth)).isExact) depth -= 1;
  return depth;
}

/** Before which of its properties a key is added. */
function placeOf({ children = [] }: Node, key: string, order: readonly string[]): number {
  const own = order.indexOf(key);
  if (own < 0) return children.length;
  const isBefore = (child: Node): boolean => {
    const position = order.indexOf(String(child.children?.[0]?.value));
    return position >= 0 && position < own;
  };
  return children.findLastIndex(isBefore) + 1;
}

function insert(
  text: string,
  container: Node,
  index: number,
  write: (indent: string) => string,
  layout: Layout,
): readonly TextChange[] {
  const children = container.children ?? [];
  const [first] = children;
  const base = indentAt(text, container.offset);
  if (first === undefined) return insertFirst(text, container, write, base, layout);
  const isOnLines = /[\r\n]/.test(text.slice(container.offset, first.offset));
  const indent = isOnLines ? indentAt(text, first.offset) : base;
  const gap = isOnLines ? `${layout.eol}${indent}` : ' ';
  const before = children[index - 1];
  if (before === undefined) {
    const at = isOnLines ? endOfComments(text, container.offset + 1) : container.offset + 1;
    return [{ start: at, end: at, text: `${gap}${write(indent)},` }];
  }
  const end = before.offset + before.length;
  const next = nextToken(text, end);
  if (next?.kind === ',') {
    const at = isOnLines ? endOfComments(text, next.end) : next.end;
    return [{ start: at, end: at, text: `${gap}${write(indent)},` }];
  }
  const at = isOnLines ? endOfComments(text, end) : end;
  if (at === end) return [{ start: end, end, text: `,${gap}${write(indent)}` }];
  return [
    { start: end, end, text: ',' },
    { start: at, end: at, text: `${gap}${write(indent)}` },
  ];
}

function insertFirst(
  text: string,
  container: Node,
  write: (indent: string) => string,
  base: string,
  { unit, eol }: Layout,
): readonly TextChange[] {
  const [start, end] = [container.offset + 1, container.offset + container.length - 1];
  const inner = text.slice(start, end);
  const isList = container.type === 'array';
  if (inner.trim() !== '') {
    // Comments only: it comes behind them, on a line of its own.
    const at = start + inner.trimEnd().length;
    return [{ start: at, end, text: `${eol}${base}${unit}${write(`${base}${unit}`)}${eol}${base}` }];
  }
  const isOnLines = /[\r\n]/.test(inner) || container.parent === undefined;
  if (!isOnLines) return [{ start, end, text: isList ? write(base) : ` ${write(base)} ` }];
  return [{ start, end, text: `${eol}${base}${unit}${write(`${base}${unit}`)}${eol}${base}` }];
}

/** Characters of a line up to which a section is written on it. */
const shortLine = 80;

/** A value as it is written by hand: short lists and sections on one line. */
function writeValue(value: unknown, indent: string, layout: Layout): string {
  const line = onOneLine(value);
  if (line.length + indent.length <= shortLine || typeof value !== 'object' || value === null) return line;
  const inner = `${indent}${layout.unit}`;
  const entries = Array.isArray(value)
    ? (value as unknown[]).map((each) => writeValue(each, inner, layout))
    : Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${writeValue(each, inner, layout)}`);
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  const text = entries.map((entry) => `${layout.eol}${inner}${entry}`).join(',');
  return `${open}${text}${layout.eol}${indent}${close}`;
}

function onOneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${(value as unknown[]).map(onOneLine).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${onOneLine(each)}`);
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
}

/** The blanks at the beginning of the line that an offset is in. */
function indentAt(text: string, offset: number): string {
  const start = Math.max(text.lastIndexOf('\n', offset - 1), text.lastIndexOf('\r', offset - 1)) + 1;
  return /^[ \t]*/.exec(text.slice(start, offset))?.[0] ?? '';
}

/** Behind the comments that follow an offset on its line: they belong to what is before it. */
export function endOfComments(text: string, from: number): number {
  let end = from;
  for (const token of tokensOf(text, from)) {
    if (!isComment(token) || /[\r\n]/.test(text.slice(end, token.end))) break;
    end = token.end;
  }
  return end;
}

function backOverBlanks(text: string, offset: number): number {
  let start = offset;
  while (text[start - 1] === ' ' || text[start - 1] === '\t') start -= 1;
  return start;
}

/** From the beginning of the first line to that of the line behind the last one, when nothing else is on them; null otherwise. */
function wholeLines(text: string, start: number, end: number): { readonly start: number; readonly end: number } | null {
  const from = backOverBlanks(text, start);
  const isFirst = from === 0 || /[\r\n]/.test(text[from - 1] ?? '');
  const rest = /^[ \t]*(\r\n|\r|\n)/.exec(text.slice(end));
  return isFirst && rest !== null ? { start: from, end: end + rest[0].length } : null;
}
