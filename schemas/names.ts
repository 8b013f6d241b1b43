/** Where files name hosts, networks and modules, and where they name files. */
import type { PathSegment } from './jsonText.ts';

export type NameKind = 'host' | 'network' | 'module';

/** A path in which "*" stands for any one segment. */
export type Pattern = readonly string[];

export interface NamePattern {
  readonly pattern: Pattern;
  readonly kind: NameKind;
  /** Whether the name is the key there, or the value. */
  readonly part: 'key' | 'value';
  readonly isDefinition: boolean;
}

function at(
  kind: NameKind,
  part: NamePattern['part'],
  isDefinition: boolean,
  ...patterns: readonly Pattern[]
): NamePattern[] {
  return patterns.map((pattern) => ({ pattern, kind, part, isDefinition }));
}

/** Of each kind of file: all places of names. */
export const namePatterns: Readonly<Record<'module' | 'cluster' | 'agent', readonly NamePattern[]>> = {
  module: [
    ...at('module', 'value', true, ['name']),
    ...at('host', 'value', false, ['hosts', '*']),
    ...at('network', 'value', false, ['virtualAddresses', '*', 'network']),
    ...at(
      'module',
      'value',
      false,
      ['dependsOn', '*'],
      ['antiAffinity', 'preferred', '*'],
      ['antiAffinity', 'required', '*'],
    ),
  ],
  cluster: [
    ...at('network', 'key', true, ['networks', '*']),
    ...at('host', 'key', true, ['hosts', '*']),
    ...at('network', 'key', false, ['hosts', '*', '*']),
    ...at('host', 'value', false, ['arbiter', 'witness'], ['arbiter', 'witness', '*']),
    ...at('host', 'key', false, ['capacity', '*'], ['fence', 'hosts', '*']),
  ],
  agent: at('host', 'value', false, ['host']),
};

/** What the name at a path is of; null when no name stands there. */
export function nameAt(
  kind: 'module' | 'cluster' | 'agent',
  path: readonly PathSegment[],
  part: NamePattern['part'],
): NamePattern | null {
  return namePatterns[kind].find((each) => each.part === part && matches(path, each.pattern)) ?? null;
}

/**
 * What a key or value names on a disk. 'program' and 'image' may be relative to the first mirrored directory; 'file' is absolute, on
 * each host, and need not be there; 'directory' is one that is mirrored.
 */
export type FileRole = 'program' | 'image' | 'file' | 'directory';

const filePatterns: Readonly<Record<'module' | 'cluster' | 'agent', readonly (readonly [FileRole, Pattern])[]>> = {
  module: [
    ['directory', ['mirror', 'directories', '*']],
    ['image', ['server', 'qemu', 'disks', '*', 'file']],
    ['image', ['server', 'qemu', 'kernel']],
    ['image', ['server', 'qemu', 'initrd']],
    ['file', ['server', 'qemu', 'serial']],
    ['program', ['server', 'scripts', 'start', '0']],
    ['program', ['server', 'scripts', 'stop', '0']],
    ['program', ['server', 'scripts', 'check', '0']],
    ['program', ['hooks', '*', '0']],
    ['program', ['checks', '*', 'command', '0']],
    ['program', ['failover', 'conditions', '*', 'command', '0']],
    ['file', ['checks', '*', 'http', 'ca']],
    ['file', ['failover', 'conditions', '*', 'http', 'ca']],
    ['file', ['checks', '*', 'process', 'pidFile']],
  ],
  cluster: [
    ['file', ['arbiter', 'passwordFile']],
    ['file', ['arbiter', 'caFile']],
    ['file', ['arbiter', 'certificateFile']],
    ['file', ['arbiter', 'keyFile']],
    ['file', ['fence', 'hosts', '*', '*', 'secretFiles', '*']],
  ],
  agent: [],
};

/** What the value at a path names on a disk; null when it names nothing there. */
export function fileRoleAt(kind: 'module' | 'cluster' | 'agent', path: readonly PathSegment[]): FileRole | null {
  return filePatterns[kind].find(([, pattern]) => matches(path, pattern))?.[0] ?? null;
}

/** All places of a kind of file at which something on a disk is named. */
export function filePatternsOf(kind: 'module' | 'cluster' | 'agent'): readonly (readonly [FileRole, Pattern])[] {
  return filePatterns[kind];
}

export function matches(path: readonly PathSegment[], pattern: Pattern): boolean {
  return (
    path.length === pattern.length &&
    pattern.every((expected, index) => expected === '*' || expected === String(path[index]))
  );
}
