import { run } from '../platform/children.ts';
import type { Probe } from './probe.ts';

/** Whether an ICMP echo request is answered. Sending one takes a right that the program ping has. */
export function pingProbe({ host, timeoutMs }: { readonly host: string; readonly timeoutMs: number }): Probe {
  return async (signal) => {
    const args = ['-n', '-q', '-c', '1', '-W', String(Math.max(timeoutMs, 10) / 1000), '--', host];
    const { code, stderr } = await run('ping', args, { signal, env: { ...process.env, LC_ALL: 'C' } }).catch(explain);
    if (code === 0) return null;
    return stderr.trim().replace(/^ping: /, '') || 'no answer';
  };
}

function explain(error: Error): { code: null; stderr: string } {
  const isMissing = (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
  return { code: null, stderr: isMissing ? 'the program ping is missing: install iputils-ping' : error.message };
}
