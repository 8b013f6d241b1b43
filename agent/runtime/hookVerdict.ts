import type { HookName } from '../../schemas/defaults.ts';
import type { ScriptResult } from '../server/scripts/scriptRun.ts';

/** What follows from the end of a hook. */
export type HookVerdict =
  | { readonly kind: 'well' }
  /** It is only told of. */
  | { readonly kind: 'reported' }
  /** The server is not started now; `lasting`: nor would another try, or the other host, be of use. */
  | { readonly kind: 'refused'; readonly lasting: boolean };

/** EX_TEMPFAIL and EX_CONFIG of sysexits(3). */
const NOT_NOW = 75;
const NOT_UNTIL_MENDED = 78;

/** @param result null: the hook could not be run at all */
export function verdictOf(name: HookName, result: Pick<ScriptResult, 'code'> | null): HookVerdict {
  if (result?.code === 0) return { kind: 'well' };
  if (name === 'beforePrimary' && result !== null) {
    if (result.code === NOT_NOW) return { kind: 'refused', lasting: false };
    if (result.code === NOT_UNTIL_MENDED) return { kind: 'refused', lasting: true };
  }
  return { kind: 'reported' };
}
