import { noArbiterWarnings } from '../../schemas/arbiter.ts';
import type { ModuleStatus, Snapshot } from '../../schemas/generated/api.ts';
import { moduleFacts } from './moduleFacts.ts';

/** Something that needs somebody, in a few words. */
export interface Trouble {
  readonly text: string;
  /** Something is out of service, or will not go on by itself. */
  readonly serious: boolean;
}

/**
 * What is wrong in a cluster.
 *
 * @param name as this editor knows it
 * @param isOneOfSeveral whether it has to be said of which cluster a module is
 */
export function troublesIn(name: string, snapshot: Snapshot, isOneOfSeveral: boolean): Trouble[] {
  const isArbiterLost = snapshot.arbiter.kind !== 'none' && !snapshot.arbiter.reachable;
  const isDrifting = (snapshot.configuration?.drift ?? []).length > 0;
  return [
    ...snapshot.modules.flatMap((module) =>
      troubleOf(module, isOneOfSeveral ? `${module.name} of ${name}` : module.name),
    ),
    ...(isArbiterLost ? [{ text: `${name}: arbiter not reachable`, serious: false }] : []),
    ...(isDrifting ? [{ text: `${name}: files differ`, serious: false }] : []),
  ];
}

function troubleOf(module: ModuleStatus, name: string): Trouble[] {
  const { severity, word, label } = moduleFacts(module);
  if (severity === 'warning' || severity === 'error') {
    return [{ text: `${name}: ${word} ${label}`, serious: severity === 'error' }];
  }
  // Having no arbiter was chosen: telling of it for ever would hide what happens.
  const chosen: readonly string[] = Object.values(noArbiterWarnings);
  const warnings = module.warnings.filter((warning) => !chosen.includes(warning));
  return warnings.length === 0 ? [] : [{ text: `${name}: ${warningsText(warnings.length)}`, serious: false }];
}

/** `1 warning`, `2 warnings`. */
export function warningsText(count: number): string {
  return count === 1 ? '1 warning' : `${count} warnings`;
}
