import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { decideAccelerator } from '../../../agent/server/qemu/accelerator.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(path.join(os.tmpdir(), 'us-accel-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const question = { machine: 'pc', cpu: null };

function program(name: string, body: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}

it('an explicit setting wins without any probe', async () => {
  for (const setting of ['kvm', 'tcg'] as const) {
    const asked = { ...question, setting, binary: '/nonexistent', cacheDirectory: folder };
    expect((await decideAccelerator(asked)).accelerator).toBe(setting);
  }
});

it('takes tcg when the probe guest hangs, after a short time, and says why', async () => {
  const binary = program('hangs', 'sleep 60');
  const began = performance.now();
  const decision = await decideAccelerator({ ...question, setting: 'auto', binary, cacheDirectory: folder });
  expect(decision).toEqual({ accelerator: 'tcg', reason: 'a probe guest did not boot under KVM within 2500 ms' });
  expect(performance.now() - began).toBeLessThan(8000);
});

it('takes tcg when QEMU refuses KVM, and quotes it', async () => {
  const binary = program('refuses', 'echo "Could not access KVM kernel module" >&2; exit 1');
  const decision = await decideAccelerator({ ...question, setting: 'auto', binary, cacheDirectory: folder });
  expect(decision.accelerator).toBe('tcg');
  expect(decision.reason).toContain('Could not access KVM kernel module');
});

it('takes kvm only on the report of the probe guest, and remembers it until the next boot of the host', async () => {
  const binary = program('works', `echo x >> ${folder}/asked; exit 33`);
  const asked = { ...question, setting: 'auto' as const, binary, cacheDirectory: path.join(folder, 'cache') };
  expect((await decideAccelerator(asked)).accelerator).toBe('kvm');
  rmSync(binary);
  expect((await decideAccelerator(asked)).accelerator).toBe('kvm');
});

it('takes tcg when the probe guest boots under KVM, but much later than emulated', async () => {
  const binary = program('crawls', 'case "$*" in *kvm*) sleep 1.2;; esac; exit 33');
  const decision = await decideAccelerator({ ...question, setting: 'auto', binary, cacheDirectory: folder });
  expect(decision.accelerator).toBe('tcg');
  expect(decision.reason).toMatch(/^a probe guest booted under KVM in \d+ ms, emulated in \d+ ms: no hardware/);
});

it('takes kvm on a host that is so busy that everything takes long', async () => {
  const binary = program('busy', 'sleep 0.8; exit 33');
  const decision = await decideAccelerator({ ...question, setting: 'auto', binary, cacheDirectory: folder });
  expect(decision.accelerator).toBe('kvm');
});
