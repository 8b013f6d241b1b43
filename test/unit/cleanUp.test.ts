import { describe, expect, it } from 'vitest';
import { cleanUp, cleanUpTogether } from '../support/cleanUp.ts';

const fails = (why: string) => (): Promise<never> => Promise.reject(new Error(why));

describe('cleaning up', () => {
  it('takes every step in its order, whichever fails, and tells what failed', async () => {
    const taken: string[] = [];
    const step = (name: string) => (): unknown => taken.push(name);
    await cleanUp([step('one'), step('two')]);
    await expect(cleanUp([fails('busy'), step('three')])).rejects.toThrow(/^busy$/);
    await expect(cleanUp([fails('busy'), step('four'), fails('gone'), step('five')])).rejects.toThrow(/busy[^]*gone/);
    expect(taken).toEqual(['one', 'two', 'three', 'four', 'five']);
  });

  it('waits for the last of the steps that are taken at once', async () => {
    let isOver = false;
    const later = async (): Promise<void> => {
      await new Promise(setImmediate);
      isOver = true;
    };
    await expect(cleanUpTogether([fails('busy'), later])).rejects.toThrow(/^busy$/);
    expect(isOver).toBe(true);
  });
});
