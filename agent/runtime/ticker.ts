const tickMs = 50;

const listeners = new Set<() => void>();
let timer: NodeJS.Timeout | null = null;

/** Calls `listener` twenty times a second until the returned function is called. All share one timer: it is the wake-ups that cost. */
export function onTick(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    for (const each of listeners) each();
  }, tickMs);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  };
}
