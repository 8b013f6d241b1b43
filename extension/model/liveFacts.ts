/** What is so at this moment of what a key or value of a file is about. Pure; the texts are Markdown. */
import { arbiterText } from '../../schemas/arbiter.ts';
import { loadText } from '../../schemas/capacity.ts';
import type { HostStatus, ModuleStatus, Snapshot } from '../../schemas/generated/api.ts';
import type { Place } from '../../schemas/jsonPlaces.ts';
import { nameAt } from '../../schemas/names.ts';
import { clusterWords } from './clusterWords.ts';
import type { FileSubject } from './fileClusters.ts';
import { formatBytes, formatDuration, formatMicros } from './format.ts';
import { suspicionText } from './hostFacts.ts';
import { plain } from './markdown.ts';
import {
  addressFacts,
  linkFacts,
  moduleWords,
  primaryReplica,
  replicaFacts,
  resyncPercent,
  runningResync,
} from './moduleFacts.ts';

/** Where somebody looks. */
export interface LookedAt extends Pick<Place, 'path' | 'part'> {
  /** What stands at the path, also when it is looked at by its key. */
  readonly value: unknown;
}

/**
 * What there is to tell, in lines of Markdown; none: nothing of it is live, or the cluster does not know it.
 *
 * @param subject what the file is about
 */
export function liveLines(subject: FileSubject, at: LookedAt, snapshot: Snapshot): readonly string[] {
  const { path, part } = at;
  const named = nameAt(subject.kind, path, part);
  const name = part === 'key' ? path.at(-1) : at.value;
  if (named !== null && typeof name === 'string') {
    switch (named.kind) {
      case 'module':
        return moduleLines(snapshot, name);
      case 'host':
        return hostLines(snapshot, name, subject.kind === 'module' ? subject.name : null);
      case 'network':
        return part === 'key' && path[0] === 'hosts'
          ? addressOfHostLines(snapshot, String(path[1]), name)
          : networkLines(snapshot, name);
    }
  }
  return subject.kind === 'module' ? inModule(subject.name, at, snapshot) : inCluster(at, snapshot);
}

function inModule(name: string, { path, value }: LookedAt, snapshot: Snapshot): readonly string[] {
  const module = moduleOf(snapshot, name);
  if (module === undefined) return [];
  const [section, second, third] = path;
  switch (section) {
    case 'name':
      return moduleLines(snapshot, name);
    case 'hosts':
      return module.onHosts.map((replica) => replicaLine(module, replica.host));
    case 'mirror':
      return path.length === 1 || second === 'directories' ? mirrorLines(module) : [];
    case 'server':
      return path.length <= 2 ? serverLines(module) : [];
    case 'virtualAddresses':
      if (path.length === 1) return addressLines(module, null);
      return third === 'address' && typeof value === 'string' ? addressLines(module, value) : [];
    case 'checks':
      return path.length === 1 ? checkLines(module) : [];
    default:
      return [];
  }
}

function inCluster({ path }: LookedAt, snapshot: Snapshot): readonly string[] {
  const [section, host, network] = path;
  if (section === 'name') return [`**${plain(snapshot.cluster)}** — ${plain(clusterWords(snapshot))}`];
  if (section === 'arbiter' && path.length === 1) {
    const text = arbiterText(snapshot);
    return [text === null ? 'No arbiter.' : plain(`Arbiter: ${text}.`)];
  }
  return section === 'hosts' && path.length === 3 ? addressOfHostLines(snapshot, String(host), String(network)) : [];
}

function moduleLines(snapshot: Snapshot, name: string): readonly string[] {
  const module = moduleOf(snapshot, name);
  if (module === undefined) return [];
  const { maintenance, warnings } = module;
  return [
    `**${plain(name)}** — ${plain(moduleWords(module))}`,
    plain(linkFacts(module).detail),
    ...(maintenance ? [plain(`In maintenance until ${new Date(maintenance.until).toLocaleString()}.`)] : []),
    ...trafficLines(module),
    ...warnings.map((warning) => `$(warning) ${plain(warning)}`),
  ];
}

/** @param module the one that the file is about; null: none, or it is not asked for */
function hostLines(snapshot: Snapshot, name: string, module: string | null): readonly string[] {
  const host = snapshot.hosts.find((each) => each.name === name);
  if (host === undefined) return [];
  const own = module === null ? undefined : moduleOf(snapshot, module);
  const isOfPair = own?.onHosts.some((replica) => replica.host === name) === true;
  const heard = host.reachable ? 'reachable' : 'not reachable';
  const role = host.role === 'witness' ? 'witness, ' : '';
  const served = snapshot.modules.filter((each) => primaryReplica(each)?.host === name).map((each) => each.name);
  return [
    own !== undefined && isOfPair ? replicaLine(own, name) : `**${plain(name)}** — ${role}${heard}`,
    ...(own !== undefined && isOfPair ? reasonLines(own, name) : []),
    ...suspicionLines(host),
    ...host.networks.map((network) => networkLine(network.name, network)),
    ...(host.drain ? [plain(`It is ${host.drain}.`)] : []),
    ...(host.load ? [plain(`Carries ${loadText(host.load)}.`)] : []),
    ...(served.length === 0 ? [] : [plain(`Serves ${few(served)}.`)]),
  ];
}

