import type {
  CheckState,
  ConditionStatus,
  FailbackStatus,
  HostStatus,
  MaintenanceStatus,
  ModuleStatus,
  ReplicaStatus,
  ResyncBandwidth,
  ResyncPause,
  ResyncStatus,
  Snapshot,
} from '../../schemas/generated/api.ts';
import { arbiterText } from '../../schemas/arbiter.ts';
import { isOverloaded, loadText } from '../../schemas/capacity.ts';
import { isUnheard } from '../../schemas/unheard.ts';
import { paint, printable, renderTable } from './table.ts';
import type { Cell, Colour } from './table.ts';
import { formatBytes, formatSeconds } from './format.ts';
import { describeSchedule, describeVerify, summariseVerify } from './verifyView.ts';

/** The status as text: hosts and networks first, then each module with both of its replicas. Ends with a new line. */
export function renderStatus(snapshot: Snapshot, module: string | null, hasColour: boolean): string {
  const title = `cluster ${snapshot.cluster}, seen from ${snapshot.self} at ${snapshot.time}\n`;
  const modules = snapshot.modules.filter(({ name }) => module === null || name === module);
  const parts = [title, renderArbiter(snapshot, hasColour), ...renderFiles(snapshot, hasColour)];
  if (module === null) parts.push('\n', renderHosts(snapshot.hosts, snapshot.self, hasColour));
  for (const each of modules) parts.push('\n', renderModule(each, snapshot.time, hasColour));
  if (modules.length === 0) parts.push('\nno modules\n');
  return parts.join('');
}

function renderArbiter(snapshot: Snapshot, hasColour: boolean): string {
  const text = arbiterText(snapshot);
  if (text === null) {
    return paint('no arbiter: failover is manual unless a module takes the risk\n', 'yellow', hasColour);
  }
  return `arbiter: ${paint(text, snapshot.arbiter.reachable ? 'green' : 'red', hasColour)}\n`;
}

function renderFiles({ configuration }: Snapshot, hasColour: boolean): string[] {
  if (!configuration) return [];
  const { version, drift } = configuration;
  return [
    ...(version > 0 ? [`files: version ${version}\n`] : []),
    ...drift.map((each) => `  ${paint(printable(each), 'yellow', hasColour)}\n`),
  ];
}

function renderHosts(hosts: readonly HostStatus[], self: string, hasColour: boolean): string {
  const drains = hosts.some(({ drain }) => drain);
  const fences = hosts.some(({ fence }) => fence);
  const loads = hosts.some(({ load }) => load);
  const columns = [
    'HOST',
    'ROLE',
    ...(drains ? ['DRAIN'] : []),
    ...(loads ? ['LOAD'] : []),
    'REACHABLE',
    ...(fences ? ['FENCING'] : []),
    'AGENT',
    'NETWORKS',
  ];
  const header = columns.map((text): Cell => ({ text, colour: 'bold' }));
  const rows = hosts.map((host): Cell[] => [
    { text: host.name === self ? `${host.name} *` : host.name },
    { text: host.role },
    ...drainCell(host, drains),
    ...loadCell(host, loads),
    host.reachable && host.liveness === 'suspect'
      ? { text: 'suspect', colour: 'yellow' }
      : host.reachable
        ? { text: 'yes', colour: 'green' }
        : { text: `no, ${host.lastSeen === null ? 'never seen' : `last at ${host.lastSeen}`}`, colour: 'red' },
    ...fenceCell(host, fences),
    { text: host.agentVersion ?? '-' },
    {
      text: host.networks.map(describeNetwork).join(', '),
      colour: host.networks.every(({ up }) => up) ? 'none' : 'yellow',
    },
  ]);
  return renderTable([header, ...rows], hasColour);
}

/** The column is there only while a host is drained. */
function drainCell({ drain = null }: HostStatus, isShown: boolean): Cell[] {
  return isShown ? [drain === null ? { text: '-' } : { text: drain, colour: 'yellow' }] : [];
}

/** The column is there only where hosts are powered off by command: whether the answering host could do it. */
function fenceCell({ fence = null }: HostStatus, isShown: boolean): Cell[] {
  if (!isShown) return [];
  if (fence === null) return [{ text: '-' }];
  if (fence.answers === null) return [{ text: 'not looked at' }];
  return [fence.answers ? { text: 'ready', colour: 'green' } : { text: 'NO ANSWER', colour: 'red' }];
}

/** The column is there only where modules state what they need. */
function loadCell({ load = null }: HostStatus, isShown: boolean): Cell[] {
  if (!isShown) return [];
  return [load === null ? { text: '-' } : { text: loadText(load), colour: isOverloaded(load) ? 'yellow' : 'none' }];
}

