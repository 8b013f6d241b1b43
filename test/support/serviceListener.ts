import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface ServiceListener {
  /** What it was told, one message each, in their order. */
  readonly told: readonly string[];
  end(): void;
}

/** Receives datagrams as a service manager does (sd_notify(3)). @param name of its socket; with `@` in front an abstract one */
export async function listenAsServiceManager(name: string): Promise<ServiceListener> {
  // Perl is on every Debian machine, and Node has no datagrams between processes of one host.
  const script = `
use Socket;
$| = 1;
(my $name = $ARGV[0]) =~ s/^@/\\0/;
socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die $!;
bind($s, pack_sockaddr_un($name)) or die $!;
print "bound\\n";
while (defined recv($s, my $said, 1000, 0)) { print "$said\\n" }`;
  const child = spawn('perl', ['-e', script, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  const told: string[] = [];
  await once(child.stdout, 'data');
  child.stdout.on('data', (piece: Buffer) => told.push(...piece.toString().trim().split('\n')));
  return { told, end: () => void child.kill('SIGKILL') };
}
