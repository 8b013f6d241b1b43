import type { FenceDevice, FenceSection } from './generated/cluster.ts';
import { parseDuration } from './units.ts';

/** One device that powers a host off. */
export interface ResolvedFenceDevice {
  /** A name of a fence agent, or the absolute path of a program. */
  readonly agent: string;
  readonly options: Readonly<Record<string, string>>;
  /** Options whose values are in files. */
  readonly secretFiles: Readonly<Record<string, string>>;
  readonly action: 'reboot' | 'off';
  readonly timeoutMs: number;
}

export interface ResolvedFence {
  readonly onFailure: 'continue' | 'wait';
  /** Null: the devices are not looked at. */
  readonly monitorMs: number | null;
  /** By the host that they power off, in the order in which they are tried. */
  readonly hosts: ReadonlyMap<string, readonly ResolvedFenceDevice[]>;
}

/** @param section a valid one, in which every default is set */
export function resolveFence(section: FenceSection | undefined): ResolvedFence | null {
  if (section === undefined) return null;
  const { onFailure = 'continue', monitor = '', hosts } = section;
  const monitorMs = parseDuration(monitor) ?? 0;
  return {
    onFailure,
    monitorMs: monitorMs === 0 ? null : monitorMs,
    hosts: new Map(Object.entries(hosts).map(([host, devices]) => [host, devices.map(resolveDevice)])),
  };
}

function resolveDevice({
  agent,
  options = {},
  secretFiles = {},
  action = 'reboot',
  timeout = '',
}: FenceDevice): ResolvedFenceDevice {
  return {
    agent,
    options: Object.fromEntries(Object.entries(options).map(([name, value]) => [name, String(value)])),
    secretFiles,
    action,
    timeoutMs: parseDuration(timeout) ?? 0,
  };
}
