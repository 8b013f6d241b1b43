import { open } from 'node:fs/promises';
import { run } from '../harness/run.ts';

/** Makes a guest disk: a sparse raw image with an empty ext4 file system of 4 KiB blocks. */
export async function makeDisk(file: string, sizeMiB = 64): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.truncate(sizeMiB * 1024 * 1024);
  } finally {
    await handle.close();
  }
  // Not lazily: the guest would otherwise write the rest of the file system during its first minutes, whatever it does.
  await run(['mkfs.ext4', '-q', '-F', '-b', '4096', '-E', 'lazy_itable_init=0,lazy_journal_init=0', file]);
}
