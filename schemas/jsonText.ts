import { createScanner, parseTree, printParseErrorCode } from 'jsonc-parser';
import type { Node, ParseError } from 'jsonc-parser';

export type PathSegment = string | number;
export type { Node } from 'jsonc-parser';

/** Whether something that came from outside is a key or an index. */
export function isPathSegment(value: unknown): value is PathSegment {
  return typeof value === 'string' || (Number.isSafeInteger(value) && Number(value) >= 0);
}

/** `hosts[1]`, `server.qemu.disks[0].file`; keys that are no plain words are quoted. */
export function formatPath(segments: readonly PathSegment[]): string {
  let text = '';
  for (const segment of segments) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else if (/^[$A-Za-z_][$\w-]*$/.test(segment)) text += text === '' ? segment : `.${segment}`;
    else text += `[${JSON.stringify(segment)}]`;
  }
  return text;
}

/** The segments of a path that `formatPath` wrote. */
export function parsePath(path: string): readonly PathSegment[] {
  const segments: PathSegment[] = [];
  for (const [, index, quoted, word] of path.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|\.?([$\w-]+)/g)) {
    if (index !== undefined) segments.push(Number(index));
    else segments.push(quoted === undefined ? (word ?? '') : String(JSON.parse(quoted)));
  }
  return segments;
}

export interface LineColumn {
  readonly line: number;
  readonly column: number;
}

/** Turns offsets into lines and columns, both counted from 1. */
export class LineIndex {
  readonly #starts: number[] = [0];
  /** Where each line ends, without its line break. */
  readonly #ends: number[] = [];

  constructor(text: string) {
    for (const match of text.matchAll(/\r\n|\r|\n/g)) {
      this.#ends.push(match.index);
      this.#starts.push(match.index + match[0].length);
    }
    this.#ends.push(text.length);
  }

  /** How many lines there are; one at least. */
  get count(): number {
    return this.#ends.length;
  }

  /** The offset of a place; one that lies behind the end of its line, or of the text, is that end. */
  offsetAt({ line, column }: LineColumn): number {
    if (line < 1) return 0;
    const start = this.#starts[line - 1];
    const end = this.#ends[line - 1];
    if (start === undefined || end === undefined) return this.#ends.at(-1) ?? 0;
    return Math.min(start + Math.max(0, column - 1), end);
  }

  at(offset: number): LineColumn {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 };
  }
}

export interface SyntaxProblem {
  readonly message: string;
  readonly start: number;
  readonly end: number;
}

export interface ParsedText {
  /** Null when nothing could be read. */
  readonly root: Node | null;
  readonly problems: readonly SyntaxProblem[];
}

const syntaxMessages: Readonly<Record<string, string>> = {
  InvalidSymbol: 'this is no JSON: expected a value, a key in double quotes or a punctuation mark',
  InvalidNumberFormat: 'this is no valid number',
  PropertyNameExpected: 'expected a key in double quotes',
  ValueExpected: 'expected a value',
  ColonExpected: 'expected a colon after the key',
  CommaExpected: 'expected a comma between two entries',
  CloseBraceExpected: 'expected a closing brace "}"',
  CloseBracketExpected: 'expected a closing bracket "]"',
  EndOfFileExpected: 'expected the end of the file: there is text after the closing brace',
  InvalidCommentToken: 'this is no comment: comments are // to the end of the line, or /* … */',
  UnexpectedEndOfComment: 'the comment does not end: expected */',
  UnexpectedEndOfString: 'the text does not end: expected a closing double quote on the same line',
  UnexpectedEndOfNumber: 'the number does not end',
  InvalidUnicode: 'expected four hexadecimal digits after \\u',
  InvalidEscapeCharacter: 'unknown escape: a backslash in a text is written \\\\',
  InvalidCharacter: 'a control character must be escaped',
};

/** Objects and lists in one another. Files of ours have less than ten of them; whoever walks a tree can rely on this. */
const deepestNesting = 100;

/** Tokens of the scanner that begin and end objects and lists, and the end of the text. */
const opening: readonly number[] = [1, 3];
const closing: readonly number[] = [2, 4];
const endOfText = 17;

