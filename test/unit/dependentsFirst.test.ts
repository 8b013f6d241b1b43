import { expect, it } from 'vitest';
import { dependentsFirst } from '../../agent/runtime/dependentsFirst.ts';

it('does something with all modules at once, but with each only after those that depend on it', async () => {
  const slots = Object.entries({ db: [], app: ['db'], web: ['app', 'db'], mail: [], other: ['missing'] }).map(
    ([name, dependsOn]) => ({ module: { name, dependsOn } }),
  );
  const underWay = new Map<string, () => void>();
  const done = dependentsFirst(slots, ({ module }) => new Promise((resolve) => underWay.set(module.name, resolve)));
  const finish = async (name: string): Promise<void> => {
    underWay.get(name)?.();
    underWay.delete(name);
    await new Promise((resolve) => setImmediate(resolve));
  };
  await new Promise((resolve) => setImmediate(resolve));
  expect([...underWay.keys()].sort()).toEqual(['mail', 'other', 'web']);
  await finish('web');
  expect([...underWay.keys()].sort()).toEqual(['app', 'mail', 'other']);
  await finish('app');
  expect([...underWay.keys()].sort()).toEqual(['db', 'mail', 'other']);
  for (const name of ['db', 'mail', 'other']) await finish(name);
  await done;
});
