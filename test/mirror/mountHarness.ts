import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { mountAt, removeDeadMounts, unmount } from '../../agent/platform/mounts.ts';
import { bundleProgram } from '../support/bundles.ts';
import type { ServerOptions } from './mountServer.ts';

export interface ServerMessage {
  readonly type: string;
  readonly [key: string]: unknown;
}

let bundle: Promise<string> | undefined;

/** A mount in a process of its own, over a directory of its own. */
export class TestMount {
  readonly base: string;
  /** The mirrored directory. */
  readonly directory: string;
  readonly logFile: string;
  readonly fsName: string;
  readonly logged: string[] = [];
  readonly #messages: ServerMessage[] = [];
  #waiting: (() => void)[] = [];
  #child!: ChildProcess;

  private constructor() {
    this.base = fs.mkdtempSync(path.join(os.tmpdir(), 'understudy-mount-'));
    fs.chmodSync(this.base, 0o755);
    this.directory = path.join(this.base, 'mirror');
    this.logFile = path.join(this.base, 'mutations.log');
    this.fsName = `understudy-test:${randomUUID()}`;
    fs.mkdirSync(this.directory);
  }

  /** `prepare` may put files into the directory before it is covered. */
  static async start(options: Partial<ServerOptions> = {}, prepare?: (directory: string) => void): Promise<TestMount> {
    const mount = new TestMount();
    prepare?.(mount.directory);
    const bundled = await (bundle ??= bundleProgram('mountServer', 'test/mirror/mountServer.ts'));
    const all: ServerOptions = { directory: mount.directory, fsName: mount.fsName, log: mount.logFile, ...options };
    mount.#child = fork(bundled, [JSON.stringify(all)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    mount.#child.on('message', (message: ServerMessage) => mount.#receive(message));
    mount.#child.on('exit', () => mount.#receive({ type: 'exit' }));
    await mount.message('ready');
    return mount;
  }

  #receive(message: ServerMessage): void {
    if (message.type === 'log') this.logged.push(String(message['message']));
    this.#messages.push(message);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Waits for the next message of a kind. */
  async message(type: string): Promise<ServerMessage> {
    for (;;) {
      const at = this.#messages.findIndex((message) => message.type === type);
      const [found] = at === -1 ? [] : this.#messages.splice(at, 1);
      if (found !== undefined) return found;
      if (this.#messages.some((message) => message.type === 'exit')) {
        throw new Error(`the server ended: ${this.logged.join('\n')}`);
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  send(command: 'wake' | 'unmount' | 'abort' | 'exit'): void {
    this.#child.send(command);
  }

  kill(signal: NodeJS.Signals): Promise<ServerMessage> {
    this.#child.kill(signal);
    return this.message('exit');
  }

  /** Takes the mount away in order and waits for the session's end; the plain directory is left. */
  async unmount(): Promise<ServerMessage> {
    this.send('unmount');
    return this.message('ended');
  }

  path(name: string): string {
    return path.join(this.directory, name);
  }

  /** What the sink was told, in order. */
  mutations(): Record<string, unknown>[] {
    const revive = (_: string, value: unknown): unknown => {
      if (typeof value !== 'object' || value === null) return value;
      if ('ns' in value) return BigInt(String(value.ns));
      if ('base64' in value) return Buffer.from(String(value.base64), 'base64');
      return value;
    };
    return fs
      .readFileSync(this.logFile, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line, revive) as Record<string, unknown>);
  }

  /** Leaves nothing behind, whatever state the test left it in. */
  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      if (mountAt(this.directory) !== null) this.send('unmount');
      this.send('exit');
      await new Promise((resolve) => this.#child.once('exit', resolve));
    }
    removeDeadMounts(this.directory, this.fsName);
    while (mountAt(this.directory)?.source === this.fsName) unmount(this.directory);
    fs.rmSync(this.base, { recursive: true, force: true });
  }
}
