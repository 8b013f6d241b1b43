import type { ArbiterRecord } from '../../core/types.ts';
import type { Arbiter, ProposeResult } from '../arbiter.ts';
import { compareAndSet } from '../compareAndSet.ts';
import { readRecord, RecordError, writeRecord } from '../recordText.ts';
import { readRange, readTransaction, type EtcdRange, type EtcdValue } from './etcdAnswers.ts';
import type { EtcdMember } from './etcdMember.ts';
import type { EtcdMembers } from './etcdMembers.ts';

export interface EtcdArbiterOptions {
  readonly members: EtcdMembers;
  /** Records are below it: PREFIX/MODULE. */
  readonly prefix: string;
  /** Tells two clusters of one name and prefix from each other. */
  readonly owner: string;
}

/**
 * Records in etcd, a key each. All reads are linearizable, as etcd's are by default, and a record is replaced by a transaction that
 * compares the revision at which it was read: a proposal that was overtaken on its way, or arrives late, changes nothing.
 */
export class EtcdArbiter implements Arbiter {
  readonly #options: EtcdArbiterOptions;

  constructor(options: EtcdArbiterOptions) {
    this.#options = options;
  }

  reachable(): boolean {
    return this.#options.members.reachable;
  }

  async read(module: string): Promise<ArbiterRecord | null> {
    return this.#options.members.ask(async (member, signal) => {
      const { value } = await this.#range(member, module, signal);
      return this.#record(module, value);
    });
  }

  propose(module: string, expect: number | null, record: ArbiterRecord): Promise<ProposeResult> {
    return this.#options.members.ask((member, signal) => this.#proposeTo(member, module, expect, record, signal));
  }

  async #proposeTo(
    member: EtcdMember,
    module: string,
    expect: number | null,
    record: ArbiterRecord,
    signal: AbortSignal,
  ): Promise<ProposeResult> {
    const { value } = await this.#range(member, module, signal);
    const known = this.#record(module, value);
    const decided = compareAndSet(known, expect, record);
    // Nothing is to be changed: refused, or granted before.
    if (!decided.granted || decided.record === known) return decided;
    const key = encode(this.#key(module));
    const overtaken = readTransaction(
      await member.ask(
        '/v3/kv/txn',
        {
          compare: [{ key, target: 'MOD', result: 'EQUAL', mod_revision: value?.revision ?? '0' }],
          success: [{ request_put: { key, value: encode(writeRecord(record, this.#options.owner)) } }],
          failure: [{ request_range: { key } }],
        },
        signal,
      ),
    );
    if (overtaken === null) return { granted: true, record };
    const current = this.#record(module, overtaken.found);
    // Overtaken by itself, through another member.
    return current?.proposal === record.proposal ? { granted: true, record: current } : { granted: false, current };
  }

  async #range(member: EtcdMember, module: string, signal: AbortSignal): Promise<EtcdRange> {
    return readRange(await member.ask('/v3/kv/range', { key: encode(this.#key(module)) }, signal));
  }

  #record(module: string, value: EtcdValue | null): ArbiterRecord | null {
    if (value === null) return null;
    const key = this.#key(module);
    const { record, owner } = readRecord(value.text, `the key ${key} of etcd`);
    if (owner !== this.#options.owner) {
      throw new RecordError(
        `the key ${key} of etcd belongs to another cluster of the same name: give one of them another prefix, or remove the key if that cluster is gone`,
      );
    }
    return record;
  }

  #key(module: string): string {
    if (!/^[a-z][a-z0-9-]{0,31}$/.test(module)) throw new Error(`"${module}" is not the name of a module`);
    return `${this.#options.prefix}/${module}`;
  }
}

function encode(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
