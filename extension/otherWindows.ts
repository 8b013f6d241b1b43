import type { Disposable } from 'vscode';
import type { ClusterRegistry } from './clusters/clusterRegistry.ts';
import type { Tokens } from './secrets.ts';

/** Milliseconds: the list of clusters comes to other windows by another way than the tokens, and may come after them. */
const delay = 1000;

/** Takes over what other windows do: whoever adds or removes a cluster, or enters its token, changes a secret, and every window is told. */
export function followOtherWindows(tokens: Tokens, registry: ClusterRegistry): Disposable {
  const timers = new Set<NodeJS.Timeout>();
  const registration = tokens.onChange((id) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      void registry.tokenChanged(id);
    }, delay);
    timers.add(timer);
  });
  return {
    dispose: () => {
      registration.dispose();
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
