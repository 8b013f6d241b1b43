import fs from 'node:fs';
import path from 'node:path';
import { run } from '../../lab/harness/run.ts';

export const filesInTree = 7000;
const filesPerDirectory = 20;

/** Makes a tar archive of a tree like that of a program's sources: small files, a few larger ones, in many directories. */
export async function makeTreeArchive(archive: string): Promise<void> {
  const tree = `${archive}.tree`;
  for (let index = 0; index < filesInTree; index++) {
    const group = Math.floor(index / filesPerDirectory);
    const directory = path.join(tree, `part-${group % 10}`, `group-${group}`);
    fs.mkdirSync(directory, { recursive: true });
    // 200 bytes to 16 KiB, 5 KiB in the mean; the same in every run.
    const size = 200 + ((index * 7919) % 90) ** 2 * 2;
    fs.writeFileSync(path.join(directory, `file-${index}.txt`), Buffer.alloc(size, `line ${index}\n`));
  }
  await run(['tar', '-cf', archive, '--owner=0', '--group=0', '-C', tree, '.']);
  fs.rmSync(tree, { recursive: true });
}
