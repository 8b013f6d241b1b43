import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { kindOfFile, type AnyDocument } from '../../schemas/document.ts';
import { parseAny, readConfigurationText } from '../config/readFile.ts';

/** Folder beside the cluster file that holds the module files. */
const modulesFolder = 'modules';
/** More than this in one folder is no configuration of ours. */
const maxFiles = 1000;

/** The files that belong to a module's: those in its folder, or in the one above `modules/` and in there. What cannot be read is left out. */
export async function readGroup(file: string): Promise<readonly AnyDocument[]> {
  const own = dirname(resolve(file));
  const folder = basename(own) === modulesFolder ? dirname(own) : own;
  const paths = [...(await filesIn(folder)), ...(await filesIn(join(folder, modulesFolder)))];
  const ours = paths.flatMap((path) => {
    const kind = kindOfFile(path);
    // The one that is asked about is read by the name that it was asked by.
    return kind === null || kind === 'agent' || path === resolve(file) ? [] : [{ path, kind }];
  });
  const documents: AnyDocument[] = [];
  for (const { path, kind } of ours.slice(0, maxFiles)) {
    const read = await readConfigurationText(path);
    if (read.ok) documents.push(parseAny(kind, read.text, path));
  }
  return documents;
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names.sort().map((name) => join(folder, name));
}
