import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { LabError } from './labError.ts';
import { repositoryRoot } from './paths.ts';
import { run } from './run.ts';

const program = path.join(repositoryRoot, 'dist/test/lateWire.mjs');

/** What lies between a port and its bridge: a small bridge with the port and one end of the wire; the other end is a port of the bridge. */
const partsOf = (port: string): { readonly bridge: string; readonly near: string; readonly far: string } => ({
  bridge: `w-${port}`.slice(0, 15),
  near: `n-${port}`.slice(0, 15),
  far: farEnd(port),
});

/** The port of the bridge from which what comes in at `port` goes on while that one is late. */
export function farEnd(port: string): string {
  return `f-${port}`.slice(0, 15);
}

/** A wire put between a port and the bridge that it belongs to, on which everything takes a while. */
export class LateCable {
  private constructor(
    private readonly namespace: string,
    private readonly port: string,
    private readonly wire: ChildProcess,
  ) {}

  /** @param adopt told the process that has to be killed with the lab */
  static async lay(
    { namespace, port, bridge }: { readonly namespace: string; readonly port: string; readonly bridge: string },
    delayMs: number,
    adopt: (pid: number) => void,
  ): Promise<LateCable> {
    const parts = partsOf(port);
    const argv = [`--net=/run/netns/${namespace}`, '--', process.execPath, program];
    const wire = spawn('nsenter', [...argv, parts.near, parts.far, String(delayMs)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (wire.pid !== undefined) adopt(wire.pid);
    const ended = once(wire, 'exit').then(() => Promise.reject(new LabError(`No wire could be laid at ${port}.`)));
    ended.catch(() => undefined);
    await Promise.race([once(wire.stdout, 'data'), ended]);
    const link = (...words: string[]): Promise<string> => run(['ip', '-n', namespace, 'link', ...words]);
    await link('add', 'name', parts.bridge, 'type', 'bridge', 'stp_state', '0', 'forward_delay', '0');
    await link('set', parts.bridge, 'up');
    await link('set', parts.near, 'master', parts.bridge, 'up');
    await link('set', parts.far, 'master', bridge, 'up');
    await link('set', port, 'master', parts.bridge);
    return new LateCable(namespace, port, wire);
  }

  /** The port belongs to no bridge then. */
  async remove(): Promise<void> {
    if (this.wire.exitCode === null && this.wire.signalCode === null) {
      this.wire.kill('SIGKILL');
      await once(this.wire, 'exit');
    }
    await run(['ip', '-n', this.namespace, 'link', 'del', partsOf(this.port).bridge]);
  }
}
