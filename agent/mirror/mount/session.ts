import type { Wakefulness } from '../../platform/wakefulness.ts';
import { DiskWaits } from '../link/diskWaits.ts';
import type { MutationSink } from '../mutation.ts';
import { ONE_ROOT } from '../replica/roots.ts';
import { FuseChannel } from './channel.ts';
import { ColdReads } from './coldReads.ts';
import { MountContext } from './context.ts';
import type { FuseOptions } from './context.ts';
import { HandleTable } from './handles.ts';
import { MountJournal, Note } from './journal.ts';
import { MountKeep } from './keep.ts';
import { LocalFiles } from './localFile.ts';
import { LocalIo } from './localIo.ts';
import { NodeTable } from './nodes.ts';
import { IN_HEADER_SIZE, Op, UNIQUE_RESENT } from './protocol.ts';
import { askAgain, restore } from './resume.ts';
import { handlers } from './requests/table.ts';
import {
  ErrnoError,
  POLLERR,
  POLLHUP,
  POLLIN,
  Poll,
  errnoOf,
  errnos,
  setNonBlocking,
  setUmask,
  statat,
} from '../../platform/libc.ts';

/** What else happens in the dispatcher thread. */
export interface SessionHooks {
  /** Becomes readable when {@link onWake} shall be called. */
  readonly wakeFd: number;
  /** Called while `wakeFd` is readable, between two requests; has to make it unreadable. May block. Returns false to end the session. */
  readonly onWake: () => boolean;
  /**
   * One small step of other work (resync), called when no request waits and now and then under load. Returns whether there is more to do;
   * after false it is called again only after the next wake-up or request. May be replaced at any time.
   */
  idleStep: (() => boolean) | null;
  /** Under load: whether {@link idleStep} should not wait for a moment without requests any longer. */
  readonly isOverdue?: () => boolean;
  /** Called after every request. May block. */
  readonly afterRequest?: () => void;
  /** For how long nothing is due that {@link idleStep} does by time, milliseconds; -1: nothing will be. */
  readonly quietMs?: () => number;
  /** Keeps processors from deep sleep under load. */
  readonly wakefulness?: Wakefulness;
}

/** What lets another process take the mount over when this one ends. */
export interface SessionKeeping {
  /** The journal's memory. */
  readonly journalFd: number;
  /** The way to the keeper. */
  readonly keeperFd: number;
  /** Takes over from an earlier process: descriptors of files without a name, by inode number. Null: a new mount. */
  readonly kept: ReadonlyMap<number, number> | null;
  /** Lets the keeper take in what was sent to it. */
  readonly announce: () => void;
}

const defaults: Omit<FuseOptions, 'diskWaits'> = {
  validSeconds: 3600,
  keepDirect: false,
  requestsPerIdleStep: 32,
  coldReadScript: null,
  log: () => undefined,
};

/** Requests that are passed on to follower and disk together, and how many of them at most. */
const MAY_GO_TOGETHER: ReadonlySet<number> = new Set([Op.READ, Op.WRITE]);
const MOST_TOGETHER = 8;
/** How often the wake-up descriptor is looked at under load: every so many requests. */
const REQUESTS_PER_WAKE_CHECK = 16;

/**
 * Serves one mount from the files below it. Everything ordered happens in the one thread that calls {@link run}: requests, wake-ups and idle
 * steps, never two at once. The files below the mount must not change behind its back.
 *
 * Bytes handed to the sink (the data of a write, a prepared reply) are valid until its method returns; what is needed longer has to be
 * copied. While `commit` runs, the page before the data of a write belongs to the sink: see {@link FuseChannel}. `commit`, `begin`, `beginFlush` and
 * `finish` must not throw.
 */
export class FuseSession {
  readonly fuseFd: number;
  readonly backingFd: number;
  readonly #context: MountContext;

