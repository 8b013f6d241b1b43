import { defineConfig } from 'vitest/config';

interface Suite {
  readonly name: string;
  readonly folders: readonly string[];
  /** Milliseconds for one test or hook. */
  readonly timeout: number;
  /** Whether its files may run side by side. */
  readonly parallel: boolean;
}

// One after another: what needs the whole machine does not run beside anything else.
const suites: readonly Suite[] = [
  { name: 'unit', folders: ['unit', 'simulation'], timeout: 60_000, parallel: true },
  { name: 'language', folders: ['language'], timeout: 60_000, parallel: true },
  { name: 'mirror', folders: ['mirror'], timeout: 120_000, parallel: false },
  { name: 'programs', folders: ['programs'], timeout: 300_000, parallel: false },
  { name: 'lab', folders: ['lab'], timeout: 300_000, parallel: false },
  { name: 'ui', folders: ['ui'], timeout: 300_000, parallel: false },
];

export default defineConfig({
  test: {
    globalSetup: ['test/support/globalSetup.ts'],
    passWithNoTests: false,
    // A machine that is busy with other tests may take seconds for what takes milliseconds otherwise.
    expect: { poll: { timeout: 15_000 } },
    projects: suites.map(({ name, folders, timeout, parallel }, order) => ({
      extends: true,
      test: {
        name,
        include: folders.map((folder) => `test/${folder}/**/*.test.ts`),
        exclude: ['**/*.long.test.ts'],
        testTimeout: timeout,
        hookTimeout: timeout,
        pool: 'forks',
        maxWorkers: parallel ? 2 : 1,
        fileParallelism: parallel,
        sequence: { groupOrder: order },
      },
    })),
  },
});
