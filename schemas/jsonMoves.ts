/** Moving the entries of a list in a JSON text with comments. */
import { applyChanges, endOfComments } from './jsonEdits.ts';
import type { TextChange } from './jsonEdits.ts';
import { locate, parseText, valueOf } from './jsonText.ts';
import type { Node, PathSegment } from './jsonText.ts';
import { nextToken } from './jsonTokens.ts';

interface Range {
  readonly start: number;
  readonly end: number;
}

/** An entry with what belongs to it: comments above it, and those behind it on its line. */
interface Parts {
  readonly lead: Range;
  readonly entry: Range;
  readonly trail: Range;
}

/**
 * Lets an entry change places with its neighbour. Where each entry is on lines of its own, the comments above it and behind it move along;
 * otherwise they stay where they are, since nobody can tell whose they are.
 * @param path of the entry @param by 1: with the next one, -1: with the one before
 * @returns no change at all when there is no such entry or neighbour
 */
export function moveEntry(text: string, path: readonly PathSegment[], by: 1 | -1): readonly TextChange[] {
  const { root } = parseText(text);
  const index = path.at(-1);
  if (root === null || typeof index !== 'number') return [];
  const listPath = path.slice(0, -1);
  const list = locate(root, listPath);
  const first = Math.min(index, index + by);
  const one = partsOf(text, list.value, first);
  const other = partsOf(text, list.value, first + 1);
  if (!list.isExact || list.value.type !== 'array' || one === null || other === null) return [];
  const alone = swapped(text, one.entry, other.entry);
  if (!isOnLines(text, one) || !isOnLines(text, other)) return alone;
  const whole = [...alone, ...swapped(text, one.lead, other.lead), ...swapped(text, one.trail, other.trail)];
  // A comment to the end of the line must not swallow what comes behind it in its new place.
  return isSameAs(applyChanges(text, whole), applyChanges(text, alone)) ? whole : alone;
}

function partsOf(text: string, list: Node, index: number): Parts | null {
  const children = list.children ?? [];
  const node = children[index];
  if (node === undefined || index < 0) return null;
  const before = children[index - 1];
  const from = before === undefined ? list.offset + 1 : behind(text, before);
  const end = node.offset + node.length;
  const trail = behind(text, node);
  return {
    lead: { start: endOfComments(text, from), end: node.offset },
    entry: { start: node.offset, end },
    trail: { start: trail, end: endOfComments(text, trail) },
  };
}

/** Behind an entry and its comma. */
function behind(text: string, node: Node): number {
  const end = node.offset + node.length;
  const next = nextToken(text, end);
  return next?.kind === ',' ? next.end : end;
}

function isOnLines(text: string, { lead }: Parts): boolean {
  return /[\r\n]/.test(text.slice(lead.start, lead.end));
}

function swapped(text: string, one: Range, other: Range): readonly TextChange[] {
  const [here, there] = [text.slice(one.start, one.end), text.slice(other.start, other.end)];
  if (here === there) return [];
  return [
    { ...one, text: there },
    { ...other, text: here },
  ];
}

/** Whether two texts say the same, comments apart. */
function isSameAs(text: string, other: string): boolean {
  const [one, two] = [parseText(text), parseText(other)];
  if (one.root === null || two.root === null || one.problems.length > 0) return false;
  return JSON.stringify(valueOf(one.root)) === JSON.stringify(valueOf(two.root));
}
