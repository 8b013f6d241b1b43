import {
  AT_REMOVEDIR,
  O_NOFOLLOW,
  O_TMPFILE,
  RENAME_EXCHANGE,
  S_IFDIR,
  S_IFMT,
  must,
  tryUnlinkat,
  tryWrite,
} from '../../platform/libc.ts';
import type { MountContext } from './context.ts';
import { OpenedHandles } from './handles.ts';
import { Note, type JournalContent } from './journal.ts';
import { NOTIFY_RESEND, OUT_HEADER_SIZE } from './protocol.ts';
import { hasXattr } from './requests/xattrs.ts';

/** Takes over what an earlier process knew of this mount. @param kept descriptors of files without a name, by inode number */
export function restore(context: MountContext, kept: ReadonlyMap<number, number>): void {
  const { journal, nodes, handles, files } = context;
  if (journal === null) throw new Error('a mount without a journal cannot be taken over');
  const opened = new OpenedHandles();
  const content = journal.load((note) => {
    if (note.kind === Note.init) {
      context.killPrivV2 = note.numbers[0] === 1;
      context.setxattrExt = note.numbers[1] === 1;
    } else if (note.kind === Note.open || note.kind === Note.close) opened.replay(note);
    else nodes.replay(note);
  });
  nodes.adoptOrphans(kept);
  settleBegun(context, content);
  // A removal may have taken effect in the tables only now; the keeper was given the file before.
  nodes.adoptOrphans(kept);
  handles.restore(opened, (nodeId, flags) => {
    const node = nodes.byId(nodeId);
    // A directory that was removed while it was open: there is nothing in it to list.
    if (node === undefined || (nodes.path(node) === null && node.orphanFd === -1)) return null;
    return { node, fd: files.open(node, flags & ~(O_NOFOLLOW | (node.isDirectory ? 0 : O_TMPFILE))) };
  });
}

/**
 * At most one request was between its change of the files and the note of that. Nobody but this mount changes the files, so looking at them
 * tells whether it happened. What was made is taken back, so that the request is simply done again.
 */
function settleBegun(context: MountContext, { begun }: JournalContent): void {
  const { journal, nodes, files } = context;
  if (begun === null || journal === null) return;
  const { request, note } = begun;
  const { numbers, names } = note;
  const [first = 0, second = 0, flags = 0, moved = 0, replaced = 0] = numbers;
  const inoOf = (path: string): number => {
    const stat = files.tryStat(path);
    return typeof stat === 'number' ? 0 : stat.ino;
  };
  switch (note.kind) {
    case Note.making: {
      const [path = ''] = names;
      const stat = files.tryStat(path);
      if (first === 1 || typeof stat === 'number') return;
      must(tryUnlinkat(files.backingFd, path, (stat.mode & S_IFMT) === S_IFDIR ? AT_REMOVEDIR : 0), 'unlinkat', path);
      return;
    }
    case Note.removing: {
      const [name = '', path = ''] = names;
      const parent = nodes.byId(first);
      if (inoOf(path) !== 0) return;
      if (parent) nodes.unlink(parent, name);
      break;
    }
    case Note.renaming: {
      const [fromName = '', toName = '', , to = ''] = names;
      const [fromParent, toParent] = [nodes.byId(first), nodes.byId(second)];
      if (moved === replaced || inoOf(to) !== moved) return;
      if (fromParent && toParent) {
        if ((flags & RENAME_EXCHANGE) !== 0) nodes.exchange(fromParent, fromName, toParent, toName);
        else nodes.rename(fromParent, fromName, toParent, toName);
      }
      break;
    }
    case Note.settingXattr:
    case Note.removingXattr: {
      const node = nodes.byId(first);
      if (!node || hasXattr(context, node, names[0] ?? '') !== (note.kind === Note.settingXattr)) return;
      break;
    }
    case Note.resizing: {
      const node = nodes.byId(first);
      if (!node || files.stat(node).size === second) return;
      break;
    }
    default:
      return;
  }
  journal.settle(request);
}

/** Asks the kernel for everything that it has no answer to. */
export function askAgain(fuseFd: number): void {
  const notification = Buffer.alloc(OUT_HEADER_SIZE);
  notification.writeUInt32LE(OUT_HEADER_SIZE, 0);
  notification.writeInt32LE(NOTIFY_RESEND, 4);
  must(tryWrite(fuseFd, notification), 'write', '/dev/fuse');
}
