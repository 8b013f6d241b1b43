import { type LabCluster, pair, type PairName } from '../harness/labCluster.ts';

const bold = (text: string): string => `\x1b[1m${text}\x1b[0m`;
const dim = (text: string): string => `\x1b[2m${text}\x1b[0m`;
const colours: Readonly<Record<string, number>> = { PRIM: 32, ALONE: 33, SECOND: 36, WAIT: 35, STOP: 90 };

function cell(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
}

function coloured(state: string, width: number): string {
  return `\x1b[${colours[state] ?? 31}m${cell(state, width)}\x1b[0m`;
}

export interface TableInput {
  readonly cluster: LabCluster;
  readonly address: string | null;
  readonly isCut: boolean;
  readonly records: Readonly<Record<PairName, number>>;
  readonly messages: readonly string[];
}

/** The whole screen: hosts, the module on each, what happened last, and the keys. */
export function drawTable({ cluster, address, isCut, records, messages }: TableInput, columns: number): string {
  const { view } = cluster;
  const lines = [bold('Understudy') + '  a cluster of two hosts and a witness on this machine', ''];
  if (address !== null) lines.push(`VS Code:  ${bold(address)}`, '');
  lines.push(
    dim(
      `${cell('host', 8)}${cell('power', 7)}${cell('web', 9)}${cell('', 17)}${cell('server', 10)}${cell('epoch', 7)}last record`,
    ),
  );
  for (const name of pair) {
    const replica = view.replica(name, 'web');
    const power = cluster.host(name).isOn ? 'on' : 'off';
    const state = replica?.state ?? (power === 'on' ? 'no agent' : '-');
    const record = records[name] === 0 ? '-' : String(records[name]);
    const transition = cell(replica?.transition ?? (replica === null ? '' : 'ready'), 17);
    const server = cell(replica?.server.state ?? '-', 10);
    lines.push(
      `${cell(name, 8)}${cell(power, 7)}${coloured(state, 9)}${transition}${server}${cell(String(replica?.epoch ?? '-'), 7)}${record}`,
    );
    if (replica !== null && replica.reason !== null && replica.state === 'WAIT') {
      lines.push(dim(`        ${replica.reason}`));
    }
  }
  const witness = cluster.host('gamma').isOn ? (view.snapshot('gamma') === null ? 'no agent' : 'witness') : '-';
  lines.push(`${cell('gamma', 8)}${cell(cluster.host('gamma').isOn ? 'on' : 'off', 7)}${witness}`, '');
  lines.push(syncLine(cluster), `link between the hosts: ${isCut ? '\x1b[31mcut\x1b[0m' : 'whole'}`, '');
  const last = view.log.filter((entry) => entry.level !== 'debug').at(-1);
  if (last !== undefined) lines.push(dim(`${last.time.slice(11, 23)} ${last.host}: ${last.message}`), '');
  lines.push(...messages.slice(-8), '');
  lines.push(`${bold('p')} pull the plug of the primary   ${bold('b')} bring it back   ${bold('s')} switch over`);
  lines.push(`${bold('l')} cut or heal the link   ${bold('q')} quit and clean up`);
  const clear = '\x1b[K\n';
  return `\x1b[H${lines.map((line) => cut(line, columns)).join(clear)}${clear}\x1b[J`;
}

function syncLine(cluster: LabCluster): string {
  const primary = cluster.primary();
  const module = primary === null ? null : cluster.view.module(primary, 'web');
  if (primary === null || module === null) return 'no primary';
  const resync = cluster.view.replica(primary, 'web')?.resync ?? null;
  if (resync !== null) {
    const percent = resync.toCheck === 0 ? 100 : Math.floor((100 * resync.checked) / resync.toCheck);
    return `resynchronising (${resync.kind}): ${percent} %, ${resync.sent} bytes sent; ${resync.cause}`;
  }
  return `in sync: ${module.inSync.join(' and ') || 'nobody'}`;
}

const escapeSequence = new RegExp(`(${String.fromCharCode(27)}\\[[0-9;]*m)`);

/** Cuts a line at the width of the terminal; escape sequences have no width. */
function cut(line: string, columns: number): string {
  let width = 0;
  let result = '';
  for (const part of line.split(escapeSequence)) {
    if (escapeSequence.test(part)) result += part;
    else {
      result += part.slice(0, Math.max(0, columns - width));
      width += part.length;
    }
  }
  return result;
}
