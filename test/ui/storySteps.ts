import { it, onTestFailed } from 'vitest';
import type { Workbench } from './workbench.ts';

/**
 * Makes the steps of one story in one window: when one fails there is a picture, and what would follow from it is skipped.
 * @param timeout milliseconds for one step
 * @param picture how the names of pictures begin
 */
export function storySteps(
  window: () => Workbench,
  { timeout = 90_000, picture = 'failed' }: { readonly timeout?: number; readonly picture?: string } = {},
): (title: string, body: () => Promise<void>) => void {
  let hasFailed = false;
  return (title, body) => {
    it(title, { timeout }, async ({ skip }) => {
      if (hasFailed) skip('an earlier step failed');
      onTestFailed(async () => {
        hasFailed = true;
        await window().screenshot(`${picture}-${title.replaceAll(/\W+/g, '-')}`);
      });
      await body();
    });
  };
}
