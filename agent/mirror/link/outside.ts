import { shutdown, signalEvent, tryWrite } from '../../platform/libc.ts';
import { monotonicMs, type Outside } from './sharedState.ts';

/** @param wakeFd the eventfd on which the dispatcher waits */
export function outsideOf(fuseFd: number, wakeFd: number): Outside {
  return {
    now: monotonicMs,
    // A request that was interrupted meanwhile has nobody left to answer (ENOENT); an unmounted one neither.
    answer: (reply) => void tryWrite(fuseFd, reply),
    wake: () => signalEvent(wakeFd),
    cut: shutdown,
  };
}
