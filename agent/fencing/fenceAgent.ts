/** One device that powers a host off, by a fence agent: a program by the convention of ClusterLabs. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { ResolvedFenceDevice } from '../../schemas/resolvedFence.ts';
import { CommandError, run, type CommandResult } from '../platform/children.ts';
import { readSecret } from '../security/secretFile.ts';

/** What a fence agent is asked for. `status`: whether the host has power; `monitor`: whether the device answers. */
export type FenceAction = 'reboot' | 'off' | 'on' | 'status' | 'monitor';

/** A device that did not do what it was asked for. */
export class FenceError extends Error {
  override readonly name = 'FenceError';
}

/** Where distributions put fence agents. */
const folders = ['/usr/sbin', '/usr/local/sbin', '/sbin', '/usr/bin', '/usr/local/bin'];
/** What an agent has started may hold its output open after its end. */
const outputGraceMs = 200;
const saidLimit = 300;
/** Exit code of `status` for a host that is off. */
const offCode = 2;

/**
 * Powers the host off, or resets it. Resolves with how, for people, when that is certain.
 * @throws FenceError
 */
export async function fence(device: ResolvedFenceDevice, signal?: AbortSignal): Promise<string> {
  const { agent, action, timeoutMs } = device;
  const startedAt = performance.now();
  await succeed(device, action, timeoutMs, signal);
  if (action === 'reboot') return `${action} by ${agent}`;
  // The agent says that it has done it; whether the host has power is another question.
  const leftMs = Math.max(1000, timeoutMs - (performance.now() - startedAt));
  const { code } = await ask(device, 'status', leftMs, signal).catch(() => ({ code: null }));
  if (code === 0) throw new FenceError(`${agent} says that ${action} has worked, and that the host still has power`);
  return code === offCode ? `${action} by ${agent}, which says that the host has no power` : `${action} by ${agent}`;
}

/** What a look at the device has found. */
export interface DeviceLook {
  readonly answers: boolean;
  /** Null: the device does not tell. */
  readonly power: 'on' | 'off' | null;
  /** Of a device that does not answer. */
  readonly reason: string | null;
}

/** Whether the device answers, and what it says of the host's power; nothing is changed. */
export async function look(device: ResolvedFenceDevice, signal?: AbortSignal): Promise<DeviceLook> {
  try {
    await succeed(device, 'monitor', device.timeoutMs, signal);
    const { code } = await ask(device, 'status', device.timeoutMs, signal);
    if (code !== 0 && code !== offCode) return { answers: true, power: null, reason: null };
    return { answers: true, power: code === 0 ? 'on' : 'off', reason: null };
  } catch (error) {
    return { answers: false, power: null, reason: error instanceof Error ? error.message : String(error) };
  }
}

async function succeed(
  device: ResolvedFenceDevice,
  action: FenceAction,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const { code, signal: killedBy, stdout, stderr } = await ask(device, action, timeoutMs, signal);
  if (code === 0) return;
  const how = code === null ? `ended by ${killedBy ?? 'a signal'}` : `exit code ${String(code)}`;
  const said = withoutSecrets(stderr.trim() || stdout.trim(), device).slice(-saidLimit);
  throw new FenceError(`${device.agent}: ${action} failed, ${how}${said === '' ? '' : `: ${said}`}`);
}

async function ask(
  device: ResolvedFenceDevice,
  action: FenceAction,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<CommandResult> {
  const lines = Object.entries({ action, ...device.options, ...secretsOf(device) });
  try {
    // Through a shell that becomes the program: were the agent itself to start one whose disk stands still, it would stand still, too.
    return await run('/bin/sh', ['-c', 'exec "$0"', programOf(device.agent)], {
      cwd: '/',
      input: lines.map(([name, value]) => `${name}=${value}\n`).join(''),
      timeoutMs,
      outputGraceMs,
      ...(signal && { signal }),
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const seconds = String(timeoutMs / 1000);
    const why = error.result === null ? error.message : `no answer within ${seconds} s`;
    throw new FenceError(`${device.agent}: ${action} failed, ${why}`, { cause: error });
  }
}

function programOf(agent: string): string {
  if (agent.startsWith('/')) {
    if (existsSync(agent)) return agent;
    throw new FenceError(`${agent} does not exist: put the program there, or change "fence" in the cluster file`);
  }
  const program = folders.map((folder) => path.join(folder, agent)).find(existsSync);
  if (program !== undefined) return program;
  throw new FenceError(`there is no ${agent} on this host: install it, in Debian by \`apt install fence-agents\``);
}

function secretsOf({ secretFiles }: ResolvedFenceDevice): Record<string, string> {
  const advice = 'put it there, or change "fence" in the cluster file';
  return Object.fromEntries(
    Object.entries(secretFiles).map(([name, file]) => {
      const value = readSecret(file, advice).replace(/\r?\n$/, '');
      if (/[\r\n]/.test(value)) {
        throw new FenceError(`${file} has several lines: it has to hold the ${name} and nothing else`);
      }
      return [name, value];
    }),
  );
}

/** What an agent writes goes into the log, which more people read. */
function withoutSecrets(text: string, device: ResolvedFenceDevice): string {
  let clean = text;
  for (const value of Object.values(secretsOf(device))) if (value !== '') clean = clean.replaceAll(value, '***');
  return clean;
}
