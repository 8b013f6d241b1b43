import { spawn, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { noLab, useLabCluster } from './labSuite.ts';

/** `UNDERSTUDY_MINUTES=10 npx vitest run --config vitest.long.config.ts test/lab/loaded.long.test.ts` */
const minutes = Number(process.env['UNDERSTUDY_MINUTES'] ?? 60);
const burnersPerCore = 8;

/** What says that somebody was taken for failed, or that the module did not stay where it was. */
const failures = ['HOST_SILENT', 'PRIMARY_SILENT', 'PROMOTED', 'FENCED', 'FAILED_OVER', 'SERVER_DIED', 'LEAVING'];

describe.skipIf(noLab !== null)(`on a machine loaded to ${String(burnersPerCore)} × its cores`, () => {
  const { cluster } = useLabCluster();
  let burners: readonly ChildProcess[] = [];

  afterEach(() => {
    for (const burner of burners) burner.kill('SIGKILL');
    burners = [];
  });

  it(
    `nobody is taken for failed in ${String(minutes)} minutes`,
    async () => {
      const { view } = cluster();
      const before = cluster().host('alpha').guests();
      const from = Date.now();
      const failed = (): string[] =>
        view.log
          .filter(({ code, time }) => failures.includes(code) && Date.parse(time) > from)
          .map(({ host, time, code, message }) => `${time} ${host} ${code} ${message}`);
      const count = burnersPerCore * availableParallelism();
      burners = Array.from({ length: count }, () => spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }));
      while (Date.now() - from < minutes * 60_000) {
        await cluster().waitForRecords('alpha', 10, 120_000);
        expect(failed()).toEqual([]);
      }
      expect(cluster().host('alpha').guests()).toEqual(before);
      expect(burners.map(({ exitCode }) => exitCode)).toEqual(burners.map(() => null));
    },
    (minutes + 5) * 60_000,
  );
});
