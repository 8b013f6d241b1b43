import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RecordFolder } from '../../agent/arbiter/recordFolder.ts';
import { RecordStore } from '../../agent/arbiter/recordStore.ts';
import { arbiterRecord as record } from '../support/arbiterRecord.ts';
import { FaultDisk } from './faultDisk.ts';

let disk: FaultDisk;
beforeEach(async () => {
  disk = await FaultDisk.make(32);
});
afterEach(() => disk.remove());

describe("the witness's records, on a disk that loses what was not flushed", () => {
  const open = (): RecordStore => new RecordStore(new RecordFolder(path.join(disk.mountPoint, 'arbiter')));
  const losePower = async (seed: number): Promise<void> => {
    await disk.powerLoss(seed, () => Promise.resolve());
    await disk.powerOn();
  };

  it('what was granted is there after a loss of power, and is granted to nobody else', async () => {
    // By its seed the disk keeps nothing of what was not flushed, some of it, or all.
    for (let epoch = 1; epoch <= 8; epoch += 1) {
      const asked = epoch === 1 ? null : epoch - 1;
      const granted = record(epoch, 'alpha', `a/${epoch}`);
      const first = record(1, 'beta', `b/${epoch}`);
      expect(open().propose('web', asked, granted).granted).toBe(true);
      // A name that the folder did not have.
      expect(open().propose(`db-${epoch}`, null, first).granted).toBe(true);
      await losePower(epoch);
      expect(open().read('web')).toEqual(granted);
      expect(open().read(`db-${epoch}`)).toEqual(first);
      const late = record(epoch, 'beta', `b/late-${epoch}`);
      expect(open().propose('web', asked, late)).toEqual({ granted: false, current: granted });
    }
  });
});
