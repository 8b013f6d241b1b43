import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import { Lab } from '../lab/harness/lab.ts';

const TMPFS_MAGIC = 0x01021994;

/** Waits for Ctrl-C and the like, and tells the signal's name. */
export function untilSignal(): { readonly received: Promise<string>; readonly forget: () => void } {
  const forgotten = new AbortController();
  const signals = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map(async (name) => {
    await once(process, name, { signal: forgotten.signal });
    return name;
  });
  for (const each of signals) each.catch(() => undefined);
  return { received: Promise.race(signals), forget: () => forgotten.abort() };
}

/**
 * Runs `work` with a lab, which is gone afterwards, whatever happens: the hosts die with their first process, and that with ours. Ctrl-C and the
 * like end the work with an error.
 */
export async function withLab<T>(work: (lab: Lab) => Promise<T>): Promise<T> {
  if (fs.statfsSync(os.tmpdir()).type === TMPFS_MAGIC) {
    throw new Error(`${os.tmpdir()} is in memory: name a folder on a disk, TMPDIR=/var/tmp npm run bench`);
  }
  const signal = untilSignal();
  const stopped = signal.received.then((name) => Promise.reject(new Error(`stopped by ${name}`)));
  stopped.catch(() => undefined);
  const lab = await Lab.create();
  try {
    return await Promise.race([work(lab), stopped]);
  } finally {
    signal.forget();
    lab.destroy();
  }
}
