import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { ServiceManager } from '../../agent/platform/serviceManager.ts';

let receiver: ChildProcess | null = null;
afterEach(() => {
  receiver?.kill('SIGKILL');
  receiver = null;
});

/** Receives datagrams as a service manager does, and tells each on a line. */
async function listen(name: string): Promise<string[]> {
  // Perl is on every Debian machine, and Node has no datagrams between processes of one host.
  const script = `
use Socket;
$| = 1;
(my $name = $ARGV[0]) =~ s/^@/\\0/;
socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die $!;
bind($s, pack_sockaddr_un($name)) or die $!;
print "bound\\n";
while (defined recv($s, my $said, 1000, 0)) { print "$said\\n" }`;
  const child = (receiver = spawn('perl', ['-e', script, name], { stdio: ['ignore', 'pipe', 'inherit'] }));
  const lines: string[] = [];
  child.stdout?.on('data', (piece: Buffer) => lines.push(...piece.toString().trim().split('\n')));
  if (child.stdout) await once(child.stdout, 'data');
  return lines;
}

describe('the service manager', () => {
  it('hears what the agent tells, at the socket it named, and how often it wants to', async () => {
    const name = `@understudy-test-${String(process.pid)}`;
    const lines = await listen(name);
    const manager = new ServiceManager({
      NOTIFY_SOCKET: name,
      WATCHDOG_USEC: '15000000',
      WATCHDOG_PID: String(process.pid),
    });
    expect(manager.aliveEveryMs).toBe(5000);
    manager.ready();
    manager.alive();
    manager.stopping();
    await expect.poll(() => lines).toEqual(['bound', 'READY=1', 'WATCHDOG=1', 'STOPPING=1']);
  });

  it('is not needed', () => {
    expect(new ServiceManager({}).aliveEveryMs).toBeNull();
    new ServiceManager({}).ready();
    const gone = new ServiceManager({ NOTIFY_SOCKET: '/nowhere/notify', WATCHDOG_USEC: '15000000', WATCHDOG_PID: '1' });
    expect(gone.aliveEveryMs).toBeNull();
    gone.ready();
  });
});
