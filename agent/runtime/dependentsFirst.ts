import type { ResolvedModule } from '../../schemas/defaults.ts';

/** Does something with every module, with those that depend on it before it: nothing is taken away from under a server that uses it. */
export async function dependentsFirst<T extends { readonly module: Pick<ResolvedModule, 'name' | 'dependsOn'> }>(
  slots: readonly T[],
  work: (slot: T) => Promise<void>,
): Promise<void> {
  const begun = new Map<T, Promise<void>>();
  const begin = (slot: T): Promise<void> => {
    const known = begun.get(slot);
    if (known) return known;
    const dependents = slots.filter((other) => other.module.dependsOn.includes(slot.module.name));
    const done = Promise.all(dependents.map(begin)).then(() => work(slot));
    begun.set(slot, done);
    return done;
  };
  await Promise.all(slots.map(begin));
}
