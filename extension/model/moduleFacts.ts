import type {
  CheckStatus,
  ModuleStatus,
  ReplicaStatus,
  ResyncPause,
  ResyncStatus,
  VerifyStatus,
} from '../../schemas/generated/api.ts';
import { isUnheard } from '../../schemas/unheard.ts';
import type { AddressFacts, LinkFacts, StateFacts } from '../../schemas/panel.ts';

/** What the state of a module on one host means. */
export function replicaFacts(replica: ReplicaStatus, module: ModuleStatus): StateFacts {
  const facts = knownReplicaFacts(replica, module);
  // Its last state is no state: what was primary there may long be primary here.
  if (replica.known) return facts;
  return {
    severity: 'unknown',
    word: 'not reachable',
    label: isUnheard(replica) ? '(not heard yet)' : `(last ${replica.state})`,
  };
}

function knownReplicaFacts(replica: ReplicaStatus, module: ModuleStatus): StateFacts {
  const word = replica.state;
  const error = replicaError(replica, module);
  if (error !== null) return { severity: 'error', word, label: error };
  if (replica.transition === 'resynchronising' && pausedResync(module)) {
    return { severity: 'warning', word, label: 'resync paused' };
  }
  if (replica.transition !== null) return { severity: 'busy', word, label: replica.transition };
  switch (replica.state) {
    case 'PRIM':
      return { severity: 'good', word, label: 'in service' };
    case 'SECOND':
      return module.inSync.includes(replica.host)
        ? { severity: 'good', word, label: 'in sync' }
        : { severity: 'warning', word, label: 'not in sync' };
    case 'ALONE':
      return { severity: 'warning', word, label: 'without a secondary' };
    case 'WAIT':
      return { severity: 'warning', word, label: 'waiting' };
    case 'STOP':
      return { severity: 'neutral', word, label: 'stopped' };
  }
}

/** What is wrong with a replica, in a few words; null: nothing is. Goes before what is under way, which may go on for ever because of it. */
function replicaError(replica: ReplicaStatus, module: ModuleStatus): string | null {
  const serves = replica.state === 'PRIM' || replica.state === 'ALONE';
  if (replica.transition === 'frozen') return 'frozen';
  // What a secondary is in the middle of is what mends its disk.
  if (replica.diskError && (serves || (replica.state !== 'STOP' && replica.transition === null))) return 'disk failed';
  if (replica.diskSilentSince) return 'disk does not answer';
  if (serves && lacksServer(replica)) return `server ${replica.server.state}`;
  if (replica.diverged) return 'diverged';
  if (replica.notFenced) return `${module.hosts.find((host) => host !== replica.host) ?? 'the other host'} not fenced`;
  return null;
}

/** What the state of the whole module means: the primary's if there is one, otherwise the worst. */
export function moduleFacts(module: ModuleStatus): StateFacts {
  const primary = primaryReplica(module);
  if (primary !== undefined) {
    const { severity, what, isDone } = standingOf(primary, module);
    const label = isDone ? `${what} on ${primary.host}` : `on ${primary.host}, ${what}`;
    return { severity, word: primary.state, label };
  }
  const known = module.onHosts.filter((replica) => replica.known);
  if (known.length === 0) return { severity: 'unknown', word: '?', label: 'no host reachable' };
  const busy = known.find((replica) => replica.transition !== null);
  if (busy?.transition) return { severity: 'busy', word: busy.state, label: `${busy.transition} on ${busy.host}` };
  const waiting = known.find((replica) => replica.state === 'WAIT');
  if (waiting) return { severity: 'error', word: 'WAIT', label: waiting.reason ?? 'waiting' };
  const orphan = known.find((replica) => replica.state === 'SECOND');
  if (orphan) return { severity: 'error', word: 'SECOND', label: `${orphan.host} has no primary` };
  const away = module.onHosts.find((replica) => !replica.known);
  if (away === undefined) return { severity: 'neutral', word: 'STOP', label: 'on both hosts' };
  // Whoever is not reachable may serve it all the same.
  return {
    severity: module.desired === 'started' ? 'warning' : 'unknown',
    word: 'STOP',
    label: stoppedBeside(module, away),
  };
}

/**
 * The state of a module with every host in it: `PRIM on alpha, SECOND on beta, in sync`. Without a primary as in
 * {@link moduleFacts}.
 */
