import type { FileRef } from '../mutation.ts';
import type { FileStat } from '../../platform/libc.ts';
import { S_IFDIR, S_IFMT, close } from '../../platform/libc.ts';
import { Note, type JournalNote, type MountJournal } from './journal.ts';
import { ROOT_ID } from './protocol.ts';

/** One name of a node. */
interface Link {
  readonly parent: FuseNode;
  readonly name: string;
}

/** What most nodes have: a table of their own would be most of their memory. */
const NO_CHILDREN: ReadonlyMap<string, FuseNode> = new Map();

/** A file that the kernel knows by its node id. */
export class FuseNode {
  readonly id: number;
  readonly ino: number;
  /** The file type bits of its mode. */
  readonly type: number;
  /** How often the kernel was told of this node and has not forgotten it. */
  lookups = 0;
  /** The names that we have seen and that are there now: of a file with hard links perhaps not all. */
  links: Link[] = [];
  /** Of a directory: known names in it. */
  readonly children: Map<string, FuseNode>;
  /** Descriptors of the open files of this node, one per handle. */
  readonly openFds: number[] = [];
  /** An O_PATH descriptor that keeps hold of the file since its last known name was removed; -1 before that. */
  orphanFd = -1;
  /** The keeper holds the file, too. */
  kept = false;
  /** Whether a write may have to clear set-id bits: false once we have looked and there were none. */
  maySetId = true;
  /** Of a directory: whether it has a default ACL; null when we have to look. */
  hasDefaultAcl: boolean | null = null;
  ref: FileRef | null = null;
  refVersion = -1;

  constructor(id: number, ino: number, type: number) {
    this.id = id;
    this.ino = ino;
    this.type = type;
    this.children = type === S_IFDIR ? new Map<string, FuseNode>() : (NO_CHILDREN as Map<string, FuseNode>);
  }

  get isDirectory(): boolean {
    return this.type === S_IFDIR;
  }
}

/**
 * What the kernel knows of the tree. All changes of names go through the mount, so the paths that follow from this table are true at any
 * time. An inode number stands for one node as long as the node lives: a removed file is held open until the kernel forgets it,
 * so that its number cannot come back as another file.
 */
export class NodeTable {
  readonly root: FuseNode;
  readonly #byId = new Map<number, FuseNode>();
  readonly #byIno = new Map<number, FuseNode>();
  #nextId = ROOT_ID + 1;
  /** Grows whenever a path may have changed; cached paths of an older version are computed anew. */
  #version = 0;
  /** Told of every change of the table that the next process must know. */
  journal: MountJournal | null = null;
  /** Told of every node that is dropped while the keeper holds its file. */
  onKeptGone: (node: FuseNode) => void = () => undefined;

  constructor(rootIno: number) {
    this.root = new FuseNode(ROOT_ID, rootIno, S_IFDIR);
    this.root.lookups = 1;
    this.#byId.set(ROOT_ID, this.root);
    this.#byIno.set(rootIno, this.root);
  }

  get size(): number {
    return this.#byId.size;
  }

  byId(id: number): FuseNode | undefined {
    return this.#byId.get(id);
  }

  byIno(ino: number): FuseNode | undefined {
    return this.#byIno.get(ino);
  }

  /** The node of a name, when the kernel knows it. */
  child(parent: FuseNode, name: string): FuseNode | undefined {
    return parent.children.get(name);
  }

  /** Registers that `name` in `parent` is the file of `stat`, without telling the kernel yet. */
  enter(parent: FuseNode, name: string, stat: FileStat): FuseNode {
    const node = this.#byIno.get(stat.ino) ?? this.#add(this.#nextId, stat.ino, stat.mode & S_IFMT);
    if (parent.children.get(name) !== node) {
      this.journal?.note(Note.enter, [parent.id, node.id, node.ino, node.type], [name]);
      this.#enter(parent, name, node);
    }
    return node;
  }

