/** A wait that ends well when the user ends it (Ctrl-C), and with an error when `fail` is called. */
export function untilEnded(signal: AbortSignal): {
  readonly promise: Promise<void>;
  readonly fail: (error: Error) => void;
} {
  let fail: (error: Error) => void = () => undefined;
  const promise = new Promise<void>((resolve, reject) => {
    fail = reject;
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  // It may fail before anybody waits for it.
  promise.catch(() => undefined);
  return { promise, fail };
}
