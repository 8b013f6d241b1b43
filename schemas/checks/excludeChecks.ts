import type { Problem } from '../diagnostic.ts';
import { isWithin, normalDirectory } from './directories.ts';

/** Globs of what is not replicated that could not mean what they say. */
export function* checkExclude(globs: readonly string[], directories: readonly string[]): Iterable<Problem> {
  for (const [index, glob] of globs.entries()) {
    const wrong = whatIsWrong(glob, directories);
    if (wrong === null) continue;
    const [reason, expected] = wrong;
    yield {
      code: 'bad-glob',
      path: ['mirror', 'exclude', index],
      message: `"${glob}" ${reason}: expected ${expected}`,
      expected,
    };
  }
}

function whatIsWrong(glob: string, directories: readonly string[]): [reason: string, expected: string] | null {
  const directory = directories.find((each) => glob.startsWith('/') && isWithin(normalDirectory(glob), each));
  if (directory !== undefined) {
    const relative = normalDirectory(glob).slice(normalDirectory(directory).length);
    return [
      'is a path of the host',
      relative === ''
        ? 'something in the mirrored directory, not itself'
        : `a path from the mirrored directory, "${relative}"`,
    ];
  }
  const segments = glob.replace(/^\//, '').split('/');
  if (segments.includes('')) {
    return [
      'has an empty name in its path',
      'single slashes, and none at the end: a directory is excluded by its name',
    ];
  }
  if (segments.some((segment) => segment === '.' || segment === '..')) {
    return ['leads elsewhere', 'a path from the mirrored directory, without "." and ".."'];
  }
  if (segments.some((segment) => segment.includes('**'))) {
    return ['has "**", which is not known', 'a name without a slash, which is excluded at any depth'];
  }
  for (const segment of segments) {
    const wrong = wrongSet(segment);
    if (wrong !== null) return wrong;
  }
  return null;
}

function wrongSet(segment: string): [reason: string, expected: string] | null {
  const outside = segment.replace(/\[!?[^\]]+\]/g, '');
  if (outside.includes('[')) {
    return ['has a "[" that does not begin a set', 'a set such as "[abc]", or "[[]" for the character itself'];
  }
  for (const [set] of segment.matchAll(/\[!?[^\]]+\]/g)) {
    // Names are bytes, and a set matches one of them.
    if (/[^\x00-\x7f]/.test(set)) return [`has the set "${set}"`, 'sets of ASCII characters only'];
    for (const [, first, last] of set.replace(/^\[!?|\]$/g, '').matchAll(/([\s\S])-([\s\S])/g)) {
      if (first !== undefined && last !== undefined && first > last) {
        return [`has the range "${first}-${last}"`, `"${last}-${first}"`];
      }
    }
  }
  return null;
}
