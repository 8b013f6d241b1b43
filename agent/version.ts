import { createRequire } from 'node:module';

/** Version of this release: from package.json beside the bundle's folder (installed), or the project's own. */
export const agentVersion: string = readVersion();

function readVersion(): string {
  const require = createRequire(import.meta.url);
  for (const candidate of ['../package.json', '../../package.json']) {
    try {
      const { version } = require(candidate) as { version?: unknown };
      if (typeof version === 'string') return version;
    } catch {
      // The next candidate.
    }
  }
  return '0.0.0';
}
