import type { Workbench } from '../../ui/workbench.ts';

/** How long an extension took to be there, as VS Code itself measures it; milliseconds. */
export interface ActivationTimes {
  /** Reading and running its program. */
  readonly loadMs: number;
  /** Its `activate` until that returned. */
  readonly callMs: number;
  /** What `activate` left to be waited for. */
  readonly finishMs: number;
}

/**
 * A line of the table "Extension Activation Stats".
 * @param line such as `| understudy.understudy | false | 31 | 9 | 4 | onView:x | understudy.understudy |`, in the order extension, eager, load code,
 * call activate, finish activate, event, by
 * @returns null: it is another line
 */
export function timesIn(line: string, extension: string): ActivationTimes | null {
  const cells = line.split('|').map((cell) => cell.trim());
  const [name, eager = '', ...numbers] = cells.slice(1, -1);
  if (name !== extension || !/^(true|false)$/.test(eager)) return null;
  const [loadMs, callMs, finishMs] = numbers.filter((cell) => /^[0-9.]+$/.test(cell)).map(Number);
  if (loadMs === undefined || callMs === undefined || finishMs === undefined) return null;
  return { loadMs, callMs, finishMs };
}

/** Reads the times of an active extension from VS Code's own report. The window has to be high enough to show all of it. */
export async function activationTimesIn(workbench: Workbench, extension: string): Promise<ActivationTimes> {
  await workbench.run('Developer: Startup Performance');
  const lines = workbench.page.locator('.view-line').filter({ hasText: `${extension} |` });
  await lines.first().waitFor({ timeout: 60_000 });
  const texts = (await lines.allInnerTexts()).map((text) => text.replaceAll('\u00a0', ' '));
  const times = texts.map((text) => timesIn(text, extension)).find((each) => each !== null);
  if (times === undefined) throw new Error(`VS Code tells no times of ${extension}: ${texts.join('; ')}`);
  return times;
}
