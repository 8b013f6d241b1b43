import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { appendFile, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LabError } from './labError.ts';
import { addressOf, type LabNetwork, type NetworkName, type Station } from './network.ts';
import { repositoryRoot, understudyProgram } from './paths.ts';
import { isAlive, type LabRegistry, type ProcessName, processName } from './registry.ts';
import { describeFailure, type RunOptions, type RunResult, tryRun } from './run.ts';

/** Where the supervisor keeps its switch, inside the host. Lost with the power, as /run is. */
const superviseState = '/run/understudy-supervise';
const agentLog = '/var/log/understudy-agent.log';

/**
 * A physical server: network, mount, pid and uts namespaces of its own. /etc, /var and /srv are folders of its own that survive
 * a loss of power, /run is memory, the rest is the real machine's.
 */
export class LabHost {
  #init: ProcessName | null = null;
  /** What brings processes into the host, from outside. */
  readonly #entered = new Set<ChildProcess>();

  constructor(
    readonly station: Station,
    /** The folder that is the host's disk: etc, var, srv. */
    readonly disk: string,
    private readonly network: LabNetwork,
    private readonly registry: LabRegistry,
    private readonly hostsFile: string,
  ) {}

  get name(): string {
    return this.station.name;
  }

  address(network: NetworkName): string {
    return addressOf(this.station, network);
  }

  /** A path inside the host's own folders as the machine outside sees it: /srv/vm -> DISK/srv/vm. */
  outside(inside: string): string {
    const relative = path.relative('/', path.resolve('/', inside));
    const first = relative.split('/')[0] ?? '';
    if (!['etc', 'var', 'srv'].includes(first)) throw new LabError(`${inside} is not in a folder of the host's own.`);
    return path.join(this.disk, relative);
  }

