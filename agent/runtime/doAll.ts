/**
 * Does all of these, whatever becomes of the others.
 * @throws Error that names those that failed, when all are done
 */
export function doAll(acts: readonly (readonly [name: string, act: () => void])[]): void {
  const failures: string[] = [];
  let cause: unknown;
  for (const [name, act] of acts) {
    try {
      act();
    } catch (error) {
      cause ??= error;
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (failures.length > 0) throw new Error(failures.join('; '), { cause });
}
