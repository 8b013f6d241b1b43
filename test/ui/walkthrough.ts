import type { Workbench } from './workbench.ts';

/** Opens the walkthrough, wherever one is in VS Code. */
export async function openWalkthrough(workbench: Workbench): Promise<void> {
  await workbench.run('Welcome: Open Walkthrough...');
  await workbench.enter('Your First Failover', 'Your First Failover');
  await workbench.page.locator('.gettingStartedContainer [data-done-step-id]').first().waitFor();
}

/** The steps of the walkthrough that is shown which have a tick, by their ids and in their order. */
export function tickedSteps({ page }: Workbench): Promise<readonly string[]> {
  return page
    .locator('.gettingStartedContainer [data-done-step-id][aria-checked="true"]')
    .evaluateAll((ticks) => ticks.map((tick) => tick.getAttribute('data-done-step-id')?.split('#').at(-1) ?? ''));
}
