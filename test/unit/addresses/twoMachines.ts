import { spawn, type ChildProcess } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { prctl } from '../../../agent/platform/libc.ts';
import { bind } from '../../../agent/platform/libc/library.ts';
import { run, runOrFail } from '../../../agent/platform/children.ts';

/** What keeps this process from having a network of its own; null when nothing does. */
export const noNetwork = process.platform === 'linux' && process.getuid?.() === 0 ? null : 'needs Linux and root';

const CLONE_NEWNET = 0x40000000;

/**
 * This process on a network of its own, with one other machine on the same cable: here "lan0" has 10.9.0.1/24 and fd09::1/64, there .2 and ::2,
 * and a hardware address that is known. Ends with this process, or with {@link end}.
 */
export class TwoMachines {
  static readonly otherMac = '02:00:00:00:00:02';
  readonly #other: ChildProcess;

  private constructor(other: ChildProcess) {
    this.#other = other;
  }

  static async create(): Promise<TwoMachines> {
    const unshare = bind<(flags: number) => number>('int unshare(int)');
    if (unshare(CLONE_NEWNET) !== 0) throw new Error('this process gets no network of its own');
    const other = spawn('unshare', ['--net', '--kill-child', 'sleep', 'infinity'], { stdio: 'ignore' });
    const machines = new TwoMachines(other);
    const own = readlinkSync('/proc/self/ns/net');
    await until(() => Promise.resolve(readlinkSync(`/proc/${String(other.pid)}/ns/net`) !== own));
    await machines.ip('link set lo up');
    await machines.ip(`link add lan0 type veth peer name eth0 netns ${String(other.pid)}`);
    await machines.ip('link set lan0 up');
    await machines.ip('address add 10.9.0.1/24 dev lan0');
    await machines.ip('address add fd09::1/64 dev lan0 nodad');
    await machines.ipThere('link set lo up');
    await machines.ipThere(`link set eth0 address ${TwoMachines.otherMac} up`);
    await machines.ipThere('address add 10.9.0.2/24 dev eth0');
    await machines.ipThere('address add fd09::2/64 dev eth0 nodad');
    return machines;
  }

  ip(words: string): Promise<string> {
    return runOrFail('ip', words.split(' '));
  }

  ipThere(words: string): Promise<string> {
    return runOrFail('nsenter', ['-t', String(this.#other.pid), '-n', 'ip', ...words.split(' ')]);
  }

  /** Whether the other machine gets an answer from an address. */
  async reaches(address: string): Promise<boolean> {
    const ping = ['ping', '-n', '-c', '1', '-W', '1', address];
    return (await run('nsenter', ['-t', String(this.#other.pid), '-n', ...ping])).code === 0;
  }

  /** Where the other machine sends what it has for an address: a hardware address. */
  async neighbourThere(address: string): Promise<string> {
    return /lladdr (\S+)/.exec(await this.ipThere(`neigh show ${address}`))?.[1] ?? '';
  }

  /** The hardware address of this machine. */
  async mac(): Promise<string> {
    return /link\/ether (\S+)/.exec(await this.ip('link show lan0'))?.[1] ?? '';
  }

  /** A child of this process that Node knows nothing of, in a process group of its own. */
  async child(): Promise<number> {
    const PR_SET_CHILD_SUBREAPER = 36;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    return Number(await runOrFail('sh', ['-c', 'setsid sleep 600 > /dev/null 2>&1 & echo $!']));
  }

  end(): void {
    this.#other.kill('SIGKILL');
  }
}

/** The kernel tells nobody: it is asked again and again. */
export async function until(isTrue: () => Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  for (const end = Date.now() + timeoutMs; !(await isTrue()); await delay(20)) {
    if (Date.now() > end) throw new Error(`it is not true after ${String(timeoutMs)} ms`);
  }
}