  constructor(
    fuseFd: number,
    backingFd: number,
    sink: MutationSink,
    options: Partial<FuseOptions> = {},
    keeping: SessionKeeping | null = null,
    roots = ONE_ROOT,
  ) {
    this.fuseFd = fuseFd;
    this.backingFd = backingFd;
    const root = statat(backingFd, '');
    const nodes = new NodeTable(root.ino);
    const channel = new FuseChannel(fuseFd);
    const files = new LocalFiles(backingFd, nodes, roots);
    const script = options.coldReadScript ?? null;
    const keep = keeping && new MountKeep(keeping.keeperFd, keeping.announce);
    const journal = keeping && new MountJournal(keeping.journalFd, () => keep?.over());
    const diskWaits = options.diskWaits ?? new DiskWaits();
    this.#context = new MountContext({
      channel,
      nodes,
      handles: new HandleTable(),
      files,
      sink,
      options: { ...defaults, ...options, diskWaits },
      device: root.dev,
      coldReads: script === null ? null : new ColdReads(fuseFd, script, channel.replyBody, diskWaits),
      localIo: LocalIo.open(channel, sink, nodes, files, diskWaits),
      journal,
      keep,
    });
    if (journal) this.#begin(journal, keeping?.kept ?? null);
  }

  #begin(journal: MountJournal, kept: ReadonlyMap<number, number> | null): void {
    const context = this.#context;
    const { nodes, handles, channel, keep } = context;
    if (keep) keep.onOver = () => journal.spoil();
    if (kept === null) journal.reset();
    else restore(context, kept);
    journal.snapshot = () => {
      nodes.snapshot(journal);
      handles.snapshot(journal);
      journal.note(Note.init, [context.killPrivV2 ? 1 : 0, context.setxattrExt ? 1 : 0]);
    };
    nodes.journal = handles.journal = channel.journal = journal;
    nodes.onKeptGone = (node) => keep?.drop(node);
    if (kept === null) return;
    journal.compact();
    keep?.resumable();
    askAgain(this.fuseFd);
  }

  /**
   * Serves requests until the mount is gone ('unmounted') or `onWake` returned false ('stopped'). Throws only when /dev/fuse itself fails.
   * Sets the umask of the whole process to 0: the kernel tells the umask of each caller.
   */
  run(hooks: SessionHooks): 'unmounted' | 'stopped' {
    setNonBlocking(this.fuseFd, true);
    setUmask(0);
    const { localIo } = this.#context;
    const { diskWaits } = this.#context.options;
    const poll = new Poll([
      { fd: this.fuseFd, events: POLLIN },
      { fd: hooks.wakeFd, events: POLLIN },
      ...(localIo === null ? [] : [{ fd: localIo.eventFd, events: POLLIN }]),
    ]);
    let idle = true;
    const { wakefulness } = hooks;
    for (let served = 1; ; served++) {
      const length = this.#context.channel.receive();
      diskWaits.busy();
      if (length >= 0) {
        wakefulness?.note();
        this.#gather(MAY_GO_TOGETHER.has(this.#context.channel.opcode) && served % MOST_TOGETHER !== 0);
        this.#handle(length);
        hooks.afterRequest?.();
        localIo?.reap();
        if (hooks.idleStep !== null && this.#isIdleStepDue(served, hooks)) idle = hooks.idleStep();
        if (served % REQUESTS_PER_WAKE_CHECK !== 0) continue;
        poll.wait(0);
      } else if (length === -errnos.EAGAIN) {
        this.#gather(false, true);
        if (hooks.idleStep !== null && idle) idle = hooks.idleStep();
        const quietMs = hooks.quietMs?.() ?? -1;
        const awakeMs = wakefulness?.waitMs ?? -1;
        const isResting = awakeMs > 0 && (quietMs < 0 || awakeMs <= quietMs);
        const waitMs = hooks.idleStep !== null && idle ? 0 : isResting ? awakeMs : quietMs;
        diskWaits.elsewhere();
        if (poll.wait(waitMs) === 0 && waitMs > 0 && isResting) wakefulness?.rest();
        else wakefulness?.waited();
        diskWaits.busy();
        // Whatever ends the wait may bring new idle work.
        if (!idle) idle = true;
      } else if (length === -errnos.ENODEV || length === -errnos.ECONNABORTED) {
        return 'unmounted';
      } else if (length === -errnos.EINTR || length === -errnos.ENOENT) {
        continue; // ENOENT: the request was withdrawn
      } else {
        throw new ErrnoError(-length, 'read', '/dev/fuse');
      }
      if (localIo !== null && poll.result(2) !== 0) localIo.onEvent();
      if ((poll.result(1) & (POLLIN | POLLERR | POLLHUP)) !== 0 && !hooks.onWake()) return 'stopped';
    }
  }

  /** Under load. Never while requests are being put together. */
  #isIdleStepDue(served: number, { isOverdue }: SessionHooks): boolean {
    if (served % this.#context.options.requestsPerIdleStep === 0) return true;
    return served % MOST_TOGETHER === 0 && isOverdue !== undefined && isOverdue();
  }

  /** What waits one behind the other is passed on together, to the follower and to the disk. */
  #gather(gathers: boolean, nobodyWaits = false): void {
    const { sink, localIo } = this.#context;
    if (gathers) {
      sink.gather();
    } else {
      sink.settle();
      localIo?.settle(nobodyWaits);
    }
  }

  #handle(length: number): void {
    const context = this.#context;
    const { channel } = context;
    if (length < IN_HEADER_SIZE) return context.options.log(`a request of ${length} bytes was ignored`);
    if (channel.uniqueHigh >= UNIQUE_RESENT && this.#answeredBefore()) return;
    const handler = handlers[channel.opcode];
    if (handler === undefined) return channel.answer(0, errnos.ENOSYS);
    try {
      handler(context);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === undefined || errno === 0 || errno > 511) {
        context.options.log(
          `request ${channel.opcode} failed: ${error instanceof Error ? (error.stack ?? '') : String(error)}`,
        );
      }
      if (channel.opcode !== Op.FORGET && channel.opcode !== Op.BATCH_FORGET) {
        context.fail(errno !== undefined && errno > 0 && errno <= 511 ? errno : errnos.EIO);
      }
    }
    // What has no reply, such as FORGET.
    if (context.journal?.pending === true) context.journal.end(0, null);
  }

  /** A request that an earlier process had carried out is only answered: held as long as any, since it may not be on the other side. */
  #answeredBefore(): boolean {
    const { channel, journal, sink } = this.#context;
    const answer = journal?.answerOf(channel.request);
    if (answer === undefined) return false;
    const bytes = channel.sealAgain(answer);
    if (!sink.commit([], { bytes })) channel.sendSealed(bytes);
    return true;
  }

  /** See {@link FuseOptions}: holds for files that are opened from now on. */
  set keepDirect(keepDirect: boolean) {
    this.#context.options.keepDirect = keepDirect;
  }

  /** What the disk is at work on for requests that were begun; null when nothing ever is. */
  get localDisk(): Pick<LocalIo, 'reap' | 'drain' | 'settle'> | null {
    return this.#context.localIo;
  }

  /** Closes the files that the kernel had open. Call it after {@link run}; the two descriptors stay the caller's. */
  close(): void {
    this.#context.localIo?.close();
    this.#context.coldReads?.close();
    this.#context.handles.clear();
    this.#context.nodes.clear();
  }
}
