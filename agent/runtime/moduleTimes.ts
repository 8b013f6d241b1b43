import type { ResolvedModule } from '../../schemas/defaults.ts';

/** How long a module may take until its server has stopped, and the hook before that; milliseconds. */
export function stopTimeMs({ server, hooks }: ResolvedModule): number {
  const own = server.kind === 'qemu' ? server.shutdownTimeoutMs : server.timeoutMs;
  return own + (hooks.programs.beforeStop ? hooks.timeoutMs : 0);
}

/** What a hook may take on the host where the server is started; milliseconds. */
export function startHookMs({ hooks }: ResolvedModule): number {
  return hooks.programs.beforePrimary ? hooks.timeoutMs : 0;
}
