/** The words of a text, as the scanner of the parser has them. */
import { createScanner } from 'jsonc-parser';

export type TokenKind =
  '{' | '}' | '[' | ']' | ',' | ':' | 'string' | 'literal' | 'lineComment' | 'blockComment' | 'unknown';

export interface Token {
  readonly kind: TokenKind;
  readonly start: number;
  /** Behind its last character. */
  readonly end: number;
  /** Whether it ends as it has to: a text with its quote, a comment with its mark. */
  readonly isWhole: boolean;
}

/** By the scanner's numbers. Blanks and line breaks have none. */
const kinds: Readonly<Record<number, TokenKind>> = {
  1: '{',
  2: '}',
  3: '[',
  4: ']',
  5: ',',
  6: ':',
  7: 'literal',
  8: 'literal',
  9: 'literal',
  10: 'string',
  11: 'literal',
  12: 'lineComment',
  13: 'blockComment',
  16: 'unknown',
};
const endOfText = 17;

/** All tokens of a text from an offset on, which must not lie within one. */
export function* tokensOf(text: string, from = 0): Iterable<Token> {
  const scanner = createScanner(text, false);
  scanner.setPosition(from);
  for (let token: number = scanner.scan(); token !== endOfText; token = scanner.scan()) {
    const kind = kinds[token];
    if (kind === undefined) continue;
    const start = scanner.getTokenOffset();
    const error: number = scanner.getTokenError();
    yield { kind, start, end: start + scanner.getTokenLength(), isWhole: error !== 1 && error !== 2 };
  }
}

export function isComment({ kind }: Token): boolean {
  return kind === 'lineComment' || kind === 'blockComment';
}

/** The first token at or behind an offset that is no comment; null: there is none. */
export function nextToken(text: string, from: number): Token | null {
  for (const token of tokensOf(text, from)) if (!isComment(token)) return token;
  return null;
}