function isNestedTooDeeply(text: string): boolean {
  if ((text.match(/[[{]/g)?.length ?? 0) <= deepestNesting) return false;
  const scanner = createScanner(text, true);
  let depth = 0;
  for (let token: number = scanner.scan(); token !== endOfText; token = scanner.scan()) {
    if (opening.includes(token)) depth += 1;
    if (closing.includes(token)) depth = Math.max(0, depth - 1);
    if (depth > deepestNesting) return true;
  }
  return false;
}

/** Parses JSON with comments; trailing commas are allowed. Never throws. */
export function parseText(text: string): ParsedText {
  const errors: ParseError[] = [];
  if (isNestedTooDeeply(text)) {
    return { root: null, problems: [{ message: 'the text is nested too deeply', start: 0, end: 1 }] };
  }
  // A byte order mark is harmless; a blank in its place keeps every offset.
  const readable = text.startsWith('\uFEFF') ? ` ${text.slice(1)}` : text;
  const options = { allowTrailingComma: true, disallowComments: false, allowEmptyContent: false };
  const root = parseTree(readable, errors, options);
  const problems: SyntaxProblem[] = [];
  const lines = new LineIndex(text);
  const told = new Set<number>();
  for (const error of errors) {
    // One slip makes the parser stumble several times on the same line; the first complaint is the useful one.
    const { line } = lines.at(error.offset);
    if (told.has(line)) continue;
    told.add(line);
    const name = printParseErrorCode(error.error);
    const message =
      readable.trim() === '' ? 'the file is empty: expected an object { … }' : (syntaxMessages[name] ?? name);
    problems.push({ message, start: error.offset, end: error.offset + Math.max(1, error.length) });
  }
  return { root: root ?? null, problems };
}

/** The plain value of a node. Keys such as `__proto__` become ordinary keys; of duplicate keys the last one counts. */
export function valueOf(node: Node): unknown {
  if (node.type === 'array') return (node.children ?? []).map(valueOf);
  if (node.type !== 'object') return node.value as unknown;
  const value: Record<string, unknown> = {};
  for (const property of node.children ?? []) {
    const [key, child] = property.children ?? [];
    // A key that has no value yet (somebody is typing) is a syntax error already.
    if (key === undefined || child === undefined) continue;
    Object.defineProperty(value, String(key.value), {
      value: valueOf(child),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return value;
}

export interface Located {
  /** The node that was found: the value, or the nearest enclosing one when the path goes further than the text. */
  readonly value: Node;
  /** The key it stands under; null in lists and for the whole file. */
  readonly key: Node | null;
  readonly isExact: boolean;
}

/** Finds the node at a path, or the nearest node above it. */
export function locate(root: Node, path: readonly PathSegment[]): Located {
  let found: Located = { value: root, key: null, isExact: true };
  for (const segment of path) {
    const next = typeof segment === 'number' ? item(found.value, segment) : property(found.value, segment);
    if (next === null) return { ...found, isExact: false };
    found = next;
  }
  return found;
}

function item(node: Node, index: number): Located | null {
  const value = node.type === 'array' ? node.children?.[index] : undefined;
  return value === undefined ? null : { value, key: null, isExact: true };
}

function property(node: Node, name: string): Located | null {
  if (node.type !== 'object') return null;
  const [key, value] = propertyNamed(node, name)?.children ?? [];
  return key === undefined || value === undefined ? null : { value, key, isExact: true };
}

/** Objects with more keys than this are looked through once for all. */
const fewKeys = 50;
const properties = new WeakMap<Node, ReadonlyMap<unknown, Node>>();

/** The property of an object by its name, of several the last one, as in valueOf; null: there is none. */
export function propertyNamed(node: Node, name: string): Node | null {
  const children = node.type === 'object' ? (node.children ?? []) : [];
  if (children.length <= fewKeys) return children.findLast((child) => child.children?.[0]?.value === name) ?? null;
  let known = properties.get(node);
  if (known === undefined) {
    known = new Map(children.map((child) => [child.children?.[0]?.value as unknown, child]));
    properties.set(node, known);
  }
  return known.get(name) ?? null;
}

/** Keys that stand twice in one object, each with the path of the object. */
export function duplicateKeys(root: Node): readonly { readonly path: readonly PathSegment[]; readonly key: Node }[] {
  const found: { path: readonly PathSegment[]; key: Node }[] = [];
  const visit = (node: Node, path: readonly PathSegment[]): void => {
    if (node.type === 'array') {
      for (const [index, child] of (node.children ?? []).entries()) visit(child, [...path, index]);
    } else if (node.type === 'object') {
      const seen = new Set<string>();
      for (const child of node.children ?? []) {
        const [key, value] = child.children ?? [];
        if (key === undefined) continue;
        const name = String(key.value);
        if (seen.has(name)) found.push({ path: [...path, name], key });
        seen.add(name);
        if (value !== undefined) visit(value, [...path, name]);
      }
    }
  };
  visit(root, []);
  return found;
}
