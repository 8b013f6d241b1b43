import { resolveModule } from '../../../schemas/defaults.ts';
import { parseDocument } from '../../../schemas/document.ts';
import { templateOf } from '../../../schemas/templates/moduleTemplates.ts';
import type { ModuleTemplate, TemplateFile } from '../../../schemas/templates/template.ts';
import { moduleNameOf } from '../../../schemas/moduleName.ts';
import type { Finding } from './findings.ts';
import { spread, type Pair } from './hostSpread.ts';
import { draftErrors, type ModuleDraft } from './moduleDraft.ts';
import { withModule, type Surroundings } from './surroundings.ts';

export interface PlannedModule extends ModuleDraft {
  readonly finding: Finding;
  readonly files: readonly TemplateFile[];
}

export interface ProtectPlan {
  readonly modules: readonly PlannedModule[];
  /** Findings that no file is written for, with the reason. */
  readonly refused: readonly { readonly finding: Finding; readonly reason: string }[];
}

/**
 * Modules for everything that was found, their preferred hosts spread over the pairs, each fitting to what is there and to those before it.
 * @param pairs that may be taken; see `possiblePairs`.
 */
export function planModules(findings: readonly Finding[], pairs: readonly Pair[], around: Surroundings): ProtectPlan {
  const modules: PlannedModule[] = [];
  const refused: { finding: Finding; reason: string }[] = [];
  let known = around;
  for (const finding of findings) {
    const hosts = spread(
      pairs,
      known.modules.map(({ module }) => module),
      1,
    )[0];
    if (hosts === undefined) {
      refused.push({ finding, reason: 'The cluster has no two hosts for it.' });
      continue;
    }
    const template = templateOf(finding.template);
    const taken = new Set(known.modules.map(({ module }) => module.name));
    const { directory, details } = finding;
    const answers = { name: moduleNameOf(finding.label, taken), hosts, directory, virtualAddress: null, details };
    const wrong = draftErrors({ template, answers }, known)[0]?.message ?? detailError(template, details);
    if (wrong !== null) {
      refused.push({ finding, reason: wrong });
      continue;
    }
    const files = template.files(answers);
    const { value } = parseDocument('module', files[0].text, files[0].path);
    if (value === null) throw new Error(`${files[0].path} was found well and cannot be read.`);
    modules.push({ finding, template, answers, files });
    known = withModule(
      known,
      { file: files[0].path, module: resolveModule(value) },
      files.map(({ path }) => path),
    );
  }
  return { modules, refused };
}

/** What was found may be called as nothing may that stands in a script. */
function detailError({ questions }: ModuleTemplate, details: Finding['details']): string | null {
  for (const { key, title, check } of questions) {
    const answer = details[key];
    const wrong = answer === undefined ? null : (check?.(answer) ?? null);
    if (wrong !== null) return `${title} “${answer ?? ''}”: ${wrong}`;
  }
  return null;
}
