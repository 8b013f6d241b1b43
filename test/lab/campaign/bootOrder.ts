import type { SerialReport } from '../guest/serialLog.ts';

/**
 * What the guests' consoles on all hosts tell together: a guest that starts has to find every record that was reported before, each
 * on its line. Returns one line for each boot that did not.
 */
export function bootsThatMissRecords(reports: readonly SerialReport[]): readonly string[] {
  const latest = new Map<number, number>();
  for (const record of reports.flatMap(({ acknowledged }) => acknowledged)) {
    const [, number, boot] = /^(\d+) boot=(\d+)/.exec(record) ?? [];
    latest.set(Number(boot), Math.max(latest.get(Number(boot)) ?? 0, Number(number)));
  }
  return reports
    .flatMap(({ boots }) => boots)
    .flatMap(({ boot, last, bad }) => {
      const reported = Math.max(0, ...[...latest].filter(([of]) => of < boot).map(([, number]) => number));
      if (last >= reported && bad === 'none') return [];
      const damage = bad === 'none' ? '' : `, and record ${bad} is not on its line`;
      return [`boot ${boot} found records up to ${last} of ${reported} that were reported${damage}`];
    });
}