export function moduleWords(module: ModuleStatus): string {
  const primary = primaryReplica(module);
  if (primary === undefined) {
    const { word, label } = moduleFacts(module);
    return `${word} ${label}`;
  }
  const { what, isOfPair } = standingOf(primary, module);
  const others = module.onHosts
    .filter((replica) => replica !== primary)
    .map(({ known, state, host }) => (known ? `${state} on ${host}` : `${host} not reachable`));
  const serves = `${primary.state} on ${primary.host}`;
  return (isOfPair ? [serves, ...others, what] : [serves, what, ...others]).join(', ');
}

/** How a primary stands, or the pair that it is of, in a few words. */
interface Standing {
  readonly severity: StateFacts['severity'];
  readonly what: string;
  readonly isOfPair: boolean;
  /** Whether it is what the host does or undergoes, and so is said before its name. */
  readonly isDone: boolean;
}

function standingOf(primary: ReplicaStatus, module: ModuleStatus): Standing {
  const own = (severity: StateFacts['severity'], what: string, isDone = false): Standing => {
    return { severity, what, isOfPair: false, isDone };
  };
  const ofPair = (severity: StateFacts['severity'], what: string): Standing => {
    return { severity, what, isOfPair: true, isDone: false };
  };
  const link = linkFacts(module);
  if (link.kind === 'frozen') return own('error', 'frozen', true);
  const trouble = primaryTrouble(primary, module);
  if (trouble !== null) return own('error', trouble);
  if (link.kind === 'resynchronising') return ofPair(pausedResync(module) ? 'warning' : 'busy', link.label);
  if (primary.transition !== null) return own('busy', primary.transition, true);
  if (primary.state === 'ALONE') return ofPair('warning', 'no secondary');
  return ofPair(link.kind === 'in-sync' ? 'good' : 'warning', link.label);
}

/** `on alpha; beta is not reachable`. */
function stoppedBeside({ onHosts }: ModuleStatus, away: ReplicaStatus): string {
  const stopped = onHosts.filter((replica) => replica.known).map(({ host }) => host);
  return `on ${stopped.join(', ')}; ${away.host} is not reachable`;
}

/** What is wrong with a module that has a primary, as it reads behind the primary's name; null: nothing is. */
function primaryTrouble(primary: ReplicaStatus, module: ModuleStatus): string | null {
  const diverged = divergedReplica(module);
  if (diverged) return `${diverged.host} has diverged`;
  if (primary.diskError) return 'whose disk has failed';
  if (primary.diskSilentSince) return 'whose disk does not answer';
  if (isServerDown(primary) && primary.transition !== null) return `server stopped: ${primary.server.detail ?? ''}`;
  if (lacksServer(primary)) return `server ${primary.server.state}`;
  const [failed, ...others] = failedChecks(module);
  if (failed === undefined) return null;
  return others.length === 0 ? `check ${failed.name} failed` : `${others.length + 1} checks failed`;
}

/** That the server of a primary has ended, or does not start, and why is told. One that is only on its way is not down. */
export function isServerDown({ transition, server }: ReplicaStatus): boolean {
  return server.state === 'stopped' && (transition === null || (transition === 'starting' && server.detail !== null));
}

/** That the server of a primary ought to run, and does not: it is down, or stands still. */
function lacksServer(primary: ReplicaStatus): boolean {
  return isServerDown(primary) || (primary.transition === null && primary.server.state !== 'running');
}

/** The replica that serves the mirror, as far as known. */
export function primaryReplica(module: ModuleStatus): ReplicaStatus | undefined {
  const serves = (replica: ReplicaStatus): boolean =>
    replica.known && (replica.state === 'PRIM' || replica.state === 'ALONE');
  return (
    module.onHosts.find((replica) => replica.host === module.primary && serves(replica)) ?? module.onHosts.find(serves)
  );
}

/** The checks of the running server that have failed. */
export function failedChecks(module: ModuleStatus): readonly CheckStatus[] {
  const checks = module.onHosts.flatMap((replica) => (replica.known ? (replica.checks ?? []) : []));
  return checks.filter(({ state }) => state === 'failed');
}

/** The replica that waits for an operator to choose between two histories. */
export function divergedReplica(module: ModuleStatus): ReplicaStatus | undefined {
  return module.onHosts.find((replica) => replica.known && replica.diverged);
}

