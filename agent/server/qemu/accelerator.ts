import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { CommandError, run } from '../../platform/children.ts';
import { writeDurably } from '../../platform/durable.ts';
import { bootProbeExitCode, bootProbeImage, bootProbePort } from './bootProbe.ts';

export type Accelerator = 'kvm' | 'tcg';

/** What was decided and why, for the log. */
export interface AcceleratorDecision {
  readonly accelerator: Accelerator;
  readonly reason: string;
}

export interface AcceleratorQuestion {
  readonly setting: 'auto' | Accelerator;
  readonly binary: string;
  readonly machine: string;
  /** The configured CPU model, null for the default. */
  readonly cpu: string | null;
  /** Folder in which answers are kept until the host boots again. */
  readonly cacheDirectory: string;
}

/** A working KVM answers in well under half a second; an emulated or broken one takes long, or for ever. */
const wellWithinMs = 500;
const probeTimeoutMs = 2500;
/** On a busy host everything takes long. A KVM that is slower than this against emulation traps what hardware would do: real guests hang on it. */
const timesEmulated = 4;

const running = new Map<string, Promise<AcceleratorDecision>>();

/**
 * Decides how QEMU runs the guest. "auto" boots a probe under KVM, once per boot of the host: the presence of /dev/kvm says little, as
 * nested and para-virtualised hosts offer a device that no guest runs on. Never rejects because of KVM; falls back to tcg with the reason.
 */
export function decideAccelerator(question: AcceleratorQuestion): Promise<AcceleratorDecision> {
  const { setting, binary, machine, cpu } = question;
  if (setting !== 'auto') return Promise.resolve({ accelerator: setting, reason: 'the module file says so' });
  const key = createHash('sha256')
    .update(JSON.stringify([binary, machine, cpu]))
    .digest('hex')
    .slice(0, 12);
  const known = running.get(key);
  if (known !== undefined) return known;
  const decision = cachedOrProbed(question, path.join(question.cacheDirectory, `accelerator-${key}.json`));
  running.set(key, decision);
  // A failure is of this moment (a full disk, a missing program): ask again next time.
  decision.catch(() => running.delete(key));
  return decision;
}

async function cachedOrProbed(question: AcceleratorQuestion, file: string): Promise<AcceleratorDecision> {
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  const cached = await readCache(file, bootId);
  if (cached !== null) return cached;
  const decision = await probe(question);
  await mkdir(question.cacheDirectory, { recursive: true, mode: 0o700 });
  writeDurably(file, `${JSON.stringify({ bootId, ...decision })}\n`);
  return decision;
}

async function readCache(file: string, bootId: string): Promise<AcceleratorDecision | null> {
  try {
    const content = JSON.parse(await readFile(file, 'utf8')) as Partial<AcceleratorDecision> & { bootId?: unknown };
    const { accelerator, reason } = content;
    if (content.bootId !== bootId || (accelerator !== 'kvm' && accelerator !== 'tcg')) return null;
    return { accelerator, reason: String(reason) };
  } catch {
    // Missing or unreadable: the probe answers.
    return null;
  }
}

async function probe(question: AcceleratorQuestion): Promise<AcceleratorDecision> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'understudy-probe-'));
  try {
    const image = path.join(folder, 'probe.img');
    await writeFile(image, bootProbeImage());
    return await bootProbe(question, image);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function bootProbe(question: AcceleratorQuestion, image: string): Promise<AcceleratorDecision> {
  try {
    const { result, tookMs } = await timed(question, image, 'kvm');
    const took = `${tookMs} ms`;
    if (result.code === bootProbeExitCode) {
      if (tookMs <= wellWithinMs) return { accelerator: 'kvm', reason: `a probe guest booted under KVM in ${took}` };
      const { tookMs: emulatedMs } = await timed(question, image, 'tcg');
      const both = `a probe guest booted under KVM in ${took}, emulated in ${emulatedMs} ms`;
      return tookMs <= timesEmulated * emulatedMs
        ? { accelerator: 'kvm', reason: both }
        : { accelerator: 'tcg', reason: `${both}: no hardware is behind this KVM` };
    }
    const said = result.stderr.trim().split('\n')[0] ?? '';
    const how = result.code === null ? (result.signal ?? 'a signal') : `code ${result.code}`;
    return {
      accelerator: 'tcg',
      reason: `a probe guest did not boot under KVM (${how}${said === '' ? '' : `: ${said}`})`,
    };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (error.result === null) return { accelerator: 'tcg', reason: error.message };
    return { accelerator: 'tcg', reason: `a probe guest did not boot under KVM within ${probeTimeoutMs} ms` };
  }
}

async function timed({ binary, machine, cpu }: AcceleratorQuestion, image: string, accelerator: Accelerator) {
  const model = cpu ?? (accelerator === 'kvm' ? 'host' : 'max');
  const argv = ['-accel', accelerator, '-machine', machine, '-cpu', model, '-m', '16', '-nodefaults'];
  argv.push('-no-user-config', '-display', 'none', '-no-reboot');
  argv.push('-device', `isa-debug-exit,iobase=${bootProbePort},iosize=4`);
  argv.push('-drive', `file=${image.replaceAll(',', ',,')},format=raw,if=floppy,readonly=on`);
  const began = performance.now();
  const result = await run(binary, argv, { timeoutMs: probeTimeoutMs });
  return { result, tookMs: Math.round(performance.now() - began) };
}
