import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RecordFolder } from '../../agent/arbiter/recordFolder.ts';
import { RecordStore } from '../../agent/arbiter/recordStore.ts';
import { type ArbiterParts, openArbiter } from '../../agent/runtime/openArbiter.ts';
import { arbiterRecord as record } from '../support/arbiterRecord.ts';

describe('without an arbiter', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'understudy-records-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('a secondary replaces the record that its core goes by, which its primary told before it was silent', async () => {
    const hosts = ['alpha', 'beta'] as const;
    const parts = {
      configuration: {
        cluster: { arbiter: { kind: 'none' } },
        modules: [{ name: 'web', hosts }],
        self: { name: 'beta' },
      },
      links: { hurry: () => undefined, reachable: () => false },
      records: new RecordStore(new RecordFolder(directory)),
      recordKnownOf: () => record(2, 'alpha', 'a/2'),
    } as unknown as ArbiterParts;
    const arbiter = openArbiter(parts).of({ hosts });
    expect(await arbiter.read('web')).toEqual(record(2, 'alpha', 'a/2'));
    expect(await arbiter.propose('web', 2, record(3, 'beta', 'b/1'))).toMatchObject({ granted: true });
  });
});
