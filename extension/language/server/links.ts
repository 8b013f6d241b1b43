import { pathToFileURL } from 'node:url';
import type { DocumentLink } from 'vscode-languageserver';
import type { Fact, FileFacts } from './model/fileFacts.ts';
import { namedFilesIn } from './model/namedFiles.ts';
import { rangeOf } from './model/positions.ts';
import type { SourceFile } from './model/sourceFile.ts';

/** What nobody can be led to. */
const nowhere: readonly (Fact | undefined)[] = ['missing', 'hidden', undefined];

/** Scripts, images and directories that are on this machine, each where it is named. */
export async function linksOf({ document }: SourceFile, facts: FileFacts): Promise<DocumentLink[]> {
  const named = namedFilesIn(document);
  await facts.look(named.flatMap(({ candidates }) => candidates));
  return named.flatMap(({ node, candidates }) => {
    const path = candidates.find((each) => !nowhere.includes(facts.known(each)));
    if (path === undefined) return [];
    const range = rangeOf(document, node.offset + 1, node.offset + Math.max(1, node.length - 1));
    return [{ range, target: pathToFileURL(path).toString(), tooltip: path }];
  });
}
