import { basename } from 'node:path';
import { nodeAt } from '../../../../schemas/jsonPlaces.ts';
import type { Node, PathSegment } from '../../../../schemas/jsonText.ts';
import { plainScripts } from '../../../../schemas/templates/plainScript.ts';
import { candidatesOf } from '../model/namedFiles.ts';
import type { SourceFile } from '../model/sourceFile.ts';
import { moduleName } from '../summaries.ts';
import type { Fixer } from './fix.ts';
import { scriptText } from './scriptTemplate.ts';

/** A script that is named and not there is made from a template, and made executable. */
export const createScript: Fixer = ({ diagnostic, node, file, document, path }) => {
  if (diagnostic.code !== 'missing-script' || typeof node?.value !== 'string') return [];
  const [target] = candidatesOf(node.value, 'program', document);
  if (target === undefined) return [];
  return [
    {
      title: `Create ${basename(target)} from a template`,
      edits: [],
      newFile: { path: target, text: textOf(file, path, node.value) },
      makeExecutable: target,
      isPreferred: true,
    },
  ];
};

/** Those that start, stop and check a program fit together as the template of a module has them; of anything else there is a frame. */
function textOf(file: SourceFile, path: readonly PathSegment[], program: string): string {
  const { root } = file.document;
  // Names come from a file that need not be valid.
  const name = moduleName(file).replace(/[^\w.-]/g, '');
  const action = actionOf(path);
  const isForSeveral = actionsOf(root, program) > 1;
  if (action === null || isForSeveral) return scriptText(path, name, isForSeveral);
  const [first = 'HOST', second = 'HOST'] = textsIn(nodeAt(root, ['hosts']));
  const [directory = `/srv/${name}`] = textsIn(nodeAt(root, ['mirror', 'directories']));
  const answers = { name, hosts: [first, second] as const, directory, virtualAddress: null, details: {} };
  return plainScripts(answers)[action];
}

const actions = ['start', 'stop', 'check'] as const;

/** What a server's script is for; null: it is no such script. */
function actionOf([section, kind, key]: readonly PathSegment[]): (typeof actions)[number] | null {
  if (section !== 'server' || kind !== 'scripts') return null;
  return actions.find((each) => each === key) ?? null;
}

/** For how many of them a program is named: one for several has to look which one is meant. */
function actionsOf(root: Node | null, program: string): number {
  return actions.filter((action) => nodeAt(root, ['server', 'scripts', action, 0])?.value === program).length;
}

function textsIn(list: Node | null): readonly string[] {
  return (list?.children ?? []).flatMap(({ value }) => (typeof value === 'string' ? [value] : []));
}

/** A script that is there gets the mode that lets it be run. */
export const makeExecutable: Fixer = ({ diagnostic, node, document }) => {
  if (diagnostic.code !== 'script-not-executable' || typeof node?.value !== 'string') return [];
  const [target] = candidatesOf(node.value, 'program', document);
  if (target === undefined) return [];
  return [{ title: `Make ${basename(target)} executable`, edits: [], makeExecutable: target, isPreferred: true }];
};
