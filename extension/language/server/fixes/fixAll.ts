import { CodeActionKind } from 'vscode-languageserver';
import type { CodeActionKind as Kind } from 'vscode-languageserver';
import type { TextChange } from '../../../../schemas/jsonEdits.ts';
import type { SourceFile } from '../model/sourceFile.ts';
import type { Fix } from './fix.ts';

/** What an editor asks for to mend everything, such as when a file is saved. */
export const fixAllKind: Kind = `${CodeActionKind.SourceFixAll}.understudy`;

/**
 * All fixes of one file at once about which there is nothing to choose; null: there are none. One of two at the same place is left out.
 * @param left problems of the file that were not looked at, which is told
 */
export function allOf(
  file: SourceFile,
  fixes: readonly Fix[],
  left: number,
): (Fix & { readonly count: number }) | null {
  const taken: TextChange[] = [];
  let count = 0;
  for (const fix of fixes) {
    const changes = fix.edits.flatMap((edit) => (edit.file === file ? edit.changes : []));
    const isElsewhere = fix.edits.some((edit) => edit.file !== file) || fix.newFile !== undefined;
    if (fix.isClear !== true || isElsewhere || changes.length === 0) continue;
    if (changes.some((change) => taken.some((other) => change.start <= other.end && other.start <= change.end))) {
      continue;
    }
    taken.push(...changes);
    count += 1;
  }
  if (count === 0) return null;
  const title =
    left === 0 ? titleOf(count) : `${titleOf(count)} of the first problems (then again: ${left} more are left)`;
  return { title, edits: [{ file, changes: taken }], count };
}

function titleOf(count: number): string {
  return count === 1 ? 'Mend the one clear mistake' : `Mend all ${count} clear mistakes`;
}
