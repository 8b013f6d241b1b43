import { spawn } from 'node:child_process';
import { childEnds } from '../platform/adoptedChild.ts';
import { killGroup } from '../platform/children.ts';
import { close, pipe } from '../platform/libc.ts';
import { AddressError } from './addressError.ts';
import { removeArguments, type PlacedAddress } from './plan.ts';

/**
 * Waits for the agent's end, which closes the pipe between the two, and removes the addresses: each set of arguments of `ip` up to a word ".".
 * Once more a moment later: the agent may have died while it set one.
 */
const SCRIPT = `trap '' HUP INT TERM
while read -r _; do :; done
remove() {
  while [ $# -gt 0 ]; do
    ip "$1" "$2" "$3" "$4" "$5" 2>/dev/null
    shift 5
  done
}
remove "$@"
sleep 0.3
remove "$@"`;

/** What names a guard to a program that takes the agent over. */
export interface HandedGuard {
  readonly pid: number;
  /** The agent's end of the pipe. */
  readonly fd: number;
}

/** A process that removes addresses when the agent dies without a word, as a mirror process then kills the server. */
export class AddressGuard {
  readonly #pid: number;
  readonly #fd: number;
  #hasEnded = false;

  private constructor(pid: number, fd: number, exited: Promise<unknown>) {
    this.#pid = pid;
    this.#fd = fd;
    const note = (): void => void (this.#hasEnded = true);
    exited.then(note, note);
  }

  static start(guarded: readonly PlacedAddress[]): AddressGuard {
    const { readFd, writeFd } = pipe();
    const words = guarded.flatMap((each) => removeArguments(each));
    const child = spawn('/bin/sh', ['-c', SCRIPT, 'understudy-addresses', ...words], {
      cwd: '/',
      stdio: [readFd, 'ignore', 'ignore'],
      // What ends the agent in order, such as Ctrl-C, ends it only after the agent has removed the addresses itself.
      detached: true,
    });
    close(readFd);
    const exited = new Promise((resolve) => {
      child.once('exit', resolve);
      child.once('error', resolve);
    });
    child.unref();
    if (child.pid === undefined) {
      close(writeFd);
      throw new AddressError(
        'nothing could remove the virtual addresses at the end of the agent: /bin/sh cannot be run',
        false,
      );
    }
    return new AddressGuard(child.pid, writeFd, exited);
  }

  /** Goes on with one that an earlier program of this process started. */
  static adopt({ pid, fd }: HandedGuard): AddressGuard {
    return new AddressGuard(pid, fd, childEnds(pid));
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  handOver(): HandedGuard {
    return { pid: this.#pid, fd: this.#fd };
  }

  /** Ends it without a trace: it removes nothing. */
  end(): void {
    if (!this.#hasEnded) killGroup(this.#pid, 'SIGKILL');
    close(this.#fd);
  }
}
