import { defineConfig } from 'vitest/config';

/** `npm run test:long`: tests that take minutes each, one after another. */
export default defineConfig({
  test: {
    name: 'long',
    globalSetup: ['test/support/globalSetup.ts'],
    include: ['test/**/*.long.test.ts'],
    testTimeout: 3_600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 15_000 } },
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
  },
});
