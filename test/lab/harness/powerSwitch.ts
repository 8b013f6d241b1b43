import { chmodSync, rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import type { Lab, HostName } from './lab.ts';
import { repositoryRoot } from './paths.ts';

export const switchPassword = 'only-for-the-switch';
/** On each host. */
export const switchPasswordFile = '/etc/fence.password';

/** As the cluster file names the device for a host: a fence agent that talks to {@link PowerSwitch}. */
export function fenceDevice(lab: Lab, host: HostName): object {
  return {
    agent: path.join(repositoryRoot, 'test/lab/harness/fence_lab'),
    options: { socket: socketOf(lab), plug: host },
    secretFiles: { password: switchPasswordFile },
    action: 'off',
    timeout: '10s',
  };
}

const socketOf = (lab: Lab): string => path.join(lab.directory, 'power.sock');

/** What feeds the hosts of a lab: it takes their power away for whoever knows the password. */
export class PowerSwitch {
  /** What it was asked for, but for looks. */
  readonly done: string[] = [];
  readonly #path: string;
  readonly #lab: Lab;
  readonly #off: (host: HostName) => Promise<unknown>;
  #server: net.Server | null = null;

  constructor(lab: Lab, off: (host: HostName) => Promise<unknown>) {
    this.#lab = lab;
    this.#path = socketOf(lab);
    this.#off = off;
  }

  async plugIn(): Promise<void> {
    if (this.#server) return;
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.setEncoding('utf8').once('data', (text: string) => {
        this.#answer(text.trim()).then(
          ([code, said]) => socket.end(`${String(code)} ${said}\n`),
          (error: unknown) => socket.end(`1 ${String(error)}\n`),
        );
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#path, resolve);
    });
    chmodSync(this.#path, 0o600);
    this.#server = server;
  }

  /** It does not answer any more. */
  async unplug(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
    rmSync(this.#path, { force: true });
  }

  async #answer(text: string): Promise<readonly [code: number, said: string]> {
    const [password, action = '', plug = ''] = text.split(' ');
    if (password !== switchPassword) return [1, 'wrong password'];
    const host = this.#lab.hosts.find(({ name }) => name === plug);
    if (host === undefined) return [1, `there is no plug ${plug}`];
    switch (action) {
      case 'monitor':
        return [0, 'here'];
      case 'status':
        return host.isOn ? [0, 'on'] : [2, 'off'];
      case 'off':
        this.done.push(`${action} ${plug}`);
        if (host.isOn) await this.#off(plug as HostName);
        return [0, 'done'];
      default:
        return [1, `cannot ${action}`];
    }
  }
}
