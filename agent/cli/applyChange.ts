import type { ChangedEvent, Snapshot } from '../../schemas/generated/api.ts';

/** The snapshot after a change: hosts and modules that the change tells of replace those of the same name. */
export function applyChange(snapshot: Snapshot, event: ChangedEvent): Snapshot {
  if (event.revision < snapshot.revision) return snapshot;
  const { revision, time, arbiter, configuration = snapshot.configuration } = event;
  return {
    ...snapshot,
    revision,
    time,
    arbiter,
    ...(configuration && { configuration }),
    hosts: replace(snapshot.hosts, event.hosts, configuration?.hosts),
    modules: replace(snapshot.modules, event.modules, configuration?.modules),
  };
}

/** @param names those that there are; undefined: nobody said */
function replace<T extends { readonly name: string }>(
  present: readonly T[],
  changed: readonly T[],
  names: readonly string[] | undefined,
): T[] {
  const byName = new Map(present.map((item) => [item.name, item]));
  for (const item of changed) byName.set(item.name, item);
  return [...byName.values()].filter(({ name }) => names === undefined || names.includes(name));
}
