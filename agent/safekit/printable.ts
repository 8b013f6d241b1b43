// Controls, line and paragraph separators, and the characters that turn the direction of a text around: whatever would make a line look like
// another one, or end it.
const misleading = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061C\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF\uFFF9-\uFFFB]/gu;
const longest = 200;

/** A foreign text as one line that shows what it is; a long one is cut, and its length is told. */
export function printable(text: string): string {
  const line = text.replace(/[\r\n\t]/g, ' ').replace(misleading, '\u{FFFD}');
  const characters = [...line];
  return characters.length <= longest
    ? line
    : `${characters.slice(0, longest).join('')}… (${String(characters.length)} characters)`;
}
