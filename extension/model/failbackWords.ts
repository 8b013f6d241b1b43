import type { ModuleStatus } from '../../schemas/generated/api.ts';

/** When a module goes back to its preferred host by itself, or what that waits for; null: it does not. */
export function failbackWords({ onHosts }: ModuleStatus): string | null {
  const failback = onHosts.find((replica) => replica.known && replica.failback)?.failback ?? null;
  if (failback === null) return null;
  const { to, at, waitsFor } = failback;
  const waits = waitsFor === null ? '' : `${at === null ? ' waits for' : ', as it waits for'}: ${waitsFor}`;
  return `Failback to ${to}${at === null ? '' : ` at ${at}`}${waits}.`;
}