/** How the two replicas stand to one another, and who sends to whom. */
export function linkFacts(module: ModuleStatus): LinkFacts {
  const primary = primaryReplica(module);
  const other = module.onHosts.find((replica) => replica !== primary);
  if (primary === undefined || other === undefined) return linkWithoutPrimary(module);
  const direction = { from: primary.host, to: other.host };
  if (primary.transition === 'frozen') {
    return {
      kind: 'frozen',
      label: 'frozen',
      detail: `Writes on ${primary.host} wait: it reaches neither ${other.host} nor the arbiter.`,
      ...direction,
    };
  }
  if (primary.resync !== null || primary.transition === 'resynchronising' || other.transition === 'resynchronising') {
    const paused = pausedResync(module);
    return {
      kind: 'resynchronising',
      label: paused ? 'resync paused' : 'resynchronising',
      detail: paused
        ? `${other.host} is not in sync, and does not take over when ${primary.host} fails, until its resync is resumed. ${paused.by} paused it.`
        : `${other.host} is brought up to date while the server runs on ${primary.host}.`,
      ...direction,
    };
  }
  if (other.known && other.state === 'SECOND' && module.inSync.includes(other.host)) {
    return {
      kind: 'in-sync',
      label: 'in sync',
      detail: `Every write on ${primary.host} is on ${other.host} before it is acknowledged.`,
      ...direction,
    };
  }
  if (other.known && other.diverged) {
    return {
      kind: 'broken',
      label: 'diverged',
      detail: `${other.host} holds a history of its own. Nothing of it is overwritten until you choose which one is kept.`,
      ...direction,
    };
  }
  const why = other.known ? `${other.host} does not follow (${other.state})` : `${other.host} is not reachable`;
  return {
    kind: 'broken',
    label: 'no replication',
    detail: `${why}: writes on ${primary.host} are on one disk only.`,
    ...direction,
  };
}

function linkWithoutPrimary(module: ModuleStatus): LinkFacts {
  const nobody = { from: null, to: null };
  if (!module.onHosts.some((replica) => replica.known)) {
    return { kind: 'unknown', label: 'not known', detail: 'Neither host is reachable.', ...nobody };
  }
  const away = module.onHosts.find((replica) => !replica.known);
  const none = away === undefined ? 'No host' : 'No host that can be reached';
  if (module.onHosts.some((replica) => replica.known && replica.transition !== null)) {
    return { kind: 'starting', label: 'changing', detail: `${none} serves the mirror at this moment.`, ...nobody };
  }
  if (module.desired === 'started') {
    return { kind: 'broken', label: 'no primary', detail: `${none} serves the mirror.`, ...nobody };
  }
  const where = away === undefined ? 'on both hosts' : stoppedBeside(module, away);
  return { kind: 'stopped', label: 'stopped', detail: `The module is stopped ${where}.`, ...nobody };
}

/** Each virtual address of the module, and the host that it is set on, as far as known. */
export function addressFacts(module: ModuleStatus): readonly AddressFacts[] {
  return (module.virtualAddresses ?? []).map((address) => ({
    address,
    host:
      module.onHosts.find(
        ({ known, virtualAddresses = [] }) => known && virtualAddresses.some((each) => each.address === address),
      )?.host ?? null,
  }));
}

/** The host that would start the module but for other modules. */
export function heldBackReplica(module: ModuleStatus | undefined): ReplicaStatus | undefined {
  if (module === undefined || primaryReplica(module) !== undefined) return undefined;
  return module.onHosts.find((replica) => replica.known && (replica.heldBack ?? null) !== null);
}

/** The resync that is under way, running or paused. */
export function runningResync(module: ModuleStatus): ResyncStatus | null {
  return module.onHosts.find((replica) => replica.known && replica.resync)?.resync ?? null;
}

/** That an operator has paused the resync of the secondary, this one or the next. */
export function pausedResync(module: ModuleStatus): ResyncPause | null {
  return module.onHosts.find((replica) => replica.known && replica.resyncPaused)?.resyncPaused ?? null;
}

/** How far a resync is, percent. */
export function resyncPercent({ toCheck, checked }: ResyncStatus): number {
  return toCheck === 0 ? 100 : Math.min(100, Math.floor((100 * checked) / toCheck));
}

/** The comparison of both replicas that is under way. */
export function runningVerify(module: ModuleStatus): VerifyStatus | null {
  return module.onHosts.find((replica) => replica.known && replica.verify)?.verify ?? null;
}

/** How many differences the last comparison has found that nobody has had repaired yet; 0: none are known. */
export function knownDifferences({ lastVerify }: ModuleStatus): number {
  return lastVerify?.total ?? 0;
}
