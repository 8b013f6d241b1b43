/**
 * `outsideClient.mjs ADDRESS PORT accepts|refuses`: a client on the lab's lan. Every 20 ms it begins a connection and tells of each, as one JSON
 * object a line, when the service accepted it, or, where nothing listens, when the host that has the address refused it.
 */
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { monotonicMs } from './clock.ts';
import type { Probe } from './gap.ts';

const periodMs = 20;
const timeoutMs = 200;
const [host = '', port = '', expected = 'accepts'] = process.argv.slice(2);

// Who has the address is asked again ten times a second, not once: otherwise a service that is back would be seen up to a second late.
writeFileSync('/proc/sys/net/ipv4/neigh/eth0/retrans_time_ms', '100');

function probe(): void {
  const sentMs = monotonicMs();
  const socket = net.connect({ host, port: Number(port) });
  const done = (isGood: boolean): void => {
    clearTimeout(timer);
    socket.removeAllListeners();
    socket.on('error', () => undefined);
    // By a reset: thousands of connections would otherwise wait for their end here.
    socket.resetAndDestroy();
    const line: Probe = { sentMs, answeredMs: isGood ? monotonicMs() : null };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  };
  const timer = setTimeout(() => done(false), timeoutMs);
  socket.once('connect', () => done(expected === 'accepts'));
  socket.once('error', (error: NodeJS.ErrnoException) => done(expected === 'refuses' && error.code === 'ECONNREFUSED'));
}

setInterval(probe, periodMs);
// The benchmark is gone.
process.stdin.on('close', () => process.exit(0)).resume();
