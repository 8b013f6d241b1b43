import type { CheckSection, ConditionSection, ModuleFile } from './generated/module.ts';
import { parseDuration } from './units.ts';

/** What a check looks at. */
export type CheckTarget =
  | { readonly kind: 'tcp'; readonly host: string | null; readonly port: number }
  | {
      readonly kind: 'http';
      readonly url: string;
      /** The first and the last status code that are well. */
      readonly status: readonly [number, number];
      readonly contains: string | null;
      readonly verify: boolean;
      readonly ca: string | null;
    }
  | { readonly kind: 'ping'; readonly host: string }
  | { readonly kind: 'command'; readonly argv: readonly string[] }
  | { readonly kind: 'process'; readonly name: string | null; readonly pidFile: string | null }
  | { readonly kind: 'guestAgent' };

export type CheckKind = CheckTarget['kind'];
export const conditionKinds: readonly CheckKind[] = ['tcp', 'http', 'ping', 'command'];
export const checkKinds: readonly CheckKind[] = [...conditionKinds, 'process', 'guestAgent'];

/** A condition to be primary with every default filled in; durations in milliseconds. */
export interface ResolvedCondition {
  readonly name: string;
  readonly target: CheckTarget;
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** In a row. */
  readonly failures: number;
}

/** A check of the server. */
export interface ResolvedCheck extends ResolvedCondition {
  readonly startGraceMs: number;
  readonly onFailure: 'restart' | 'failover' | 'wait' | 'report';
}

const longestTimeout = '5s';

/** The kinds of a check as it is written: it has to be one. */
export function kindsOf(section: object): readonly CheckKind[] {
  return checkKinds.filter((kind) => kind in section);
}

/** @param sections of a valid file, every key with a default filled in. One without a kind is left out. */
export function resolveChecks(sections: readonly CheckSection[], server: ModuleFile['server']): ResolvedCheck[] {
  return sections.flatMap((section) =>
    resolved(section, server.scripts === undefined ? null : '127.0.0.1').map((check) => ({
      ...check,
      startGraceMs: milliseconds(section.startGrace),
      onFailure: section.onFailure ?? 'report',
    })),
  );
}

/** As {@link resolveChecks}. */
export function resolveConditions(sections: readonly ConditionSection[]): ResolvedCondition[] {
  return sections.flatMap((section) => resolved(section, null));
}

/** One, or none when it has no kind. */
function resolved(section: CheckSection | ConditionSection, ownHost: string | null): ResolvedCondition[] {
  const target = targetOf(section, ownHost);
  if (target === null) return [];
  const everyMs = milliseconds(section.every);
  const timeoutMs =
    section.timeout === undefined ? Math.min(milliseconds(longestTimeout), everyMs) : milliseconds(section.timeout);
  return [{ name: section.name ?? nameOf(target), target, everyMs, timeoutMs, failures: section.failures ?? 0 }];
}

function targetOf(section: CheckSection & ConditionSection, ownHost: string | null): CheckTarget | null {
  const { tcp, http, ping, command, process, guestAgent } = section;
  if (tcp) return { kind: 'tcp', host: tcp.host ?? ownHost, port: tcp.port };
  if (http) {
    const { url, status = '', contains = null, verify = true, ca = null } = http;
    const [first = 0, last = first] = status.split('-').map(Number);
    return { kind: 'http', url, status: [first, last], contains, verify, ca };
  }
  if (ping) return { kind: 'ping', host: ping.host };
  if (command) return { kind: 'command', argv: command };
  if (process) return { kind: 'process', name: process.name ?? null, pidFile: process.pidFile ?? null };
  if (guestAgent) return { kind: 'guestAgent' };
  return null;
}

function nameOf(target: CheckTarget): string {
  switch (target.kind) {
    case 'tcp': {
      const host = target.host ?? '?';
      return `tcp ${host.includes(':') ? `[${host}]` : host}:${target.port}`;
    }
    case 'http':
      return target.url.replace('://', ' ');
    case 'ping':
      return `ping ${target.host}`;
    case 'command':
      return `command ${target.argv.join(' ')}`;
    case 'process':
      return `process ${target.name ?? target.pidFile ?? ''}`;
    case 'guestAgent':
      return 'guest agent';
  }
}

function milliseconds(text: string | undefined): number {
  return parseDuration(text ?? '') ?? 0;
}
