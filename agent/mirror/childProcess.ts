import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { childEnds, type ChildEnd } from '../platform/adoptedChild.ts';
import { close, pipe, streamPair } from '../platform/libc.ts';
import { IpcChannel } from './ipcChannel.ts';
import { MirrorError } from './mirrorError.ts';

/** How the mirror process is found and run. */
export interface MirrorSpawnOptions {
  /** The bundle `mirror.mjs`; by default the one beside this program, else `dist/agent/mirror.mjs` above it. */
  readonly bundle?: string;
  /** Receives the process's own log lines (standard error); by default they go to this process's standard error. */
  readonly onLog?: (line: string) => void;
  /** A command that runs the rest of its arguments as a program, such as nsenter(1): for hosts that are namespaces of this machine. */
  readonly prefix?: readonly string[];
}

/** What names a mirror process to a program that takes the agent over. */
export interface HandedChild {
  readonly pid: number;
  readonly channelFd: number;
  readonly rest: string;
  /** Its standard error; -1 when that is the agent's own. */
  readonly logFd: number;
}

/** A mirror process as the agent holds it: started by this program, or by the one that it took over from. */
export class MirrorChild {
  readonly pid: number | undefined;
  readonly channel: IpcChannel;
  /** How it ended, in words: "ended with code 1"; never rejects. */
  readonly exited: Promise<string>;
  readonly #logFd: number;
  readonly #log: Socket | null;
  #ended = false;

  private constructor(
    pid: number | undefined,
    exited: Promise<string>,
    channel: IpcChannel,
    logFd: number,
    log: Socket | null,
  ) {
    this.pid = pid;
    this.channel = channel;
    this.#logFd = logFd;
    this.#log = log;
    this.exited = exited.then((how) => {
      this.#ended = true;
      return how;
    });
  }

  /** @param inherited descriptors that the process gets from {@link FIRST_INHERITED} on */
  static start(
    options: MirrorSpawnOptions,
    inherited: readonly number[],
    onMessage: (message: unknown) => void,
  ): MirrorChild {
    const bundle = options.bundle ?? findBundle();
    const [program = process.execPath, ...args] = [
      ...(options.prefix ?? []),
      process.execPath,
      '--max-semi-space-size=64',
      // See collectGarbage.
      '--expose-gc',
      bundle,
    ];
    const [channelFd, childChannelFd] = streamPair();
    const log = options.onLog ? pipe() : null;
    const child = spawn(program, args, {
      stdio: ['ignore', 'inherit', log?.writeFd ?? 'inherit', childChannelFd, ...inherited],
      // A signal to the agent's group (Ctrl-C) must not take the data plane down before the agent has stopped in order.
      detached: true,
    });
    close(childChannelFd);
    if (log) close(log.writeFd);
    const exited = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(describeEnd({ code, signal })));
      child.once('error', (error) => resolve(`could not be started: ${error.message}`));
    });
    const channel = new IpcChannel(channelFd, onMessage, () => undefined);
    const lines = log && options.onLog ? readLines(log.readFd, options.onLog) : null;
    return new MirrorChild(child.pid, exited, channel, log?.readFd ?? -1, lines);
  }

  /** A process that an earlier program of this process started. Throws when it is not there any more. */
  static adopt(handed: HandedChild, options: MirrorSpawnOptions, onMessage: (message: unknown) => void): MirrorChild {
    const { pid, channelFd, rest, logFd } = handed;
    const exited = childEnds(pid).then(describeEnd);
    const channel = new IpcChannel(channelFd, onMessage, () => undefined, rest);
    const lines = logFd === -1 ? null : readLines(logFd, options.onLog ?? (() => undefined));
    return new MirrorChild(pid, exited, channel, logFd, lines);
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  kill(): void {
    if (this.pid === undefined || this.#ended) return;
    try {
      process.kill(this.pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }

  /** Null while something was not sent yet. */
  handOver(): HandedChild | null {
    const { rest } = this.channel;
    if (rest === null || this.pid === undefined || this.#ended) return null;
    return { pid: this.pid, channelFd: this.channel.fd, rest, logFd: this.#log ? this.#logFd : -1 };
  }
}

function describeEnd({ code, signal }: ChildEnd): string {
  return signal ? `was killed by ${signal}` : `ended with code ${code ?? '?'}`;
}

function findBundle(): string {
  const candidates = [
    join(import.meta.dirname, 'mirror.mjs'),
    join(import.meta.dirname, '..', '..', 'dist', 'agent', 'mirror.mjs'),
    join(import.meta.dirname, '..', 'agent', 'mirror.mjs'),
  ];
  const found = candidates.find((candidate) => existsSync(candidate));
  if (!found) {
    throw new MirrorError('bundle-missing', 'dist/agent/mirror.mjs is missing: build the agent first (npm run build)');
  }
  return found;
}

function readLines(fd: number, onLine: (line: string) => void): Socket {
  const stream = new Socket({ fd, readable: true, writable: false });
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('error', () => undefined);
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  return stream;
}
