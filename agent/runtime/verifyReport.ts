import type { VerifyReport } from '../mirror/mirror.ts';

/** What a verify found, as one line for people. */
export function describeVerify(report: VerifyReport): string {
  const found =
    report.total === 0
      ? 'no differences'
      : `${report.total} ${report.total === 1 ? 'difference' : 'differences'}, the first one at ${JSON.stringify(report.differences[0]?.path ?? '')}`;
  const compared = `${report.names} names and ${report.checked} bytes compared`;
  return report.outcome === 'complete'
    ? `verify: ${found}; ${compared}`
    : `verify not complete (${report.reason ?? report.outcome}): ${found} so far; ${compared}`;
}