  #add(id: number, ino: number, type: number): FuseNode {
    const node = new FuseNode(id, ino, type);
    this.#nextId = Math.max(this.#nextId, id + 1);
    this.#byId.set(id, node);
    this.#byIno.set(ino, node);
    return node;
  }

  #enter(parent: FuseNode, name: string, node: FuseNode): void {
    if (parent.children.get(name) !== undefined) this.#unlink(parent, name);
    this.#addLink(node, parent, name);
  }

  /** A new file without a name, counted as one look-up of the kernel. The node holds it by `fd` (O_PATH), which is its own from now on. */
  lookupNameless(stat: FileStat, fd: number): FuseNode {
    const node = this.#add(this.#nextId, stat.ino, stat.mode & S_IFMT);
    node.orphanFd = fd;
    node.lookups = 1;
    this.journal?.note(Note.nameless, [node.id, node.ino, node.type]);
    this.journal?.note(Note.lookups, [node.id, 1]);
    return node;
  }

  /** As {@link enter}, counted as one look-up of the kernel, which it will forget some day. */
  lookup(parent: FuseNode, name: string, stat: FileStat): FuseNode {
    const node = this.enter(parent, name, stat);
    node.lookups++;
    this.journal?.note(Note.lookups, [node.id, 1]);
    return node;
  }

  #addLink(node: FuseNode, parent: FuseNode, name: string): void {
    node.links.push({ parent, name });
    parent.children.set(name, node);
    if (node.links.length === 1) this.#version++;
  }

  #removeLink(node: FuseNode, parent: FuseNode, name: string): void {
    parent.children.delete(name);
    node.links = node.links.filter((link) => link.parent !== parent || link.name !== name);
    this.#version++;
  }

  /** Registers that a name is gone. */
  unlink(parent: FuseNode, name: string): void {
    if (parent.children.has(name)) this.journal?.note(Note.unlink, [parent.id], [name]);
    this.#unlink(parent, name);
  }

  #unlink(parent: FuseNode, name: string): void {
    const node = parent.children.get(name);
    if (node === undefined) return;
    this.#removeLink(node, parent, name);
    this.#dropIfUnused(node);
    this.#dropIfUnused(parent);
  }

  /** Registers a rename; what was at the target is gone. */
  rename(fromParent: FuseNode, from: string, toParent: FuseNode, to: string): void {
    this.journal?.note(Note.rename, [fromParent.id, toParent.id], [from, to]);
    const node = fromParent.children.get(from);
    if (toParent.children.get(to) === node && node !== undefined) return; // two names of one file: rename(2) does nothing
    this.#unlink(toParent, to);
    if (node === undefined) return;
    this.#addLink(node, toParent, to);
    this.#unlink(fromParent, from);
  }

  /** Registers that two names were exchanged. */
  exchange(parentA: FuseNode, nameA: string, parentB: FuseNode, nameB: string): void {
    this.journal?.note(Note.exchange, [parentA.id, parentB.id], [nameA, nameB]);
    const a = parentA.children.get(nameA);
    const b = parentB.children.get(nameB);
    if (a === b) return;
    if (a !== undefined) this.#removeLink(a, parentA, nameA);
    if (b !== undefined) this.#removeLink(b, parentB, nameB);
    if (a !== undefined) this.#addLink(a, parentB, nameB);
    if (b !== undefined) this.#addLink(b, parentA, nameA);
  }

  /** The kernel forgets `count` look-ups. */
  forget(id: number, count: number): void {
    const node = this.#byId.get(id);
    if (node === undefined || node === this.root) return;
    this.journal?.note(Note.lookups, [id, -count]);
    node.lookups = Math.max(0, node.lookups - count);
    this.#dropIfUnused(node);
  }

  /** A directory stays as long as names in it are known, since the paths of those depend on it. */
  #dropIfUnused(node: FuseNode): void {
    if (node.lookups > 0 || node.children.size > 0 || node === this.root) return;
    if (this.#byId.get(node.id) !== node) return;
    this.#byId.delete(node.id);
    if (this.#byIno.get(node.ino) === node) this.#byIno.delete(node.ino);
    if (node.kept) this.onKeptGone(node);
    if (node.orphanFd !== -1) close(node.orphanFd);
    node.orphanFd = -1;
    for (const { parent, name } of node.links) {
      if (parent.children.get(name) === node) parent.children.delete(name);
      this.#dropIfUnused(parent);
    }
  }

  /** Does what a note of an earlier process says. */
  replay({ kind, numbers, names }: JournalNote): void {
    const [a = 0, b = 0, c = 0, d = 0] = numbers;
    const [one = '', other = ''] = names;
    if (kind === Note.enter) {
      const parent = this.#byId.get(a);
      const node = this.#byId.get(b) ?? this.#add(b, c, d);
      if (parent && parent.children.get(one) !== node) this.#enter(parent, one, node);
    } else if (kind === Note.nameless) {
      if (!this.#byId.has(a)) this.#add(a, b, c);
    } else if (kind === Note.lookups) {
      const node = this.#byId.get(a);
      if (node && b > 0) node.lookups += b;
      else this.forget(a, -b);
    } else if (kind === Note.unlink) {
      const parent = this.#byId.get(a);
      if (parent) this.#unlink(parent, one);
    } else {
      const [from, to] = [this.#byId.get(a), this.#byId.get(b)];
      if (from && to && kind === Note.rename) this.rename(from, one, to, other);
      if (from && to && kind === Note.exchange) this.exchange(from, one, to, other);
    }
  }

  /** After the replay: what has no name any more is held by the keeper, or lost with the process that held it. */
  adoptOrphans(kept: ReadonlyMap<number, number>): void {
    for (const node of this.#byId.values()) {
      if (node === this.root || node.links.length > 0) continue;
      const fd = kept.get(node.ino);
      node.orphanFd = fd ?? -1;
      node.kept = fd !== undefined;
      // Its number may be that of another file by now.
      if (fd === undefined && this.#byIno.get(node.ino) === node) this.#byIno.delete(node.ino);
    }
  }

  /** Notes everything, for a new journal. */
  snapshot(journal: MountJournal): void {
    for (const node of this.#byId.values()) {
      if (node !== this.root && node.links.length === 0) journal.note(Note.nameless, [node.id, node.ino, node.type]);
    }
    const directories = [this.root];
    for (let at = 0; at < directories.length; at++) {
      const parent = directories[at] as FuseNode;
      for (const [name, node] of parent.children) {
        journal.note(Note.enter, [parent.id, node.id, node.ino, node.type], [name]);
        if (node.isDirectory) directories.push(node);
      }
    }
    for (const node of this.#byId.values()) {
      if (node !== this.root && node.lookups > 0) journal.note(Note.lookups, [node.id, node.lookups]);
    }
  }

  /** Closes what the table holds. */
  clear(): void {
    for (const node of this.#byId.values()) {
      if (node.orphanFd !== -1) close(node.orphanFd);
      node.orphanFd = -1;
    }
    this.#byId.clear();
    this.#byIno.clear();
  }

  /** A path of the node that is valid now, '' for the root, null when no name of it is known any more. */
  path(node: FuseNode): string | null {
    return this.ref(node).path;
  }

  /** The node as mutations name it. Computed once per change of the tree, because every write needs it. */
  ref(node: FuseNode): FileRef {
    if (node.ref !== null && node.refVersion === this.#version) return node.ref;
    const path = this.#computePath(node);
    if (node.ref?.path !== path) node.ref = { ino: node.ino, path };
    node.refVersion = this.#version;
    return node.ref;
  }

  #computePath(node: FuseNode): string | null {
    if (node === this.root) return '';
    for (const { parent, name } of node.links) {
      const above = this.path(parent);
      if (above !== null) return above === '' ? name : `${above}/${name}`;
    }
    return null;
  }
}
