import type { ParsedDocument } from '../../../schemas/document.ts';
import { resolveCluster, resolveModule, type ResolvedCluster, type ResolvedModule } from '../../../schemas/defaults.ts';

/** What a folder holds already that a new file has to fit to. */
export interface Surroundings {
  /** Null: none, or one that has errors, so that nothing reliable is known of its hosts. */
  readonly cluster: ResolvedCluster | null;
  readonly modules: readonly KnownModule[];
  /** Paths of files and folders below the folder, with slashes, as far as a new file could meet them. */
  readonly taken: ReadonlySet<string>;
}

export interface KnownModule {
  /** As messages name it. */
  readonly file: string;
  readonly module: ResolvedModule;
}

/** @param taken see {@link Surroundings.taken} */
export function surroundingsOf(
  cluster: ParsedDocument<'cluster'> | null,
  modules: readonly ParsedDocument<'module'>[],
  taken: Iterable<string>,
): Surroundings {
  return {
    cluster: cluster === null || cluster.value === null ? null : resolveCluster(cluster.value),
    modules: modules.flatMap(({ file, value }) => (value === null ? [] : [{ file, module: resolveModule(value) }])),
    taken: new Set(taken),
  };
}

/** With a further module, for the next one that is drafted. */
export function withModule(surroundings: Surroundings, known: KnownModule, files: Iterable<string>): Surroundings {
  return {
    ...surroundings,
    modules: [...surroundings.modules, known],
    taken: new Set([...surroundings.taken, ...files]),
  };
}
