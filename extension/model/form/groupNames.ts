import { kindOfFile } from '../../../schemas/document.ts';
import { parseText } from '../../../schemas/jsonText.ts';
import { occurrencesIn } from '../../../schemas/occurrences.ts';
import type { Named } from '../../../schemas/occurrences.ts';
import type { FormNames, FormSource } from './fields.ts';

/** The names that files of a cluster define. Files of other kinds, and what cannot be read in a file, are left out. */
export function namesIn(files: readonly { readonly path: string; readonly text: string }[]): FormNames {
  return definedIn(
    files.flatMap(({ path, text }) => {
      const kind = kindOfFile(path);
      return kind === null ? [] : [{ kind, root: parseText(text).root }];
    }),
  );
}

/** What a file may refer to: a module to nothing of its own, a cluster file to what stands in it. */
export function namesFor({ kind, root }: FormSource, others: FormNames): FormNames {
  if (kind === 'module') return others;
  const own = definedIn([{ kind, root }]);
  return { ...others, host: own.host, network: own.network };
}

function definedIn(documents: readonly Named[]): FormNames {
  const names = { host: new Set<string>(), network: new Set<string>(), module: new Set<string>() };
  for (const document of documents) {
    for (const { kind, name, isDefinition } of occurrencesIn(document)) if (isDefinition) names[kind].add(name);
  }
  return { host: [...names.host], network: [...names.network], module: [...names.module] };
}
