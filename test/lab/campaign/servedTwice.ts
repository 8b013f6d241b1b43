import type { LateAnswer } from './answerWatch.ts';
import type { ModuleName } from './modules.ts';
import type { Twice } from './seenServers.ts';

/** What was seen of one module during a step. */
export interface SeenOfModule {
  readonly module: ModuleName;
  /** By the processes of the hosts. */
  readonly twice: Twice | null;
  /** By the network: answers of servers that another one had followed. */
  readonly late: readonly LateAnswer[];
  /** For so long two of them may have been there, milliseconds: something on the first one's host stood still. */
  readonly allowedMs: number;
}

/** Whether a module was served twice: `wrong` when that is a fault, `notes` when it may be. */
export function servedTwice({ module, twice, late, allowedMs }: SeenOfModule): {
  readonly wrong: readonly string[];
  readonly notes: readonly string[];
} {
  const wrong: string[] = [];
  const notes: string[] = [];
  if (twice !== null) {
    const line = `${module} had ${twice.hosts.length} servers (${twice.hosts.join(', ')}) for ${Math.round(twice.ms)} ms`;
    (twice.ms > allowedMs ? wrong : notes).push(line);
  }
  for (const { boot, lateMs } of late) {
    const line = `a server of ${module} that was over answered: boot=${boot}, ${Math.round(lateMs)} ms after the next one`;
    (allowedMs === 0 ? wrong : notes).push(line);
  }
  return { wrong, notes };
}
