/**
 * What an event comes to when something of its step could not be made durable: nothing may be done by it as if it were. So the step does not
 * count. What was asked for is refused, what was heard is as if it had not been heard: it is said again.
 */
import { refusal } from './refusal.ts';
import { step } from './step.ts';
import type { Command, Effect, ModuleCoreState, StepResult, TimedEvent } from './types.ts';

export type Save = Extract<Effect, { type: `save${string}` }>;

/** Commands that ask for nothing which has to outlast a restart. */
const notKept: ReadonlySet<Command['kind']> = new Set(['repair', 'shutdown', 'detach']);

export function isSave(effect: Effect): effect is Save {
  return effect.type.startsWith('save');
}

/**
 * Instead of a {@link step} whose effects could not all be saved. What it saves nevertheless the core came to by itself, and nobody relies on
 * it: it is acted upon, and saved later.
 * @param failure why, for people
 */
export function stepUnsaved(state: ModuleCoreState, event: TimedEvent, failure: string): StepResult {
  const nothing = (...effects: Effect[]): StepResult => ({ state, moves: [], effects });
  switch (event.type) {
    case 'command': {
      if (notKept.has(event.kind)) return step(state, event);
      const { module, self } = state.config;
      const reason = `what is asked of ${module} could not be made durable on ${self}, and nothing was done (${failure}): make room for the agent's state there, or mend its disk, and ask again`;
      return nothing({ type: 'commandDone', id: event.id, outcome: refusal('FAILED', reason) });
    }
    case 'configChanged':
      // Whoever runs this has to say it again.
      return nothing();
    case 'peerStatus':
      // Its heartbeats say it again, and have to count as heard meanwhile.
      return step(state, { ...event, withoutNews: true });
    default: {
      const result = step(state, event);
      // A force that was granted takes an operator's choice back: the arbiter is asked once more, as if its answer had been lost.
      return result.effects.some(({ type }) => type === 'saveResolution') ? nothing() : result;
    }
  }
}
