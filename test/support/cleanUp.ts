/** Undoes what a test did, step by step; a step that fails keeps none of the others from being taken. */
export async function cleanUp(steps: Iterable<() => unknown>): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (failure) {
      failures.push(failure);
    }
  }
  tell(failures);
}

/** As {@link cleanUp}, all steps at once; waits for the last of them. */
export async function cleanUpTogether(steps: readonly (() => Promise<unknown>)[]): Promise<void> {
  const ends = await Promise.allSettled(steps.map((step) => step()));
  tell(ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : [])));
}

function tell(failures: readonly unknown[]): void {
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('\n'));
}
