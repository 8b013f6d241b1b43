import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { manyModulesCluster, manyModulesModule } from '../../support/manyModules.ts';
import type { Contender } from './contender.ts';

/** One of so many modules has an error: that it is found shows that the file was checked. The last one has, too. */
const onePerError = 10;

export interface ModuleFile {
  readonly uri: string;
  readonly text: string;
  readonly hasError: boolean;
}

/**
 * Writes the cluster's file and those of its modules into a folder, as a contender wants them: the same values for each.
 * @returns the modules' files
 */
export async function writeFiles(folder: string, contender: Contender, count: number): Promise<readonly ModuleFile[]> {
  await mkdir(join(folder, 'modules'), { recursive: true });
  const clusterFile = `site${contender.ending.replace('module', 'cluster')}`;
  await writeFile(join(folder, clusterFile), contender.textOf(manyModulesCluster));
  const files: ModuleFile[] = [];
  for (let index = 0; index < count; index++) {
    const path = join(folder, 'modules', `m${index}${contender.ending}`);
    const hasError = index % onePerError === 0 || index === count - 1;
    const well = contender.textOf(manyModulesModule(index));
    const text = hasError ? well.replace('directories', 'directorys') : well;
    await writeFile(path, text);
    files.push({ uri: pathToFileURL(path).toString(), text, hasError });
  }
  return files;
}
