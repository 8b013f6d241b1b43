import { fromByteString, RENAME_EXCHANGE, S_IFDIR, S_IFMT, S_IFREG } from '../../platform/libc.ts';
import { pathsOf } from '../link/mutationCodec.ts';
import { ToFollower } from '../link/protocol.ts';
import { type ComparedEntry, type DirectoryAnswer, encodeDirectory } from '../link/resyncMessages.ts';
import type { Mutation } from '../mutation.ts';
import { type Entry, joinPath, parentOf } from '../replica/tree.ts';
import { WaitingLine } from '../waitingLine.ts';
import { type Moved, movedBy, movesDirectory } from './renames.ts';
import { type ResyncContext, sendCounted } from './resyncContext.ts';

/** Entries of one listing message. */
const ENTRIES_PER_MESSAGE = 1000;
const DIRECTORIES_IN_FLIGHT = 4;
const MOST_ABSENCES = 1000;
/** With more of them waiting, each further one simply joins them. */
const MOST_STRAYS = 100;

interface Listing {
  readonly path: string;
  readonly entries: readonly Entry[];
}

/** Lists the primary's directories to the follower, one after the other, from the top; what is made meanwhile is found as well. */
export class DirectoryWalk {
  readonly #context: ResyncContext;
  /** Told of every regular file that was compared; null: its attributes were equal. */
  readonly #onFile: (path: string, entry: Entry, compared: ComparedEntry | null) => void;
  readonly #directories = new WaitingLine<string>();
  /** Names that were moved or made past the walk: each is looked at by itself, since its directory may be long. */
  readonly #strays = new WaitingLine<string>();
  readonly #absences = new Map<string, number>();
  readonly #listings = new Map<number, Listing>();
  #bigListing: { path: string; names: string[]; at: number } | null = null;

  constructor(context: ResyncContext, onFile: (path: string, entry: Entry, compared: ComparedEntry | null) => void) {
    this.#context = context;
    this.#onFile = onFile;
    this.look('');
  }

  get complete(): boolean {
    const waiting = this.#directories.size + this.#strays.size + this.#listings.size;
    return waiting === 0 && this.#bigListing === null;
  }

