import type { SerialReport } from '../guest/serialLog.ts';

/** One start of a guest, which draws an id for itself and takes a number from its disk. */
interface Life {
  readonly id: string;
  readonly boot: number;
  /** Number of the last record that it reported, 0 without one. */
  readonly last: number;
}

/**
 * What the guests' consoles on all hosts tell together: a guest that starts has to find every record that was reported before, each
 * on its line. Returns one line for each boot that did not. A guest that starts from an old disk takes the number of a boot that it knows nothing of: so
 * what counts is what others reported under its own number or an earlier one, and that two were there under one number.
 */
export function bootsThatMissRecords(reports: readonly SerialReport[]): readonly string[] {
  const lives = livesOf(reports);
  const missing = reports
    .flatMap(({ boots }) => boots)
    .flatMap(({ boot, id, last, bad }) => {
      const before = lives.filter((life) => life.id !== id && life.boot <= boot);
      const reported = Math.max(0, ...before.map((life) => life.last));
      if (last >= reported && bad === 'none') return [];
      const damage = bad === 'none' ? '' : `, and record ${bad} is not on its line`;
      return [`boot ${boot} (${id}) found records up to ${last} of ${reported} that were reported${damage}`];
    });
  const numbers = [...new Set(lives.map(({ boot }) => boot))];
  const again = numbers.flatMap((number) => {
    const ids = lives.filter(({ boot }) => boot === number).map(({ id }) => id);
    return ids.length > 1 ? [`there were ${ids.length} boots ${number} (${ids.join(', ')})`] : [];
  });
  return [...missing, ...again];
}

function livesOf(reports: readonly SerialReport[]): readonly Life[] {
  const lives = new Map<string, Life>();
  const add = (id: string, boot: number, record: number): void => {
    lives.set(id, { id, boot, last: Math.max(lives.get(id)?.last ?? 0, record) });
  };
  for (const { boots, acknowledged } of reports) {
    // Said once its number is on the disk for good: also a boot without a record counts.
    for (const { boot, id } of boots) add(id, boot, 0);
    for (const record of acknowledged) {
      const [, number, boot, id] = /^(\d+) boot=(\d+) id=([0-9a-f]+) /.exec(record) ?? [];
      if (id !== undefined) add(id, Number(boot), Number(number));
    }
  }
  return [...lives.values()];
}
