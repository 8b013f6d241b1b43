import type { Diagnostic } from '../../../schemas/diagnostic.ts';
import { place } from '../../../schemas/document.ts';
import type { AnyDocument } from '../../../schemas/document.ts';
import { directoriesOf } from './fixes/splitModule.ts';

/** A server has its program, its data and perhaps their logs on disks of their own; with more directories there are often more servers. */
const mostDirectories = 4;
/** More than templates, checks and hooks of one server take. */
const mostLines = 200;

/** A module that could be two: told to whoever edits it, since nothing is wrong with it. */
export function checkLength(document: AnyDocument): readonly Diagnostic[] {
  const { root, value, lines } = document;
  const count = directoriesOf(root)?.length ?? 0;
  if (root === null || value === null || count < 2) return [];
  const isLong = lines.count > mostLines;
  if (count <= mostDirectories && !isLong) return [];
  const size = isLong ? `has ${lines.count} lines and mirrors ${count} directories` : `mirrors ${count} directories`;
  const expected = 'a module for each server';
  const message = `this module ${size}, which all move together: a directory of another server can be a module of its own`;
  const path = ['mirror', 'directories'];
  return [
    place({ ...document, root }, { code: 'long-module', severity: 'warning', path, at: 'key', message, expected }),
  ];
}
