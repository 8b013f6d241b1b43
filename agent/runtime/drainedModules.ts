import { limitOf } from './commands.ts';
import type { DrainedModule } from './hostDrain.ts';
import type { ModuleSlot } from './moduleSlot.ts';

/** The modules that are open on this host, as a drain sees them. */
export function drainedModules(slots: readonly ModuleSlot[]): DrainedModule[] {
  return slots.flatMap((slot) => {
    const { runtime } = slot;
    if (!runtime) return [];
    return {
      name: runtime.name,
      to: runtime.core.config.peer,
      dependsOn: slot.module.dependsOn,
      plan: () => runtime.drainPlan(),
      move: () => runtime.command('drain', limitOf('switchover', slot)),
      learn: (drain) => runtime.learnDrain(drain),
    };
  });
}