  /** Sends one listing. Returns false when there is none to send now. */
  step(): boolean {
    if (this.#listings.size >= DIRECTORIES_IN_FLIGHT) return false;
    if (this.#strays.size > 0) return this.#sendStrays();
    if (this.#bigListing) return this.#sendBigListing(this.#bigListing);
    const path = this.#directories.first;
    if (path === undefined) return false;
    this.#directories.delete(path);
    this.#sendDirectory(path);
    return true;
  }

  /** Those that are next and lie in one directory. */
  #sendStrays(): boolean {
    const parent = parentOf(this.#strays.first ?? '');
    const entries: Entry[] = [];
    for (let path = this.#strays.first; path !== undefined; path = this.#strays.first) {
      if (parentOf(path) !== parent || entries.length >= ENTRIES_PER_MESSAGE) break;
      this.#strays.delete(path);
      const entry = this.#context.excluded(path) ? null : this.#context.tree.entry(path);
      if (entry !== null) entries.push(entry);
    }
    const self = this.#context.tree.entry(parent);
    if (entries.length > 0 && self !== null && (self.mode & S_IFMT) === S_IFDIR) {
      this.#sendListing(parent, self, entries, null, false);
    }
    return true;
  }

  #names(path: string): string[] {
    return this.#context.tree
      .names(path)
      .filter((name) => !this.#context.excluded(joinPath(path, name)))
      .sort();
  }

  #sendDirectory(path: string): void {
    // It may have been moved to where nothing is replicated.
    const self = this.#context.excluded(path) ? null : this.#context.tree.entry(path);
    // Gone or replaced meanwhile: the change itself was sent.
    if (self === null || (self.mode & S_IFMT) !== S_IFDIR) return;
    const names = this.#names(path);
    if (names.length > ENTRIES_PER_MESSAGE) {
      this.#bigListing = { path, names, at: 0 };
      return;
    }
    const entries = this.#context.tree.list(path, (name) => !this.#context.excluded(joinPath(path, name)));
    this.#sendListing(path, self, entries, null, true);
  }

  /** A directory of many entries goes in parts; the last one tells all names, as they are then. */
  #sendBigListing(listing: { path: string; names: string[]; at: number }): boolean {
    const { path } = listing;
    const self = this.#context.excluded(path) ? null : this.#context.tree.entry(path);
    if (self === null || (self.mode & S_IFMT) !== S_IFDIR) {
      this.#bigListing = null;
      return true;
    }
    const part = listing.names.slice(listing.at, listing.at + ENTRIES_PER_MESSAGE);
    listing.at += ENTRIES_PER_MESSAGE;
    const last = listing.at >= listing.names.length;
    if (last) this.#bigListing = null;
    const entries = part
      .filter((name) => !this.#context.excluded(joinPath(path, name)))
      .map((name) => this.#context.tree.entry(joinPath(path, name)))
      .filter((entry) => entry !== null);
    this.#sendListing(path, self, entries, last ? this.#names(path) : null, false);
    return true;
  }

  #sendListing(
    path: string,
    self: Entry,
    entries: readonly Entry[],
    allNames: readonly string[] | null,
    complete: boolean,
  ): void {
    this.#listings.set(this.#context.session.nextNumber, { path, entries });
    const payload = encodeDirectory({ path, self, entries, allNames, complete });
    sendCounted(this.#context, ToFollower.directory, payload);
    for (const entry of entries) {
      if ((entry.mode & S_IFMT) === S_IFDIR) this.#directories.add(joinPath(path, entry.name));
    }
  }

  onAnswer(answer: DirectoryAnswer): void {
    const listing = this.#listings.get(answer.number);
    if (!listing) return;
    this.#listings.delete(answer.number);
    this.#context.ledger.names += listing.entries.length;
    const { path } = listing;
    if (answer.absent) {
      this.#onAbsent(path);
      return;
    }
    if (answer.touched) this.#context.dirtyTimes.add(path);
    const found = new Map(answer.entries.map((entry) => [entry.index, entry]));
    listing.entries.forEach((entry, index) => {
      if ((entry.mode & S_IFMT) === S_IFREG) this.#onFile(joinPath(path, entry.name), entry, found.get(index) ?? null);
    });
  }

  /** The follower does not have it: its parent's listing makes it. One that stays away all the same ends the session. */
  #onAbsent(path: string): void {
    const tries = (this.#absences.get(path) ?? 0) + 1;
    this.#absences.set(path, tries);
    if (tries > MOST_ABSENCES) {
      this.#context.session.lost(`the resync cannot settle ${JSON.stringify(fromByteString(path))}`);
    }
    this.look(parentOf(path));
    this.look(path);
  }

  /** A directory has to be listed (again). */
  look(path: string): void {
    this.#directories.add(path);
  }

  /** A name has to be looked at (again). */
  lookAt(path: string): void {
    this.#strays.add(path);
  }

  /** A directory was removed. */
  removed(path: string): void {
    this.#directories.delete(path);
  }

  renamed(mutation: Extract<Mutation, { kind: 'rename' }>): void {
    const { from, to, flags } = mutation;
    const exchanged = (flags & RENAME_EXCHANGE) !== 0;
    // Of two names of one file a rename leaves both, unless the follower has two files there still: then the first one is gone there.
    const left = !exchanged && this.#context.tree.stat(from) !== null;
    const settled =
      !left && !this.#context.excluded(to) && this.#isSettled(from) && (!exchanged || this.#isSettled(to));
    if (movesDirectory(this.#context.tree, mutation)) this.#follow(movedBy(mutation));
    // What was moved from a directory that was not looked at yet into one that was would be missed.
    if (!settled) for (const path of pathsOf(mutation)) this.#strays.add(path);
  }

  linked({ file, path }: Extract<Mutation, { kind: 'link' }>): void {
    if (file.path === null || !this.#isSettled(file.path)) this.#strays.add(path);
  }

  /**
   * Whether what is under a name was compared, so that the follower needs no more than the changes themselves, which it gets in order. Programs
   * that never rest would keep a walk that looks at all they move from ever being complete. May say no although it was.
   */
  #isSettled(path: string): boolean {
    if (this.#context.excluded(path)) return false;
    if (this.#directories.size > 0 || this.#bigListing !== null || this.#strays.size > MOST_STRAYS) return false;
    const parent = parentOf(path);
    const name = path.slice(parent === '' ? 0 : parent.length + 1);
    for (const stray of this.#strays) if (isWithin(stray, path) || isWithin(path, stray)) return false;
    for (const listing of this.#listings.values()) {
      if (isWithin(listing.path, path)) return false;
      if (listing.path === parent && listing.entries.some((entry) => entry.name === name)) return false;
    }
    return true;
  }

  /** What is to be listed has other paths now. */
  #follow(moved: Moved): void {
    for (const line of [this.#directories, this.#strays]) {
      for (const path of [...line]) {
        const next = moved(path);
        if (next === path) continue;
        line.delete(path);
        if (next !== null) line.add(next);
      }
    }
    if (this.#bigListing) this.#bigListing.path = moved(this.#bigListing.path) ?? this.#bigListing.path;
  }
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}