  /** A path inside the running host, with everything that is mounted there, as a path of the real machine. */
  throughRoot(inside: string): string {
    if (this.#init === null) throw new LabError(`${this.name} is switched off.`);
    return path.join(`/proc/${this.#init.pid}/root`, inside);
  }

  get isOn(): boolean {
    return this.#init !== null && isAlive(this.#init);
  }

  /** The host's first process, by the real machine's process ids. */
  get firstPid(): number {
    if (this.#init === null) throw new LabError(`${this.name} is switched off.`);
    return this.#init.pid;
  }

  /** Makes the disk; once, before the first powerOn. */
  async install(): Promise<void> {
    await mkdir(this.disk, { recursive: true, mode: 0o700 });
    await cp('/etc', path.join(this.disk, 'etc'), {
      recursive: true,
      verbatimSymlinks: true,
      preserveTimestamps: true,
    });
    for (const folder of ['srv', 'var', 'var/log', 'var/lib', 'var/tmp', 'var/cache', 'var/root']) {
      await mkdir(path.join(this.disk, folder), { recursive: true });
    }
    await rm(path.join(this.disk, 'etc/hosts'), { force: true });
    await writeFile(path.join(this.disk, 'etc/hosts'), this.hostsFile);
    await writeFile(path.join(this.disk, 'etc/hostname'), `${this.name}\n`);
  }

  /** Another machine, of which nothing is known, takes the place of this one, which is switched off. */
  async replace(): Promise<void> {
    if (this.isOn) throw new LabError(`${this.name} is running.`);
    await rm(this.disk, { recursive: true, force: true });
    await this.install();
  }

  /** Cables up, addresses set, first process running. Starts no agent. */
  async powerOn(): Promise<void> {
    if (this.isOn) return;
    await this.network.heal(this.station);
    await this.network.giveAddresses(this.station);
    const kept = [repositoryRoot, path.dirname(process.execPath)];
    const script = path.join(repositoryRoot, 'test/lab/harness/host-init.sh');
    // The host dies with the lab's own process, whatever happens to that.
    const inner = ['setpriv', '--pdeathsig', 'KILL', 'unshare', '-m', '-u', '-p', '--fork', '--kill-child'];
    const argv = [
      `--net=/run/netns/${this.station.namespace}`,
      '--',
      ...inner,
      'bash',
      script,
      this.name,
      this.disk,
      ...kept,
    ];
    const child = spawn('nsenter', argv, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    if (child.pid !== undefined) this.registry.addProcess(child.pid);
    const pid = await this.#firstProcess(child);
    this.registry.addProcess(pid);
    this.#init = processName(pid);
    child.unref();
  }

  /**
   * Power loss: cables dead, every process of the host gone at once, nothing written any more. Returns the moment before the first
   * of it, milliseconds of Date.now(). (What the host's kernel had cached is not lost: the page cache is the real machine's.)
   */
  async powerLoss(): Promise<number> {
    const init = this.#init;
    if (init === null) throw new LabError(`${this.name} is not running.`);
    const moment = Date.now();
    const cut = this.network.cutCarrier(this.station);
    if (isAlive(init)) process.kill(init.pid, 'SIGKILL');
    // An nsenter stops with what it runs, and would never take note of its end: the host's first process waits for that.
    for (const child of this.#entered) child.kill('SIGCONT');
    await cut;
    while (isAlive(init)) await delay(2);
    this.#init = null;
    await this.network.takeAddresses(this.station);
    return moment;
  }

  /** The arguments that run a command inside the host. */
  prefix(): readonly string[] {
    if (this.#init === null || !this.isOn) throw new LabError(`${this.name} is switched off.`);
    return ['nsenter', '-t', String(this.#init.pid), '-m', '-u', '-n', '-p', '--'];
  }

  readonly environment: NodeJS.ProcessEnv = {
    PATH: `${path.dirname(process.execPath)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: '/var/root',
    LANG: 'C.UTF-8',
    TMPDIR: '/var/tmp',
    NO_COLOR: '1',
  };

  /** Runs a command inside the host to its end, whatever its exit code. */
  exec(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return tryRun([...this.prefix(), ...argv], { env: this.environment, ...options });
  }

  /** Like exec; an exit code other than 0 rejects. Returns the standard output. */
  async run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
    const result = await this.exec(argv, options);
    if (result.code !== 0) throw new LabError(`On ${this.name}: ${describeFailure(argv, result)}`);
    return result.stdout;
  }

  /** Starts a process inside the host, with the group of its own; it ends with the host or with the lab. */
  spawn(argv: readonly string[]): ChildProcess {
    const [file, ...rest] = [...this.prefix(), ...argv];
    const child = spawn(file ?? 'nsenter', rest, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: this.environment,
    });
    if (child.pid !== undefined) this.registry.addProcess(child.pid);
    this.#entered.add(child);
    child.once('exit', () => this.#entered.delete(child));
    return child;
  }

  /** `understudy VERB ...` inside the host, to its end. */
  understudy(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return this.exec([process.execPath, understudyProgram, ...argv], options);
  }

  /** `understudy VERB ...`; an exit code other than 0 rejects. Returns the standard output. */
  async runUnderstudy(argv: readonly string[], options: RunOptions = {}): Promise<string> {
    return this.run([process.execPath, understudyProgram, ...argv], options);
  }

  /** Starts the agent under a supervisor that starts it again when it ends. */
  async startAgent(): Promise<void> {
    await this.run(['rm', '-f', `${superviseState}/agent.off`]);
    await appendFile(this.outside(agentLog), `supervise: start at ${new Date().toISOString()}\n`);
    const script = path.join(repositoryRoot, 'test/lab/harness/supervise.sh');
    const agent = [process.execPath, understudyProgram, 'agent'];
    const child = this.spawn(['setsid', 'bash', script, superviseState, agentLog, ...agent]);
    child.stdout?.resume();
    child.stderr?.resume();
    child.unref();
  }

  /** Switches the supervisor off and ends the agent with SIGTERM, as a service manager does. Resolves when it is gone. */
  async stopAgent(timeoutMs = 60_000): Promise<void> {
    await this.run(['touch', `${superviseState}/agent.off`]);
    await this.#signalAgent('TERM');
    const end = Date.now() + timeoutMs;
    while ((await this.agentPid()) !== null) {
      if (Date.now() > end) {
        throw new LabError(`The agent on ${this.name} did not end within ${timeoutMs} ms of SIGTERM.`);
      }
      await delay(20);
    }
  }

  /** kill -9 of the agent's process alone. The supervisor starts a new one unless `andKeepItOff`. */
  async killAgent(options: { andKeepItOff?: boolean } = {}): Promise<void> {
    if (options.andKeepItOff === true) await this.run(['touch', `${superviseState}/agent.off`]);
    await this.#signalAgent('KILL');
  }

  /** What was stopped goes on, and an agent that was switched off is started. */
  async healProcesses(): Promise<void> {
    await this.exec(['sh', '-c', 'kill -s CONT -- -1']);
    // An nsenter stops with what it runs.
    for (const child of this.#entered) child.kill('SIGCONT');
    const isOff = (await this.exec(['test', '-e', `${superviseState}/agent.off`])).code === 0;
    if (isOff && (await this.agentPid()) === null) await this.startAgent();
  }

  /** The process id of the running agent inside the host, null without one. */
  async agentPid(): Promise<number | null> {
    const result = await this.exec(['cat', `${superviseState}/agent.pid`]);
    return result.code === 0 ? Number(result.stdout.trim()) : null;
  }

  agentLog(): string {
    try {
      return readFileSync(this.outside(agentLog), 'utf8');
    } catch {
      return '';
    }
  }

  /** kill -9 of every QEMU of the host. Returns how many there were. */
  killGuest(): number {
    const guests = this.guests();
    for (const pid of guests) process.kill(pid, 'SIGKILL');
    return guests.length;
  }

  /** kill -9 of every mirror process of the host. Returns how many there were. */
  async killMirrors(): Promise<number> {
    const { stdout } = await this.exec(['pgrep', '-f', '^understudy mirror ']).catch(() => ({ stdout: '' }));
    const pids = stdout.split('\n').filter((line) => line !== '');
    if (pids.length > 0) await this.exec(['kill', '-9', ...pids]);
    return pids.length;
  }

  /** The QEMU processes of this host, by the real machine's process ids. */
  guests(): readonly number[] {
    const init = this.#init;
    if (init === null) return [];
    try {
      const own = readlinkSync(`/proc/${init.pid}/ns/pid`);
      return guestProcesses()
        .filter((guest) => guest.pidNamespace === own)
        .map((guest) => guest.pid);
    } catch {
      return [];
    }
  }

  async #signalAgent(signal: 'TERM' | 'KILL'): Promise<void> {
    const pid = await this.agentPid();
    if (pid === null) return;
    await this.exec(['kill', `-${signal}`, String(pid)]);
  }

  async #firstProcess(child: ChildProcess): Promise<number> {
    let said = '';
    const ready = new Promise<number>((resolve, reject) => {
      child.stdout?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        const pid = /READY (\d+)/.exec(said)?.[1];
        if (pid !== undefined) resolve(Number(pid));
      });
      child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
      void once(child, 'exit').then(() => reject(new LabError(`The host ${this.name} did not start:\n${said.trim()}`)));
      child.on('error', (error) => reject(new LabError(`The host ${this.name} did not start: ${error.message}`)));
    });
    return ready;
  }
}

export interface GuestProcess {
  readonly pid: number;
  readonly pidNamespace: string;
  /** Its arguments, a zero byte between two of them. */
  readonly commandLine: string;
}

/** Every QEMU of this machine with the pid namespace it lives in. Cheap enough to be asked for many times a second. */
export function guestProcesses(): readonly GuestProcess[] {
  const found: GuestProcess[] = [];
  for (const entry of readdirSync('/proc')) {
    const code = entry.charCodeAt(0);
    if (code < 0x30 || code > 0x39) continue;
    try {
      if (!readFileSync(`/proc/${entry}/comm`, 'latin1').startsWith('qemu-system')) continue;
      // A zombie runs nothing any more, and what is stopped runs nothing now.
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
      if (stat.slice(stat.lastIndexOf(')') + 2).match(/^[ZT]/)) continue;
      const commandLine = readFileSync(`/proc/${entry}/cmdline`, 'latin1');
      // The probe that an agent boots to learn about KVM, beside a guest on the other host, is no guest. Nor is what has no memory: it begins
      // or ends, and nothing tells any more which of the two it is.
      if (commandLine === '' || commandLine.includes('understudy-probe-')) continue;
      found.push({ pid: Number(entry), pidNamespace: readlinkSync(`/proc/${entry}/ns/pid`), commandLine });
    } catch {
      // Gone while we looked.
    }
  }
  return found;
}
