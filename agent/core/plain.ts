/** A record is small, wherever it is kept. */
const longest = 240;

/** One line of bounded length, whatever a check or a program had to say. */
export function plain(text: string): string {
  const line = text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
  return line.length <= longest ? line : `${line.slice(0, longest - 1).trimEnd()}…`;
}
