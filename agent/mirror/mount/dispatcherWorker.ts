import { workerData } from 'node:worker_threads';
import { close, O_DIRECTORY, O_RDONLY, openat, setIoFlusher } from '../../platform/libc.ts';
import { Wakefulness } from '../../platform/wakefulness.ts';
import { describeError } from '../mirrorError.ts';
import { Primary } from '../replica/primary.ts';
import { numberRoots, rootsOf } from '../replica/roots.ts';
import type { DispatcherSetup, FromDispatcher } from '../replica/primaryMessages.ts';
import { type ColdReadSetup, serveColdReads } from './coldReads.ts';
import { FuseSession } from './session.ts';

/** The thread that serves the mount of a primary, and decides the order of everything. */
function run(setup: DispatcherSetup): void {
  const post = (message: FromDispatcher) => setup.port.postMessage(message);
  try {
    setIoFlusher();
  } catch {
    // Needs CAP_SYS_RESOURCE; without it memory pressure can slow the mirror down.
  }
  const roots = rootsOf(setup.directories);
  const rootFd = openat(setup.backingFd, '.', O_RDONLY | O_DIRECTORY);
  try {
    numberRoots(rootFd, roots);
    const primary = new Primary(setup, rootFd);
    const session = new FuseSession(
      setup.fuseFd,
      setup.backingFd,
      primary,
      {
        log: (message) => console.error(message),
        keepDirect: setup.directIo === 'disk',
        coldReadScript: import.meta.filename,
        diskWaits: primary.diskWaits,
      },
      setup.keeping && { ...setup.keeping, announce: () => post({ type: 'keeping' }) },
      roots,
    );
    if (session.localDisk) primary.localDisk = session.localDisk;
    post({ type: 'serving' });
    const wakefulness = new Wakefulness(setup.processors === 'awake');
    primary.wakefulness = wakefulness;
    primary.onReconfigured = ({ processors, directIo }) => {
      wakefulness.want(processors === 'awake');
      session.keepDirect = directIo === 'disk';
    };
    try {
      session.run({
        wakeFd: setup.wakeFd,
        onWake: primary.onWake,
        idleStep: primary.idleStep,
        isOverdue: primary.isOverdue,
        afterRequest: primary.afterRequest,
        quietMs: primary.quietMs,
        wakefulness,
      });
    } finally {
      wakefulness.end();
      session.close();
    }
    primary.afterUnmount();
    post({ type: 'stopped' });
  } catch (error) {
    post({ type: 'crashed', reason: describeError(error).message });
  } finally {
    close(rootFd);
  }
}

const data = workerData as DispatcherSetup | ColdReadSetup;
// The dispatcher starts its helpers from this same file.
if ('role' in data) serveColdReads(data);
else run(data);
