import { checkDurations } from '../../../schemas/checks/durationChecks.ts';
import { checkModule, checkModuleInCluster } from '../../../schemas/checks/moduleChecks.ts';
import { checkPairOfModules } from '../../../schemas/checks/modulePairChecks.ts';
import { checkServerChecks } from '../../../schemas/checks/serverChecks.ts';
import { resolveModule, type ResolvedModule } from '../../../schemas/defaults.ts';
import { messageWithHint } from '../../../schemas/diagnostic.ts';
import type { Problem } from '../../../schemas/diagnostic.ts';
import { parseDocument } from '../../../schemas/document.ts';
import type { ModuleFile } from '../../../schemas/generated/module.ts';
import { formatPath } from '../../../schemas/jsonText.ts';
import type { ModuleAnswers, ModuleTemplate } from '../../../schemas/templates/template.ts';
import type { Surroundings } from './surroundings.ts';

/** A module that is about to be written. */
export interface ModuleDraft {
  readonly template: ModuleTemplate;
  readonly answers: ModuleAnswers;
}

export interface DraftError {
  /** Where in the module file, such as `mirror.directories[0]`. */
  readonly path: string;
  readonly message: string;
}

/**
 * What the validators would say of the file once it is written among the others: errors only, since a warning is no reason not to write it.
 * Takes time in proportion to the number of modules, so that it can be asked at each key press.
 */
export function draftErrors({ template, answers }: ModuleDraft, around: Surroundings): readonly DraftError[] {
  const files = template.files(answers);
  const [file] = files;
  const { value, diagnostics } = parseDocument('module', file.text, file.path);
  const found = value === null ? diagnostics : [...problemsAmong(value, around)].map(placed);
  const errors = found
    .filter(({ severity }) => severity === 'error')
    .map((problem) => ({ path: problem.path, message: sentence(messageWithHint(problem)) }));
  const met = files.find(({ path }) => around.taken.has(path));
  return met === undefined ? errors : [...errors, { path: 'name', message: `${met.path} is there already.` }];
}

/** What is wrong with the answer that stands at, or below, a path of the module file; null: nothing. */
export function errorAt(path: string, errors: readonly DraftError[]): string | null {
  const isBelow = (other: string): boolean =>
    other === path || other.startsWith(`${path}.`) || other.startsWith(`${path}[`);
  return errors.find((error) => isBelow(error.path))?.message ?? null;
}

function* problemsAmong(value: ModuleFile, { cluster, modules }: Surroundings): Iterable<Problem> {
  const module: ResolvedModule = resolveModule(value);
  yield* checkDurations('module', value);
  yield* checkModule(module);
  yield* checkServerChecks(module, value);
  if (cluster !== null) yield* checkModuleInCluster(module, value, cluster);
  for (const known of modules) yield* checkPairOfModules(module, known.module, known.file);
}

function placed({ path, message, severity, suggestion }: Problem) {
  return { path: formatPath(path), message, severity: severity ?? 'error', suggestion: suggestion ?? null };
}

/** Messages stand behind a place in files; here they stand alone. */
function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.?!]$/.test(text) ? text : `${text}.`;
}