function describeNetwork({ name, address, up, rttMs }: HostStatus['networks'][number]): string {
  const state = up ? `up${rttMs === null ? '' : ` ${rttMs.toFixed(rttMs < 10 ? 2 : 0)} ms`}` : 'DOWN';
  return `${name} ${address} ${state}`;
}

function renderModule(module: ModuleStatus, now: string, hasColour: boolean): string {
  const facts = [
    `wanted ${module.desired}`,
    `epoch ${module.epoch}`,
    `in sync ${module.inSync.length === 0 ? 'nobody' : module.inSync.join(', ')}`,
    module.automaticFailover ? 'automatic failover' : 'manual failover',
    ...(module.directories ?? [module.directory]),
  ];
  const lines = [`${paint(`module ${module.name}`, 'bold', hasColour)}  ${facts.join(' · ')}\n`];
  lines.push(
    renderTable(
      module.onHosts.map((replica) => replicaRow(replica, module)),
      hasColour,
      '  ',
    ),
  );
  if (module.maintenance) lines.push(`  ${paint(describeMaintenance(module.maintenance, now), 'yellow', hasColour)}\n`);
  for (const { known, failback } of module.onHosts) {
    if (known && failback) lines.push(`  ${describeFailback(failback)}\n`);
  }
  for (const address of module.virtualAddresses ?? []) lines.push(`  ${describeAddress(address, module, hasColour)}\n`);
  for (const { resync, host, resyncPaused = null } of module.onHosts) {
    if (resync !== null) lines.push(`  ${describeResync(resync, host, resyncPaused)}\n`);
    if (resyncPaused) lines.push(`  ${paint(describePause(resyncPaused, module), 'yellow', hasColour)}\n`);
  }
  for (const { host, undoLost = null } of module.onHosts) {
    if (undoLost === null) continue;
    const told = `what ${host} was before this resync is not kept: ${printable(undoLost)}; until its end ${host} is of no use alone`;
    lines.push(`  ${paint(told, 'yellow', hasColour)}\n`);
  }
  for (const { host, known, checks = [], conditions = [] } of module.onHosts) {
    if (!known) continue;
    for (const check of checks) lines.push(`  check ${describeCheck(check.name, check, hasColour)}\n`);
    for (const each of conditions) {
      lines.push(`  condition ${describeCheck(`${each.name} on ${host}`, each, hasColour)}\n`);
    }
  }
  for (const { verify } of module.onHosts) if (verify) lines.push(`  ${describeVerify(verify)}\n`);
  for (const warning of module.warnings) {
    lines.push(`  ${paint(`warning: ${printable(warning)}`, 'yellow', hasColour)}\n`);
  }
  if (module.lastFailover !== null) {
    const { kind, at, from, to, cause, durationMs } = module.lastFailover;
    lines.push(
      `  last ${kind}: ${from === null ? '' : `${from} → `}${to} at ${at}, ${(durationMs / 1000).toFixed(1)} s (${printable(cause)})\n`,
    );
  }
  if (module.lastResync !== null) {
    const { kind, at, host, checked, sent, durationMs } = module.lastResync;
    lines.push(
      `  last resync: ${kind} of ${host} at ${at}, ${formatBytes(checked)} looked at, ${formatBytes(sent)} sent, ${(durationMs / 1000).toFixed(1)} s\n`,
    );
  }
  if (module.lastVerify) lines.push(`  last verify: ${module.lastVerify.at}, ${summariseVerify(module.lastVerify)}\n`);
  const schedule = module.onHosts.find((replica) => replica.known && replica.verifySchedule)?.verifySchedule;
  if (schedule) lines.push(`  next verify: ${describeSchedule(schedule)}\n`);
  return lines.join('');
}

function describeMaintenance({ until, reason, by }: MaintenanceStatus, now: string): string {
  const left = formatSeconds(Math.max(0, (Date.parse(until) - Date.parse(now)) / 1000));
  const why = reason === null ? '' : `: ${printable(reason)}`;
  return `MAINTENANCE until ${until}, ${left} left, neither restarted nor taken over by itself${why} (${printable(by)})`;
}

function describeFailback({ to, at, waitsFor }: FailbackStatus): string {
  const waits = waitsFor === null ? '' : `${at === null ? ' waits for' : ', as it waits for'}: ${printable(waitsFor)}`;
  return `failback to ${to}${at === null ? '' : ` at ${at}`}${waits}`;
}

