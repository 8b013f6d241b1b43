import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Where each code is explained: the address of the page with the line of the code's section, such as `file:///…/diagnostics.md#L12`. */
export type Explanations = ReadonlyMap<string, string>;

/** From the folder of a program of ours to where the page lies: in the package for hosts and in a build, and in the extension. */
const places = ['..', '../..'];

/** The explanations that are shipped with a program. @param program its file. Empty: there are none. */
export function explanationsOf(program: string): Explanations {
  for (const place of places) {
    const found = explanationsIn(join(dirname(program), place, 'docs/diagnostics.md'));
    if (found !== null) return found;
  }
  return new Map();
}

/** The explanations of one page, a section for each code; null: it cannot be read. */
export function explanationsIn(page: string): Explanations | null {
  try {
    const lines = readFileSync(page, 'utf8').split(/\r?\n/);
    const address = pathToFileURL(page).toString();
    return new Map(
      lines.flatMap((line, index) => {
        const code = /^## (\S+)$/.exec(line)?.[1];
        return code === undefined ? [] : [[code, `${address}#L${index + 1}`] as const];
      }),
    );
  } catch {
    return null;
  }
}
