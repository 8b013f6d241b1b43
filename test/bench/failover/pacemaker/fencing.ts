import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { HostName, Lab } from '../../../lab/harness/lab.ts';
import { repositoryRoot } from '../../../lab/harness/paths.ts';

/** Starts the power switch at the operator's desk: hosts that it is asked to switch off lose their power. */
export async function startPowerSwitch(lab: Lab): Promise<void> {
  const program = path.join(repositoryRoot, 'dist/test/powerSwitch.mjs');
  const [file = '', ...args] = [...lab.operatorPrefix, process.execPath, program];
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  if (child.pid !== undefined) lab.adopt(child.pid);
  child.stdin.on('error', () => undefined);
  child.unref();
  const lines = createInterface({ input: child.stdout });
  const listening = once(lines, 'line');
  lines.on('line', (line) => {
    const name = /^off (\w+)$/.exec(line)?.[1];
    if (name === undefined) return;
    const host = lab.host(name as HostName);
    const off = host.isOn ? host.powerLoss() : Promise.resolve();
    // Without an answer the host counts as running, and the fencing as failed.
    void off.then(
      () => child.stdin.write(`done ${name}\n`),
      () => undefined,
    );
  });
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('The power switch did not start.')));
  await Promise.race([listening, ended]);
}
