import { expect, it } from 'vitest';
import { doAll } from '../../agent/runtime/doAll.ts';

it('does what comes after something that fails, and then says what failed', () => {
  const done: string[] = [];
  const fail = (reason: string) => (): void => {
    throw new Error(reason);
  };
  expect(() =>
    doAll([
      ['web', fail('one')],
      ['db', () => done.push('db')],
      ['mail', fail('two')],
      ['log', () => done.push('log')],
    ]),
  ).toThrow('web: one; mail: two');
  expect(done).toEqual(['db', 'log']);
  doAll([]);
});
