import type { Plugin } from 'esbuild';
import path from 'node:path';
import { repositoryRoot } from '../lab/harness/paths.ts';
import { bundleMirror } from '../support/bundles.ts';

/** Bundles a mirror process that does not encrypt; returns mirror.mjs. */
export function unencryptedBundle(): Promise<string> {
  const plugin: Plugin = {
    name: 'no-encryption',
    setup: (bundler) => {
      bundler.onResolve({ filter: /platform\/gcm\.ts$/ }, () => ({
        path: path.join(repositoryRoot, 'test/bench/plainGcm.ts'),
      }));
    },
  };
  return bundleMirror('unencrypted', [plugin], false);
}