const stateColours: Readonly<Record<ReplicaStatus['state'], Colour>> = {
  STOP: 'grey',
  WAIT: 'red',
  ALONE: 'yellow',
  PRIM: 'green',
  SECOND: 'green',
};

function replicaRow(replica: ReplicaStatus, module: ModuleStatus): Cell[] {
  const isCurrent = replica.known;
  const traffic = replica.traffic;
  const rate =
    traffic === null
      ? ''
      : `${formatBytes(traffic.bytesPerSecond)}/s${traffic.lagMicros === null ? '' : `, lag ${(traffic.lagMicros / 1000).toFixed(2)} ms`}`;
  if (!isCurrent && isUnheard(replica)) {
    const unknown = ['-', '-', '', `not reachable: ${printable(replica.reason ?? '')}`].map((text): Cell => ({ text }));
    return [{ text: replica.host }, { text: '?', colour: 'grey' }, ...unknown];
  }
  return [
    { text: replica.host === module.primary ? `${replica.host} ▶` : replica.host },
    { text: isCurrent ? replica.state : `${replica.state}?`, colour: isCurrent ? stateColours[replica.state] : 'grey' },
    replica.diverged && isCurrent
      ? { text: 'diverged', colour: 'red' }
      : replica.diskError && isCurrent && replica.transition === null
        ? { text: 'disk failed', colour: 'red' }
        : replica.diskSilentSince && isCurrent
          ? { text: 'disk silent', colour: 'red' }
          : { text: replica.transition ?? 'ready', colour: replica.transition === null ? 'none' : 'yellow' },
    { text: `server ${replica.server.state}` },
    { text: rate },
    {
      text: isCurrent
        ? printable(replica.reason ?? '')
        : `not reachable, known ${Math.round(replica.ageMs / 1000)} s ago${replica.reason === null ? '' : `: ${printable(replica.reason)}`}`,
    },
  ];
}

const checkColours: Readonly<Record<CheckState, Colour>> = {
  starting: 'yellow',
  well: 'green',
  failing: 'yellow',
  failed: 'red',
};

function describeCheck(name: string, { state, since, error }: ConditionStatus, hasColour: boolean): string {
  const why = error === null ? '' : ` (${printable(error)})`;
  return `${printable(name)}: ${paint(state, checkColours[state], hasColour)} since ${since}${why}`;
}

/** Where a virtual address is, as far as known. */
function describeAddress(address: string, { onHosts, desired }: ModuleStatus, hasColour: boolean): string {
  const places = onHosts.flatMap(({ host, known, virtualAddresses = [] }) =>
    virtualAddresses
      .filter((each) => known && each.address === address)
      .map((each) => `on ${host} (${printable(each.interface)})`),
  );
  if (places.length > 0) return `address ${address} ${places.join(' and ')}`;
  return paint(`address ${address} not set`, desired === 'started' ? 'yellow' : 'none', hasColour);
}

/** A resync as it goes, in one line. */
export function describeResync(resync: ResyncStatus, from: string, paused: ResyncPause | null = null): string {
  const { kind, cause, toCheck, checked, sent, holes = 0, rate, sentRate, bandwidth, secondsLeft } = resync;
  const percent = toCheck === 0 ? 100 : Math.floor((100 * checked) / toCheck);
  const left = secondsLeft === null ? 'time left not known yet' : `${formatSeconds(secondsLeft)} left`;
  const facts = [
    `${percent} %, ${formatBytes(checked)} of ${formatBytes(toCheck)} compared${holes > 0 ? ` (${formatBytes(holes)} in holes)` : ''}`,
    `${formatBytes(Math.max(0, toCheck - checked))} to go`,
    `${formatBytes(sent)} sent`,
    ...(paused ? [] : [`${formatBytes(rate)}/s compared, ${formatBytes(sentRate ?? 0)}/s sent`, left]),
    ...(bandwidth === undefined ? [] : [`bandwidth ${formatBandwidth(bandwidth)}`]),
  ];
  return `${kind} resync from ${from}: ${facts.join(', ')} (${printable(cause)})`;
}

function formatBandwidth(bandwidth: ResyncBandwidth): string {
  return typeof bandwidth === 'number' ? `${formatBytes(bandwidth)}/s` : (bandwidth ?? 'unlimited');
}

/** What redundancy lacks because of it, and how that ends. */
function describePause({ at, by }: ResyncPause, { name, hosts, primary }: ModuleStatus): string {
  const secondary = hosts.find((host) => host !== primary) ?? 'the secondary';
  return `resync PAUSED since ${at} by ${printable(by)}: ${secondary} is not in sync until \`understudy resync ${name} --resume\``;
}
