/**
 * `powerSwitch.mjs`: what fences hosts, at 10.77.0.100 on the lab's lan as a management board or a switched power strip would be. One line a
 * connection, `off NAME` or `status NAME`. It tells the benchmark `off NAME`, which takes the power away and answers `done NAME`.
 */
import net from 'node:net';
import { createInterface } from 'node:readline';
import { powerSwitchPort } from './powerSwitchPort.ts';

const off = new Set<string>();
const waiting = new Map<string, (() => void)[]>();

function switchOff(name: string, answer: () => void): void {
  if (off.has(name)) {
    answer();
    return;
  }
  const others = waiting.get(name) ?? [];
  waiting.set(name, [...others, answer]);
  if (others.length === 0) process.stdout.write(`off ${name}\n`);
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [, name = ''] = line.split(' ');
    off.add(name);
    for (const answer of waiting.get(name) ?? []) answer();
    waiting.delete(name);
  })
  // The benchmark is gone.
  .on('close', () => process.exit(0));

net
  .createServer((socket) => {
    socket.on('error', () => undefined);
    createInterface({ input: socket }).on('line', (line) => {
      const [what, name = ''] = line.split(' ');
      if (what === 'off') switchOff(name, () => socket.end('off\n'));
      else socket.end(off.has(name) ? 'off\n' : 'on\n');
    });
  })
  .listen(powerSwitchPort, () => process.stdout.write('listening\n'));
