/** Where hosts run by other files than this one, or a folder holds others than its host runs by; and what to do. */
import type { LinkVersion } from '../../schemas/generated/link.ts';

export interface HostVersion {
  readonly host: string;
  readonly version: LinkVersion;
  /** A host that is away gets the newest version when it is back. */
  readonly isReachable: boolean;
}

export function driftOf(own: HostVersion, others: readonly HostVersion[]): string[] {
  const all = [own, ...others];
  const newest = all.reduce((best, each) => (each.version.number > best.version.number ? each : best));
  return [
    ...all.flatMap(edited),
    ...all.flatMap((each) => (each === newest ? [] : behind(each, newest))),
    ...(newest.version.number === 0 ? others.flatMap((each) => unlike(own, each)) : []),
  ];
}

function edited({ host, version }: HostVersion): string[] {
  return version.edited.map(
    (name) =>
      `${name} in the folder of ${host} was changed by hand and is not applied: \`understudy apply\` that file on ${host} applies it on all hosts, \`understudy diff --folder\` there shows the difference`,
  );
}

function behind({ host, version, isReachable }: HostVersion, newest: HostVersion): string[] {
  const { number, hash, problem } = version;
  const held = `${host} runs by version ${String(number)} of the files, ${newest.host} by version ${String(newest.version.number)}`;
  if (number < newest.version.number) {
    if (problem !== null) return [`${held}, which it cannot take over: ${problem}`];
    return [isReachable ? `${held}: it is brought up to date` : `${held}: it is brought up to date when it is back`];
  }
  if (hash === newest.version.hash || number === 0) return [];
  return [
    `${host} and ${newest.host} hold different files as version ${String(number)}: \`understudy restore ${String(number)}\` on the host that is right makes them equal`,
  ];
}

/** As long as nothing was ever applied: files of the same name. A witness need not have any module's file. */
function unlike(own: HostVersion, other: HostVersion): string[] {
  return Object.entries(own.version.files).flatMap(([name, hash]) => {
    const its = other.version.files[name];
    if (its === undefined || its === hash) return [];
    return [
      `${name} of ${own.host} and of ${other.host} differ: \`understudy apply\` the right one, and all hosts have it`,
    ];
  });
}
