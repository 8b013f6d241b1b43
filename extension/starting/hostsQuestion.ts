import { preferredOn, type Pair } from '../model/starting/hostSpread.ts';
import type { goBack, StepPosition } from '../model/starting/steps.ts';
import { askChoice, type Choice } from './quickInputs.ts';

/**
 * Which of the pairs a module is to have; undefined: the person gave up.
 * @param pairs in the order in which they are proposed
 * @param modules those of the cluster so far
 * @param active the pair that is marked at first; null: the first one
 */
export function askHosts(
  title: string,
  pairs: readonly Pair[],
  modules: readonly { readonly hosts: Pair }[],
  active: Pair | null,
  position: StepPosition,
): Promise<Pair | typeof goBack | undefined> {
  const items: Choice<Pair>[] = pairs.map((pair) => ({
    label: `${pair[0]}, or else ${pair[1]}`,
    description: `${pair[0]} is preferred by ${countOf(preferredOn(pair[0], modules))} so far`,
    value: pair,
  }));
  const marked = items.find(({ value }) => value.join() === active?.join());
  const placeholder = 'Which host shall run it, and which one stands in?';
  return askChoice({ title, placeholder, items, active: marked }, position);
}

function countOf(modules: number): string {
  return modules === 1 ? '1 module' : `${String(modules)} modules`;
}
