/** One look at a server: null when all is well, otherwise what is wrong. A rejection counts as the latter. Ends soon after the signal. */
export type Probe = (signal: AbortSignal) => Promise<string | null>;

/** What is told of a failure is no longer than this: it goes into log, status and every heartbeat. */
const longestText = 300;

/** On one line, within its bound. */
export function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > longestText ? `${line.slice(0, longestText - 1)}…` : line;
}
