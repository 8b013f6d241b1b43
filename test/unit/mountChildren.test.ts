import { expect, it } from 'vitest';
import { processRuns, run, runOrFail } from '../../agent/platform/children.ts';

it('runs a command with input and says how it ended', async () => {
  expect(await run('sh', ['-c', 'cat; echo oops >&2; exit 3'], { input: 'in' })).toEqual({
    ...{ code: 3, signal: null, stdout: 'in', stderr: 'oops\n' },
  });
  expect(await runOrFail('echo', ['yes'])).toBe('yes\n');
});

it('names what went wrong', async () => {
  await expect(runOrFail('sh', ['-c', 'echo because >&2; exit 4'])).rejects.toThrow('sh ended with code 4: because');
  await expect(run('no-such-command-here', [])).rejects.toThrow(/Cannot run no-such-command-here/);
});

it('kills a command that takes too long, with everything that it started', async () => {
  const failed = run('sh', ['-c', 'sleep 60 & echo $!; wait'], { timeoutMs: 300 });
  await expect(failed).rejects.toThrow('sh did not end within 300 ms');
  const result = await failed.catch((error: unknown) => (error as { result: { stdout: string } }).result);
  const sleeper = Number((result as { stdout: string }).stdout);
  await expect.poll(() => processRuns(sleeper)).toBe(false);
});
