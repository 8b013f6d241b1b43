import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { Lab } from '../../lab/harness/lab.ts';
import { repositoryRoot } from '../../lab/harness/paths.ts';
import { monotonicMs } from './clock.ts';
import { isSteady, type Probe } from './gap.ts';

/** What the outside client asks, and what it takes for an answer. */
export interface Target {
  readonly address: string;
  readonly port: number;
  /** `refuses`: nothing listens there, so the answer comes from the host itself and tells that it has the address. */
  readonly expected: 'accepts' | 'refuses';
}

/** The outside client, at the operator's desk. */
export class ServiceWatch {
  readonly #process: ChildProcess;
  readonly #probes: Probe[] = [];

  constructor(lab: Lab, { address, port, expected }: Target) {
    const program = path.join(repositoryRoot, 'dist/test/outsideClient.mjs');
    const [file = '', ...args] = [...lab.operatorPrefix, process.execPath, program, address, String(port), expected];
    this.#process = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#process.pid !== undefined) lab.adopt(this.#process.pid);
    this.#process.stdin?.on('error', () => undefined);
    if (this.#process.stdout === null) throw new Error('The outside client has no output.');
    createInterface({ input: this.#process.stdout }).on('line', (line) => this.#probes.push(JSON.parse(line) as Probe));
  }

  get probes(): readonly Probe[] {
    return this.#probes;
  }

  isSteady(forMs: number): boolean {
    return isSteady(this.#probes, monotonicMs(), forMs);
  }

  async untilSteady(forMs: number, limitMs: number): Promise<void> {
    const end = monotonicMs() + limitMs;
    while (!this.isSteady(forMs)) {
      if (monotonicMs() > end) throw new Error(`the outside client got no steady answers within ${limitMs / 1000} s`);
      await delay(50);
    }
  }

  end(): void {
    this.#process.kill('SIGKILL');
  }
}
