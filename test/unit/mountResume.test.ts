import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MountContext } from '../../agent/mirror/mount/context.ts';
import { MountJournal, Note, requestOf } from '../../agent/mirror/mount/journal.ts';
import type { FuseNode } from '../../agent/mirror/mount/nodes.ts';
import { restore } from '../../agent/mirror/mount/resume.ts';
import type { MutationSink } from '../../agent/mirror/mutation.ts';
import { O_DIRECTORY, O_PATH, O_RDWR, close, memoryFile, openat, statat } from '../../agent/platform/libc.ts';
import { mountContext } from '../support/mountContext.ts';

const unused = (): never => {
  throw new Error('nothing is replicated here');
};
const sink: MutationSink = {
  prepare: unused,
  commit: unused,
  begin: unused,
  beginFlush: unused,
  finish: unused,
  unknown: unused,
  gather: () => undefined,
  settle: () => undefined,
  released: unused,
};
const REQUEST = requestOf(4711, 0);

let directory: string;
let journalFd: number;
let backingFd: number;
let before: MountContext;

/** What a mirror process knows of the mount; the first one, and the one that takes over. */
function servedMount(): MountContext {
  const journal = new MountJournal(journalFd, () => {
    throw new Error('the journal is broken');
  });
  return mountContext(backingFd, sink, journal);
}

const journalOf = (context: MountContext): MountJournal => context.journal as MountJournal;

function look(name: string, parent: FuseNode = before.nodes.root): FuseNode {
  const node = before.nodes.lookup(parent, name, statat(backingFd, before.files.childPath(parent, name)));
  journalOf(before).end(0, null);
  return node;
}

/** The process ended here; another one takes over. */
function takeOver(kept = new Map<number, number>()): MountContext {
  const next = servedMount();
  restore(next, kept);
  return next;
}

const answered = (context: MountContext): boolean => journalOf(context).answerOf(REQUEST) !== undefined;
const inDirectory = (name: string): string => path.join(directory, name);

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'us-resume-'));
  journalFd = memoryFile('test');
  backingFd = openat(-100, directory, O_PATH | O_DIRECTORY);
  before = servedMount();
  journalOf(before).reset();
  before.nodes.journal = before.handles.journal = journalOf(before);
  journalOf(before).snapshot = () => {
    before.nodes.snapshot(journalOf(before));
    before.handles.snapshot(journalOf(before));
  };
});

afterEach(() => {
  close(journalFd);
  close(backingFd);
  fs.rmSync(directory, { recursive: true });
});

describe('a process that takes a mount over', () => {
  it.each([false, true])(
    'knows every name, look-up and open file (after the journal was made anew: %s)',
    (compacted) => {
      fs.mkdirSync(inDirectory('d'));
      fs.writeFileSync(inDirectory('d/f'), 'content');
      const d = look('d');
      const f = look('f', d);
      look('f', d);
      fs.linkSync(inDirectory('d/f'), inDirectory('l'));
      look('l');
      const fd = openat(backingFd, 'd/f', O_RDWR);
      const number = before.handles.add({
        fd,
        node: f,
        writable: true,
        keepsDirect: false,
        direct: false,
        entries: null,
      });
      before.nodes.rename(d, 'f', before.nodes.root, 'g');
      fs.renameSync(inDirectory('d/f'), inDirectory('g'));
      journalOf(before).end(0, null);
      if (compacted) journalOf(before).compact();
      const next = takeOver();
      const node = next.nodes.byId(f.id) as FuseNode;
      expect(node.lookups).toBe(3);
      expect(node.links.map(({ name }) => name).sort()).toEqual(['g', 'l']);
      expect(next.nodes.byId(d.id)?.lookups).toBe(1);
      expect(fs.readFileSync(next.handles.get(number).fd, 'utf8')).toBe('content');
      next.handles.clear();
      before.handles.clear();
    },
  );

  it('answers by what the first one had prepared', () => {
    const answer = Uint8Array.from({ length: 144 }, (_, index) => index);
    journalOf(before).note(Note.lookups, [1, 1]);
    journalOf(before).end(REQUEST, answer);
    expect(journalOf(takeOver()).answerOf(requestOf(4711, 0x80000000))).toEqual(answer);
  });

  it('takes back what was made and not noted, and nothing that was there before', () => {
    before.channel.uniqueLow = 4711;
    before.aboutToMake('new');
    fs.mkdirSync(inDirectory('new'));
    expect(answered(takeOver())).toBe(false);
    expect(fs.existsSync(inDirectory('new'))).toBe(false);
    fs.writeFileSync(inDirectory('old'), 'old');
    before.aboutToMake('old');
    expect(answered(takeOver())).toBe(false);
    expect(fs.readFileSync(inDirectory('old'), 'utf8')).toBe('old');
  });

  it.each([true, false])('knows whether a name was removed: %s', (happened) => {
    fs.writeFileSync(inDirectory('f'), '');
    const f = look('f');
    journalOf(before).begin(REQUEST, Note.removing, [1], ['f', 'f']);
    if (happened) fs.unlinkSync(inDirectory('f'));
    const next = takeOver();
    expect(answered(next)).toBe(happened);
    expect(next.nodes.byId(f.id)?.links.length).toBe(happened ? 0 : 1);
  });

  it.each([true, false])('knows whether a file was renamed over another, which stays open: %s', (happened) => {
    fs.writeFileSync(inDirectory('f'), 'moved');
    fs.writeFileSync(inDirectory('t'), 'replaced');
    const [f, t] = [look('f'), look('t')];
    const held = openat(backingFd, 't', O_PATH);
    const fd = openat(backingFd, 't', O_RDWR);
    const number = before.handles.add({
      fd,
      node: t,
      writable: true,
      keepsDirect: false,
      direct: false,
      entries: null,
    });
    journalOf(before).begin(REQUEST, Note.renaming, [1, 1, 0, f.ino, t.ino], ['f', 't', 'f', 't']);
    if (happened) fs.renameSync(inDirectory('f'), inDirectory('t'));
    const next = takeOver(new Map([[t.ino, held]]));
    expect(answered(next)).toBe(happened);
    expect(next.nodes.path(next.nodes.byId(f.id) as FuseNode)).toBe(happened ? 't' : 'f');
    expect(fs.readFileSync(next.handles.get(number).fd, 'utf8')).toBe('replaced');
    next.handles.clear();
    before.handles.clear();
    close(held);
  });

  it('does not count a turn that was not written to its end', () => {
    fs.writeFileSync(inDirectory('f'), '');
    look('f');
    const { size } = statat(journalFd, '');
    fs.writeFileSync(inDirectory('g'), '');
    const g = look('g');
    fs.ftruncateSync(journalFd, size + 30);
    const next = takeOver();
    expect(next.nodes.byId(g.id)).toBeUndefined();
    expect(next.nodes.size).toBe(2);
  });

  it('refuses a journal that does not hold everything', () => {
    journalOf(before).spoil();
    expect(() => takeOver()).toThrow('does not hold everything');
  });
});
