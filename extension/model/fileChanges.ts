import type { ApplyResult, ChangeEffect, FileProblem } from '../../schemas/generated/api.ts';

const effectWords: Readonly<Record<ChangeEffect, string>> = {
  now: 'at once',
  serverStart: 'at the next start of the server',
  agentRestart: 'when the agents are restarted, on all hosts',
  stop: 'now, as the module is stopped',
};

/** What an apply would change, for the question that comes before it. */
export function changeWords({ changes }: ApplyResult): string {
  if (changes.length === 0) return 'The hosts run by these texts already; what was edited by hand there is replaced.';
  return changes
    .flatMap(({ file, kind, keys }) => [
      `${file} is ${kind}.`,
      ...keys.map(({ key, effect }) => `• ${key} takes effect ${effectWords[effect]}`),
    ])
    .join('\n');
}

/** What keeps files from being applied, each once with the hosts that say it. */
export function problemWords(problems: readonly FileProblem[]): string[] {
  const hosts = new Map<string, string[]>();
  for (const { host, file, line, message } of problems) {
    const text = `${file === null ? '' : `${file}:${String(line)}: `}${message}`;
    hosts.set(text, [...(hosts.get(text) ?? []), host]);
  }
  return [...hosts].map(([text, named]) => `${named.join(', ')}: ${text}`);
}
