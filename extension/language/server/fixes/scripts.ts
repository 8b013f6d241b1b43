import { basename } from 'node:path';
import { candidatesOf } from '../model/namedFiles.ts';
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
      newFile: { path: target, text: scriptText(path, moduleName(file)) },
      makeExecutable: target,
      isPreferred: true,
    },
  ];
};

/** A script that is there gets the mode that lets it be run. */
export const makeExecutable: Fixer = ({ diagnostic, node, document }) => {
  if (diagnostic.code !== 'script-not-executable' || typeof node?.value !== 'string') return [];
  const [target] = candidatesOf(node.value, 'program', document);
  if (target === undefined) return [];
  return [{ title: `Make ${basename(target)} executable`, edits: [], makeExecutable: target, isPreferred: true }];
};
