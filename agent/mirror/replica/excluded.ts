import { toByteString } from '../../platform/libc.ts';

/**
 * Whether a name is not replicated: one of the globs matches it (`*` any bytes, `?` one byte, `[…]` a set). Names are byte strings.
 */
export function excludedNames(globs: readonly string[]): (name: string) => boolean {
  if (globs.length === 0) return () => false;
  const pattern = new RegExp(`^(?:${globs.map((glob) => translate(toByteString(glob))).join('|')})$`, 's');
  return (name) => pattern.test(name);
}

/** Whether any name of a path is excluded. */
export function excludedPath(excluded: (name: string) => boolean, path: string): boolean {
  return path.split('/').some(excluded);
}

function translate(glob: string): string {
  return glob.replace(/\[!?[^\]]+\]|[\s\S]/g, (part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    if (part.length > 1) {
      return `[${part[1] === '!' ? '^' : ''}${part.slice(part[1] === '!' ? 2 : 1, -1).replace(/[\\^]/g, '\\$&')}]`;
    }
    return part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  });
}
