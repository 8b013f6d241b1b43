import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ModuleAnswers, ModuleTemplate } from '../../../schemas/templates/template.ts';

export interface ScriptOutcome {
  readonly code: number | null;
  /** Both outputs. */
  readonly output: string;
}

/** The scripts of one module in a folder of their own, run as the agent runs them, with stand-ins for programs that are not here. */
export class ScriptBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'understudy-scripts-'));
  /** The mirrored directory. */
  readonly directory = join(this.folder, 'mirror');
  /** Where stand-ins keep what they are told; `$STATE` for them. */
  readonly state = join(this.folder, 'state');
  readonly name: string;
  readonly #bin = join(this.folder, 'bin');

  constructor(name: string) {
    this.name = name;
  }

  /** Writes the scripts. @param change of the text, as a person would do it */
  async write(
    template: ModuleTemplate,
    answers: Partial<ModuleAnswers> = {},
    change: (text: string) => string = (text) => text,
  ): Promise<void> {
    for (const folder of [this.directory, this.state, this.#bin]) await mkdir(folder, { recursive: true });
    const basics: ModuleAnswers = {
      name: this.name,
      hosts: ['alpha', 'beta'],
      directory: this.directory,
      virtualAddress: null,
      details: {},
    };
    for (const { path, text, executable } of template.files({ ...basics, ...answers })) {
      const file = join(this.folder, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, change(text), { mode: executable ? 0o755 : 0o644 });
    }
  }

  /** Puts a program before those of the system. */
  standIn(program: string, text: string): void {
    writeFileSync(join(this.#bin, program), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }

  /** What a stand-in has written to a file of its state. */
  read(name: string): string {
    try {
      return readFileSync(join(this.state, name), 'utf8');
    } catch {
      return '';
    }
  }

  run(action: 'start' | 'stop' | 'check', environment: Readonly<Record<string, string>> = {}): Promise<ScriptOutcome> {
    return new Promise((resolve, reject) => {
      const child = spawn(join(this.folder, 'scripts', this.name, action), [], {
        cwd: '/',
        env: {
          ...process.env,
          PATH: `${this.#bin}:${process.env['PATH'] ?? ''}`,
          STATE: this.state,
          UNDERSTUDY_MODULE: this.name,
          UNDERSTUDY_HOST: 'alpha',
          UNDERSTUDY_PEER: 'beta',
          UNDERSTUDY_ACTION: action,
          ...environment,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => (output += text));
      }
      child.once('error', reject);
      // What it leaves in the background must not hold its outputs: nobody would read them.
      child.once('close', (code) => resolve({ code, output }));
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
