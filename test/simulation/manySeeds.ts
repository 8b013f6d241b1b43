import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { Coverage } from './coverage.ts';
import { runSeed, type SeedResult } from './seedRun.ts';

/** Seeds that a thread runs before it tells what came of them. */
const chunkSize = 25;

interface Chunk {
  readonly first: number;
  readonly seeds: number;
}

interface Told {
  readonly results: readonly SeedResult[];
  /** Transitions that the thread has seen. */
  readonly seen: readonly string[];
}

/** In each thread of the same program but the main one; there it does nothing. Returns whether it is such a thread. */
export function servesSeeds(): boolean {
  if (isMainThread || parentPort === null) return false;
  const port = parentPort;
  const coverage = new Coverage();
  port.on('message', ({ first, seeds }: Chunk) => {
    const results = Array.from({ length: seeds }, (_, index) => runSeed(first + index, { coverage }));
    port.postMessage({ results, seen: coverage.seen } satisfies Told);
  });
  return true;
}

/**
 * Runs seeds in as many threads, one after the other in the main thread if it is one.
 * @param program the file whose threads serve seeds
 * @param take is told of each result, in no certain order, and returns whether to go on
 */
export async function runSeeds(
  { first, seeds, jobs, program }: Chunk & { readonly jobs: number; readonly program: URL },
  coverage: Coverage,
  take: (result: SeedResult) => boolean,
): Promise<void> {
  if (jobs === 1) {
    for (let done = 0; done < seeds; done += 1) if (!take(runSeed(first + done, { coverage }))) return;
    return;
  }
  let given = 0;
  let goesOn = true;
  const serve = (worker: Worker): Promise<void> =>
    new Promise((resolve, reject) => {
      const give = (): void => {
        const chunk: Chunk = { first: first + given, seeds: Math.min(chunkSize, seeds - given) };
        if (!goesOn || chunk.seeds === 0) resolve();
        else {
          given += chunk.seeds;
          worker.postMessage(chunk);
        }
      };
      worker.on('error', reject);
      worker.on('message', ({ results, seen }: Told) => {
        coverage.merge(seen);
        for (const result of results) goesOn = goesOn && take(result);
        give();
      });
      give();
    });
  const workers = Array.from({ length: jobs }, () => new Worker(program));
  try {
    await Promise.all(workers.map(serve));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
