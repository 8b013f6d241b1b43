/** What an agent should never say. */
const bad = [
  /uncaught|unhandled/i,
  /\b(Type|Reference|Range|Syntax|Assertion)Error\b/,
  /^\s+at .+:\d+:\d+\)?$/,
  /FATAL ERROR|out of memory|Segmentation fault/i,
];

/** The lines of an agent's log that tell of an error nobody expects. `ends` are the exit codes with which the agent may end, each once. */
export function unexpectedLines(text: string, ends: readonly number[]): readonly string[] {
  const left = [...ends];
  return text.split('\n').filter((line) => {
    const code = /^supervise: the agent ended with code (\d+)$/.exec(line)?.[1];
    if (code === undefined) return bad.some((pattern) => pattern.test(line));
    const expected = left.indexOf(Number(code));
    if (expected >= 0) left.splice(expected, 1);
    return expected < 0;
  });
}
