import type { ResolvedHooks } from '../defaults.ts';
import type { Problem } from '../diagnostic.ts';
import { isWithin } from './directories.ts';

/** Hooks that could not be run whenever they are due: the mirrored directories come and go with what hooks are told of. */
export function* checkHooks({ programs }: ResolvedHooks, directories: readonly string[]): Iterable<Problem> {
  for (const [name, [program = '']] of Object.entries(programs)) {
    const around = directories.find((directory) => program.startsWith('/') && isWithin(program, directory));
    if (program.startsWith('/') && around === undefined) continue;
    const expected = 'an absolute path outside of the mirrored directories';
    const found = around === undefined ? 'is a relative path' : `lies in ${around}, which is not there at all times`;
    yield {
      code: 'bad-hook',
      path: ['hooks', name, 0],
      message: `"${program}" ${found}: expected ${expected}`,
      expected,
    };
  }
}
