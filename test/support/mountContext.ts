import { DiskWaits } from '../../agent/mirror/link/diskWaits.ts';
import { FuseChannel } from '../../agent/mirror/mount/channel.ts';
import { MountContext } from '../../agent/mirror/mount/context.ts';
import { HandleTable } from '../../agent/mirror/mount/handles.ts';
import type { MountJournal } from '../../agent/mirror/mount/journal.ts';
import { LocalFiles } from '../../agent/mirror/mount/localFile.ts';
import { NodeTable } from '../../agent/mirror/mount/nodes.ts';
import type { MutationSink } from '../../agent/mirror/mutation.ts';
import { statat } from '../../agent/platform/libc.ts';

/** What the requests of a mount of this directory work on, without the kernel at its other end. */
export function mountContext(backingFd: number, sink: MutationSink, journal: MountJournal | null): MountContext {
  const root = statat(backingFd, '');
  const nodes = new NodeTable(root.ino);
  return new MountContext({
    channel: new FuseChannel(-1),
    nodes,
    handles: new HandleTable(),
    files: new LocalFiles(backingFd, nodes),
    sink,
    options: {
      validSeconds: 1,
      keepDirect: false,
      requestsPerIdleStep: 1,
      coldReadScript: null,
      diskWaits: new DiskWaits(),
      log: () => {},
    },
    device: root.dev,
    coldReads: null,
    localIo: null,
    journal,
    keep: null,
  });
}
