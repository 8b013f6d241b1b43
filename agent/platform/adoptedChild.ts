import os from 'node:os';
import { endOfChild } from './libc.ts';

const signalNames = new Map<number, NodeJS.Signals>(
  Object.entries(os.constants.signals).map(([name, number]) => [number, name as NodeJS.Signals]),
);

/** How a child ended, as Node tells it of those that it started itself. */
export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const waiting = new Map<number, (end: ChildEnd) => void>();

function look(): void {
  for (const [pid, resolve] of waiting) {
    const end = endOf(pid);
    if (end === null) continue;
    waiting.delete(pid);
    resolve(end);
  }
  if (waiting.size === 0) process.off('SIGCHLD', look);
}

function endOf(pid: number): ChildEnd | null {
  const end = endOfChild(pid);
  return end && { code: end.code, signal: end.signal === null ? null : (signalNames.get(end.signal) ?? null) };
}

/**
 * Waits for a child that this process had before it became this program: Node knows nothing of it. Until then its process id is nobody
 * else's. Throws when it is no child of this process.
 */
export function childEnds(pid: number): Promise<ChildEnd> {
  const over = endOf(pid);
  if (over !== null) return Promise.resolve(over);
  return new Promise((resolve) => {
    if (waiting.size === 0) process.on('SIGCHLD', look);
    waiting.set(pid, resolve);
    // It may have ended before anybody listened.
    look();
  });
}