function replicaLine(module: ModuleStatus, host: string): string {
  const replica = module.onHosts.find((each) => each.host === host);
  if (replica === undefined) return '';
  const { word, label } = replicaFacts(replica, module);
  const running = `server ${replica.server.state}`;
  const primary = replica.state === 'PRIM' || replica.state === 'ALONE';
  // What stands in the state's name already is not said twice.
  const told = label === 'stopped' || label === 'in service' ? '' : ` ${label}`;
  const server = replica.known && primary && label !== running ? `, ${running}` : '';
  return `**${plain(host)}** — ${plain(`${word}${told}${server}`)}`;
}

function reasonLines({ onHosts }: ModuleStatus, host: string): readonly string[] {
  const reason = onHosts.find((each) => each.host === host)?.reason ?? null;
  return reason === null ? [] : [plain(reason)];
}

function suspicionLines(host: HostStatus): readonly string[] {
  const text = suspicionText(host);
  return text === null ? [] : [`$(warning) ${plain(text)}`];
}

type Network = HostStatus['networks'][number];

function networkLine(name: string, { address, up, rttMs }: Network): string {
  const time = rttMs === null ? '' : `, ${rttMs.toFixed(1)} ms there and back`;
  return `${up ? '$(check)' : '$(close)'} ${plain(`${name} ${address}${up ? time : ', not heard'}`)}`;
}

function networkLines({ hosts }: Snapshot, name: string): readonly string[] {
  return hosts.flatMap((host) =>
    host.networks.filter((network) => network.name === name).map((network) => networkLine(host.name, network)),
  );
}

function addressOfHostLines({ hosts }: Snapshot, host: string, name: string): readonly string[] {
  const network = hosts.find((each) => each.name === host)?.networks.find((each) => each.name === name);
  return network === undefined ? [] : [networkLine(`${host}, ${name}`, network)];
}

/** How much is copied, and what is still to be. */
function mirrorLines(module: ModuleStatus): readonly string[] {
  const { lastResync, directories = [] } = module;
  return [
    plain(linkFacts(module).detail),
    ...(directories.length > 1 ? ['Of all directories together:'] : []),
    ...resyncLines(module),
    ...trafficLines(module),
    ...(lastResync === null
      ? []
      : [
          plain(
            `Last resync: ${lastResync.kind}, of ${lastResync.host} at ${new Date(lastResync.at).toLocaleString()}, ` +
              `${formatBytes(lastResync.sent)} sent in ${formatDuration(lastResync.durationMs)}.`,
          ),
        ]),
  ];
}

function resyncLines(module: ModuleStatus): readonly string[] {
  const resync = runningResync(module);
  if (resync === null) return [];
  const { kind, cause, checked, toCheck, sent, secondsLeft } = resync;
  const left = secondsLeft === null ? '' : `, ${formatDuration(secondsLeft * 1000)} left`;
  return [
    plain(
      `Resync (${kind}: ${cause}): ${resyncPercent(resync)} %, ${formatBytes(checked)} of ${formatBytes(toCheck)} compared, ` +
        `${formatBytes(sent)} sent${left}.`,
    ),
  ];
}

/** What goes over the wire, and what waits for it. */
function trafficLines({ onHosts }: ModuleStatus): readonly string[] {
  const traffic = onHosts.find(({ known, traffic: found }) => known && found !== null)?.traffic ?? null;
  if (traffic === null) return [];
  const { bytesPerSecond, writesPerSecond, lagMicros, unacknowledged, markedBytes } = traffic;
  const lag = lagMicros === null ? '' : `, lag ${formatMicros(lagMicros)}`;
  return [
    plain(
      `${formatBytes(bytesPerSecond)}/s copied in ${Math.round(writesPerSecond)} writes per second${lag}. ` +
        `Writes waiting: ${unacknowledged}; marked as in flight: ${formatBytes(markedBytes)}.`,
    ),
  ];
}

function serverLines(module: ModuleStatus): readonly string[] {
  const primary = primaryReplica(module);
  if (primary === undefined) return [plain(moduleWords(module))];
  const { state, detail, startedAt, restarts } = primary.server;
  const since = startedAt === null ? '' : ` since ${new Date(startedAt).toLocaleString()}`;
  const again = restarts === 0 ? '' : `, restarted ${restarts === 1 ? 'once' : `${restarts} times`}`;
  const why = detail === null ? '' : ` (${detail})`;
  return [`**${plain(primary.host)}** — ${plain(`server ${state}${since}${again}${why}`)}`];
}

/** @param wanted one address; null: all of them */
function addressLines(module: ModuleStatus, wanted: string | null): readonly string[] {
  return addressFacts(module)
    .filter(({ address }) => wanted === null || address === wanted)
    .map(({ address, host }) => {
      const replica = module.onHosts.find((each) => each.host === host);
      const facts = replica?.virtualAddresses?.find((each) => each.address === address);
      const where = host === null ? 'not set on any host' : `set on ${host}`;
      return `**${plain(address)}** — ${plain(`${where}${facts === undefined ? '' : ` (${facts.interface})`}`)}`;
    });
}

function checkLines(module: ModuleStatus): readonly string[] {
  const checks = module.onHosts.flatMap((replica) => (replica.known ? (replica.checks ?? []) : []));
  return checks.map(({ name, state, error }) => {
    const why = error === null ? '' : `: ${error}`;
    return `**${plain(name)}** — ${plain(`${state}${why}`)}`;
  });
}

function moduleOf({ modules }: Snapshot, name: string): ModuleStatus | undefined {
  return modules.find((module) => module.name === name);
}

function few(names: readonly string[]): string {
  return names.length <= 8 ? names.join(', ') : `${names.slice(0, 8).join(', ')} and ${names.length - 8} more`;
}
