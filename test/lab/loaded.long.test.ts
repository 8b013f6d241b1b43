import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { noLab, useLabCluster } from './labSuite.ts';

/** `UNDERSTUDY_LOADED_MINUTES=10 npx vitest run --config vitest.long.config.ts test/lab/loaded.long.test.ts` */
const minutes = Number(process.env['UNDERSTUDY_LOADED_MINUTES'] ?? 60);
const burnersPerCore = 8;

/** What says that somebody was taken for failed, or that the server did not stay where it was. */
const failures = [
  'HOST_SILENT',
  'PRIMARY_SILENT',
  'PROMOTED',
  'FENCED',
  'FAILED_OVER',
  'SERVER_DIED',
  'SERVER_RUNNING',
];

describe.skipIf(noLab !== null)(`on a machine loaded to ${burnersPerCore} × its cores`, () => {
  const { cluster } = useLabCluster({ watchGapLimitMs: 10_000, more: { failover: { detection: '3s' } } });
  let burners: readonly ChildProcess[] = [];

  afterEach(() => {
    for (const burner of burners) burner.kill('SIGKILL');
    burners = [];
  });

  it(
    `nobody is taken for failed in ${minutes} minutes`,
    async () => {
      const { view } = cluster();
      const [guests, from] = [await cluster().guestIds(), view.log.length];
      const told = (codes: readonly string[]): string[] =>
        view.log
          .slice(from)
          .filter(({ code }) => codes.includes(code))
          .map(({ time, host, code, message }) => `${time} ${host} ${code}: ${message}`);
      // They end with this process, whatever becomes of it.
      const burner = ['--pdeathsig', 'KILL', 'sh', '-c', 'while :; do :; done'];
      burners = Array.from({ length: burnersPerCore * availableParallelism() }, () =>
        spawn('setpriv', burner, { stdio: 'ignore' }),
      );
      const end = performance.now() + minutes * 60_000;
      while (performance.now() < end) {
        await cluster().waitForRecords('alpha', 10, 120_000);
        expect(told(failures)).toEqual([]);
        expect(await cluster().guestIds()).toEqual(guests);
        // To look costs processor time as well.
        await delay(5000);
      }
      expect(burners.map(({ exitCode }) => exitCode)).toEqual(burners.map(() => null));
      const counts = ['HOST_SUSPECT', 'AGENT_STALLED', 'SECONDARY_LOST'].map(
        (code) => `${code} ${told([code]).length}`,
      );
      console.log(`In ${minutes} minutes on ${burners.length} busy processes: ${counts.join(', ')}.`);
    },
    (minutes + 5) * 60_000,
  );
});
