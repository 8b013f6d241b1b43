import type { ApplyResult, ChangeEffect, FileProblem } from '../../schemas/generated/api.ts';
import { exitCodes, type ExitCode } from './exitCodes.ts';
import type { Io } from './io.ts';
import { paint, printable } from './table.ts';
import { printJson } from './verb.ts';

export const effectWords: Readonly<Record<ChangeEffect, string>> = {
  now: 'takes effect now',
  serverStart: 'takes effect when the server is started next',
  agentRestart: 'takes effect when the agents are restarted, on all hosts',
  stop: 'needs the module to be stopped',
};

/** Prints what an apply or a restore has done, or would do. */
export function printApplied(io: Io, json: boolean, result: ApplyResult): ExitCode {
  const isRefused = result.problems.some(({ severity }) => severity === 'error');
  if (json) printJson(io, result);
  else {
    for (const problem of merged(result.problems)) {
      const colour = problem.severity === 'error' ? 'red' : 'yellow';
      const where = problem.file === null ? '' : `${problem.file}:${problem.line}:${problem.column}: `;
      const severity = paint(problem.severity, colour, io.hasColour);
      io.stderr(`${problem.hosts.join(', ')}: ${where}${severity}: ${printable(problem.message)}\n`);
    }
    for (const { file, kind, keys } of result.changes) {
      io.stdout(`${file}: ${kind}\n`);
      for (const { key, effect } of keys) io.stdout(`  ${key}: ${effectWords[effect]}\n`);
    }
    (isRefused ? io.stderr : io.stdout)(`${result.message}\n`);
  }
  if (!isRefused) return exitCodes.ok;
  return result.problems.some(({ file, severity }) => severity === 'error' && file !== null)
    ? exitCodes.invalid
    : exitCodes.refused;
}

/** What several hosts say in the same words is said once. */
function merged(problems: readonly FileProblem[]): (FileProblem & { readonly hosts: string[] })[] {
  const found = new Map<string, FileProblem & { readonly hosts: string[] }>();
  for (const problem of problems) {
    const { host, ...rest } = problem;
    const key = JSON.stringify(rest);
    const known = found.get(key);
    if (known) known.hosts.push(host);
    else found.set(key, { ...problem, hosts: [host] });
  }
  return [...found.values()];
}
