import type { PathSegment } from '../../../../schemas/jsonText.ts';
import { isComment, nextToken, tokensOf } from '../../../../schemas/jsonTokens.ts';
import type { Token } from '../../../../schemas/jsonTokens.ts';

/** What could be written at an offset of a text that need not be whole. */
export interface CompletionContext {
  readonly part: 'key' | 'value';
  /** Of the object that the key is in, or of the value. */
  readonly path: readonly PathSegment[];
  /** What is there already and is replaced. */
  readonly start: number;
  readonly end: number;
  /** What is there up to the offset, without its quote. */
  readonly typed: string;
  readonly isQuoted: boolean;
  /** Behind what came before, when a comma is missing there. */
  readonly commaBefore: number | null;
  /** Whether something follows that needs a comma before it. */
  readonly needsCommaAfter: boolean;
  /** Whether the key has a colon already: it gets no value then. */
  readonly hasColon: boolean;
}

interface Frame {
  readonly isList: boolean;
  key: string | null;
  index: number;
}

type Expected = 'key' | 'colon' | 'value' | 'comma';

/** Reads a text up to an offset. Null: nothing can be written there, such as in a comment. */
export function contextAt(text: string, offset: number): CompletionContext | null {
  const frames: Frame[] = [];
  let expected: Expected = 'value';
  let lastEnd = 0;
  for (const token of tokensOf(text)) {
    if (token.start >= offset) break;
    if (isComment(token)) {
      if (offset < token.end || (offset === token.end && (token.kind === 'lineComment' || !token.isWhole))) return null;
      continue;
    }
    if (isWordAt(token, offset)) return made(text, frames, expected, lastEnd, offset, token);
    expected = advance(frames, expected, token, text);
    lastEnd = token.end;
  }
  return made(text, frames, expected, lastEnd, offset, null);
}

/** Right behind a text that is closed nothing of it is written any more. */
function isWordAt({ kind, end, isWhole }: Token, offset: number): boolean {
  if (kind === 'string') return isWhole ? offset < end : offset <= end;
  return (kind === 'literal' || kind === 'unknown') && offset <= end;
}

function advance(frames: Frame[], expected: Expected, { kind, start, end }: Token, text: string): Expected {
  const top = frames.at(-1);
  switch (kind) {
    case '{':
      frames.push({ isList: false, key: null, index: 0 });
      return 'key';
    case '[':
      frames.push({ isList: true, key: null, index: 0 });
      return 'value';
    case '}':
    case ']': {
      const from = frames.findLastIndex(({ isList }) => isList === (kind === ']'));
      if (from >= 0) frames.length = from;
      return 'comma';
    }
    case ',':
      if (top === undefined) return 'value';
      if (!top.isList) {
        top.key = null;
        return 'key';
      }
      top.index += 1;
      return 'value';
    case ':':
      return 'value';
    case 'string':
      if (top !== undefined && !top.isList && expected !== 'value') {
        top.key = wordOf(text.slice(start, end));
        return 'colon';
      }
      return 'comma';
    case 'literal':
      return 'comma';
    default:
      return expected === 'value' ? 'comma' : expected;
  }
}

function made(
  text: string,
  frames: readonly Frame[],
  expected: Expected,
  lastEnd: number,
  offset: number,
  word: Token | null,
): CompletionContext | null {
  const top = frames.at(-1);
  if (expected === 'colon' || (top === undefined && expected !== 'value')) return null;
  const start = word?.start ?? offset;
  const needsComma = expected === 'comma';
  // Right behind a value it is more likely that a comma comes next than another value.
  if (needsComma && start === lastEnd) return null;
  const part = top !== undefined && !top.isList && expected !== 'value' ? 'key' : 'value';
  const end = word?.end ?? offset;
  const next = nextToken(text, end);
  const typed = text.slice(start, offset);
  return {
    part,
    path: pathOf(frames, part, needsComma),
    start,
    end,
    typed: typed.replace(/^"/, ''),
    isQuoted: typed.startsWith('"'),
    commaBefore: needsComma ? lastEnd : null,
    needsCommaAfter: next !== null && ['string', 'literal', '{', '['].includes(next.kind),
    hasColon: part === 'key' && next?.kind === ':',
  };
}

function pathOf(frames: readonly Frame[], part: 'key' | 'value', isNext: boolean): PathSegment[] {
  const around = part === 'key' ? frames.slice(0, -1) : frames;
  return around.map(({ isList, key, index }, position) => {
    if (!isList) return key ?? '';
    return isNext && position === around.length - 1 ? index + 1 : index;
  });
}

/** What a text in quotes says; one that is not whole, as far as it goes. */
function wordOf(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text.replace(/^"|"$/g, '');
  }
}
