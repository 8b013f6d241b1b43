import fs, { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RecordFolder } from '../../agent/arbiter/recordFolder.ts';
import { SharedRoom } from '../../agent/arbiter/recordRoom.ts';
import { RecordStore } from '../../agent/arbiter/recordStore.ts';
import { answerAsWitness } from '../../agent/arbiter/witness.ts';
import { arbiterRecord as record } from '../support/arbiterRecord.ts';

describe("the witness's records", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'understudy-records-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));
  const open = (): RecordStore => new RecordStore(new RecordFolder(directory));

  it('grants one of two that ask for the same epoch, and tells the other who has it', () => {
    const store = open();
    expect(store.propose('web', null, record(1, 'alpha', 'a/1')).granted).toBe(true);
    const [first, second] = [
      store.propose('web', 1, record(2, 'beta', 'b/1')),
      store.propose('web', 1, record(2, 'alpha', 'a/2')),
    ];
    expect(first.granted).toBe(true);
    expect(second).toEqual({ granted: false, current: record(2, 'beta', 'b/1') });
  });

  it('grants a repeated proposal again, so that a lost answer can be asked for once more', () => {
    const store = open();
    store.propose('web', null, record(1, 'alpha', 'a/1'));
    expect(store.propose('web', null, record(1, 'alpha', 'a/1'))).toEqual({
      granted: true,
      record: record(1, 'alpha', 'a/1'),
    });
  });

  it('remembers over a restart', () => {
    open().propose('web', null, record(1, 'alpha', 'a/1'));
    expect(open().read('web')).toEqual(record(1, 'alpha', 'a/1'));
    expect(readdirSync(directory)).toEqual(['web.json']);
  });

  it('keeps why a record was made, and takes one that does not say', () => {
    const told = { ...record(2, 'beta', 'b/1'), because: 'alpha was silent on lan and link for 3.0 s' };
    const store = open();
    store.propose('web', null, record(1, 'alpha', 'a/1'));
    const params = { module: 'web', expect: 1, record: told };
    expect(answerAsWitness(store, 'arbiter.propose', params)).toEqual({ granted: true, current: told });
    expect(open().read('web')).toEqual(told);
    const long = { ...params, expect: 2, record: { ...told, epoch: 3, because: 'x'.repeat(257) } };
    expect(() => answerAsWitness(store, 'arbiter.propose', long)).toThrow(/not valid/);
  });

  it('keeps the room of a record whose name could not be made durable, and tells nobody of it before it is', () => {
    const room = new SharedRoom().open('site', 0);
    const [take, giveBack] = [vi.spyOn(room, 'take'), vi.spyOn(room, 'giveBack')];
    const store = new RecordStore(new RecordFolder(directory), room);
    const sync = vi.spyOn(fs, 'fsyncSync');
    const failAt = (...calls: readonly number[]): void => {
      let call = 0;
      sync.mockImplementation(() => {
        if (calls.includes(call++)) throw new Error('EIO: the disk gives errors');
      });
    };
    try {
      // The content first, then the name.
      failAt(0);
      expect(() => store.propose('web', null, record(1, 'alpha', 'a/1'))).toThrow('EIO');
      expect(store.read('web')).toBeNull();
      expect([take.mock.calls.length, giveBack.mock.calls.length]).toEqual([1, 1]);
      failAt(1, 2);
      expect(() => store.propose('web', null, record(1, 'alpha', 'a/1'))).toThrow('EIO');
      expect(() => store.read('web')).toThrow('EIO');
      expect(store.propose('web', null, record(1, 'alpha', 'a/1')).granted).toBe(true);
      expect(sync).toHaveBeenCalledTimes(5);
      expect([take.mock.calls.length, giveBack.mock.calls.length]).toEqual([2, 1]);
    } finally {
      sync.mockRestore();
    }
  });

  it('tells nobody of what an earlier program has put in place before it survives a loss of power', () => {
    const sync = vi.spyOn(fs, 'fsyncSync');
    const failing = new Error('EIO: the disk gives errors');
    try {
      // The program is killed when the record is in place, and its name is not durable yet.
      let call = 0;
      sync.mockImplementation(() => {
        if (call++ === 1) throw failing;
      });
      expect(() => open().propose('web', null, record(1, 'alpha', 'a/1'))).toThrow('EIO');
      sync.mockImplementation(() => {
        throw failing;
      });
      const next = open();
      expect(() => next.read('web')).toThrow('EIO');
      expect(() => next.propose('web', null, record(1, 'alpha', 'a/1'))).toThrow('EIO');
      sync.mockReset();
      expect(next.read('web')).toEqual(record(1, 'alpha', 'a/1'));
      expect(next.propose('web', null, record(1, 'alpha', 'a/1')).granted).toBe(true);
      expect(sync).toHaveBeenCalledTimes(1);
    } finally {
      sync.mockRestore();
    }
  });

  it('never takes a damaged record for a missing one', () => {
    writeFileSync(join(directory, 'web.json'), '{"formatVersion":1,"record":{"epo');
    expect(() => open().read('web')).toThrow(/damaged/);
    writeFileSync(join(directory, 'db.json'), '{"formatVersion":1,"record":{"epoch":"7"}}');
    expect(() => open().propose('db', null, record(1, 'alpha', 'a/1'))).toThrow(/damaged/);
  });

  it('refuses a record of another format version, naming both', () => {
    writeFileSync(join(directory, 'web.json'), JSON.stringify({ formatVersion: 3, record: record(1, 'alpha', 'a/1') }));
    expect(() => open().read('web')).toThrow(/format version 3, this agent knows 1 and 2: upgrade/);
  });

  it('reads what the first release wrote, which did not say why, and writes what that one knows to be newer', () => {
    const file = join(directory, 'web.json');
    writeFileSync(file, JSON.stringify({ formatVersion: 1, record: record(1, 'alpha', 'a/1') }));
    const store = open();
    expect(store.read('web')).toEqual(record(1, 'alpha', 'a/1'));
    const told = { ...record(2, 'beta', 'b/1'), because: 'alpha was silent on lan and link for 3.0 s' };
    expect(store.propose('web', 1, told).granted).toBe(true);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ formatVersion: 2, record: told });
  });

  it('refuses names that are no module names, and messages that are not valid', () => {
    const store = open();
    expect(() => store.read('../../etc/passwd')).toThrow(/not the name of a module/);
    expect(() => answerAsWitness(store, 'arbiter.propose', { module: 'web', expect: null })).toThrow(/not valid/);
    expect(answerAsWitness(store, 'arbiter.read', { module: 'web' })).toEqual({ record: null });
  });
});
