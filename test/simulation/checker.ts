import type { ArbiterRecord, LineageEntry, ModuleConfig, Proposal, Resolution } from '../../agent/core/types.ts';
import { GivingWay } from './givingWay.ts';
import { givesBack, holdsDurably, runsServer, type Host } from './host.ts';
import type { HostName } from './network.ts';

/** A promise was broken. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** In this time a host that hears the other one has stopped what it must not run beside it. */
const seenAfterMs = 2500;

/** Asking, mounting and starting take at least so long. */
const startsAfterMs = 75;
/** For so long a module has to have been whole before only the witness may matter to it: what befell it before may still have its effect. */
const steadyAfterMs = 3000;

/** Without an arbiter, as long as the other host is heard: a disk may refuse it once, and it is tried again every second. */
const keptAfterMs = 2000;

type Hosts = Readonly<Record<HostName, Host>>;

/** Whether a host starts alone by a record of both that the other host has left behind. */
function isLeftBehind(record: ArbiterRecord, previous: ArbiterRecord | null, newest: ArbiterRecord | null): boolean {
  const wasBoth = (previous?.inSync.length ?? 0) > 1 && previous?.primary === record.primary;
  const isLater = newest !== null && newest.epoch > record.epoch && newest.primary !== record.primary;
  return wasBoth && isLater && record.cause === 'start' && record.inSync.length === 1;
}

/** Knows what was promised to whom, which no host does, and looks at every step whether it is kept. */
export class Checker {
  /** Every write that a guest was ever told is durable. */
  readonly acknowledged = new Set<number>();
  /** Those of them that whoever serves has to hold; the others an operator gave up with open eyes. */
  readonly #owed = new Set<number>();
  /** The newest configuration that was ever granted; the arbiter may have forgotten it. */
  #newest: ArbiterRecord | null = null;
  /** The last configuration that an operator forced, or chose: what the other host goes on with is another history. */
  #forced: Pick<LineageEntry, 'epoch' | 'primary'> | null = null;
  /** Since when the hosts hear each other; null: they do not. */
  #togetherSince: number | null = null;
  /** By the name of the proposal. */
  readonly #granted = new Map<string, ArbiterRecord>();
  /** Until they see each other a host that was forced out goes on. */
  #isForced = false;
  /** Without an arbiter nobody refuses the second of two hosts that are forced at once. */
  #forcedAt = -Infinity;
  /** Two histories were chosen: nobody holds what the other one acknowledges. */
  #isApart = false;
  /** Since when nothing but the witness has been missing; null: something else is, or the module was not whole then. */
  #wellSince: number | null = null;
  /** Until then the server of a host may run beside the other one: the host stood still, and its agent kills it as soon as it goes on. */
  readonly #excusedUntil: Record<HostName, number> = { alpha: -Infinity, beta: -Infinity };
  /** What a secondary has that has all that the last resync sent. */
  #atEnd: ReadonlySet<number> = new Set();
  readonly #excusedSince: Record<HostName, number> = { alpha: -Infinity, beta: -Infinity };
  /** When a host ran last whose files do not ask for the other one to be fenced before anything starts. */
  #unfencedAt = -Infinity;
  twoServersMs = 0;
  /** Null: there is an arbiter, which refuses who is not to go on. */
  readonly #givingWay: GivingWay | null;
  readonly #hosts: Hosts;
  readonly #config: ModuleConfig;
  readonly #now: () => number;

  constructor(hosts: Hosts, config: ModuleConfig, now: () => number) {
    this.#hosts = hosts;
    this.#config = config;
    this.#now = now;
    this.#givingWay = config.arbiter === 'none' ? new GivingWay(hosts, now, (what) => this.fail(what)) : null;
  }

  get newestEpoch(): number {
    return this.#newest?.epoch ?? 0;
  }

  fail(what: string): never {
    throw new Violation(`${(this.#now() / 1000).toFixed(3)}: ${what}`);
  }

  excuseServerUntil(name: HostName, at: number): void {
    if (!this.#isExcused(this.#hosts[name])) this.#excusedSince[name] = this.#now();
    this.#excusedUntil[name] = Math.max(this.#excusedUntil[name], at);
  }

  operatorForces(): void {
    // Without a third vote nobody keeps the other one from going on.
    if (this.#config.arbiter === 'none') {
      this.#isApart = true;
      this.#forcedAt = this.#now();
    }
    this.#isForced = true;
  }

  /** An operator gives up the forced history for the one that goes on without having been forced. */
  operatorResolves({ keep, lost }: Resolution): void {
    const host = keep === null ? null : this.#hosts[keep as HostName];
    // One that waits is going to be forced itself.
    if (host?.core?.role.at !== 'primary') return;
    const kept = host.disk;
    const tail = kept.lineage.at(-1);
    if (!tail || lost?.epoch !== this.#forced?.epoch || lost?.primary !== this.#forced?.primary) return;
    const { epoch, primary } = tail;
    this.#forced = tail;
    // No arbiter may ever have granted what it runs by; nobody else is in sync with it.
    if (this.#newest) this.#newest = { ...this.#newest, epoch, primary, inSync: [primary], proposal: '' };
    for (const write of this.#owed) if (!kept.log.has(write)) this.#owed.delete(write);
  }

  /** A primary of a pair that reaches neither its secondary nor the arbiter stops its server. @param cutOffMs for how long it has not */
  lookAtCutOff(host: Host, cutOffMs: number): void {
    const isPair = (this.#newest?.inSync.length ?? 0) > 1;
    // Its clock may be slow, and killing takes a moment.
    const detectionMs = host.core?.config.detectionMs ?? Infinity;
    if (!runsServer(host) || !isPair || cutOffMs < detectionMs * 0.77 + 400) return;
    this.fail(`the server runs on ${host.name}, which has reached neither the other host nor the arbiter for too long`);
  }

  /** The server of a pair is down before the other host may start its own. @param silence what the other host hears, by its own clock and file */
  lookAtLease(host: Host, silence: { ms: number; detectionMs: number }): void {
    const isPair = (this.#newest?.inSync.length ?? 0) > 1;
    if (!runsServer(host) || !isPair || this.#isExcused(host) || this.#isForced) return;
    if (silence.ms < silence.detectionMs + startsAfterMs) return;
    this.fail(`the server still runs on ${host.name}, and the other host may start its own`);
  }

  /** What the other host has told of the record is not forgotten. @param behindMs for how long its own copy has been older */
  lookAtCopy({ name, core }: Host, behindMs: number): void {
    if (behindMs < keptAfterMs) return;
    this.fail(`${name} was told of epoch ${String(core?.record?.epoch)}, and would not know of it after a restart`);
  }

  /** Whether the host serves by the last configuration there is, or was stopped in it, and has everything. */
  holdsAll(host: Host): boolean {
    const tail = host.disk.lineage.at(-1);
    const isLast = tail?.epoch === this.newestEpoch && tail.primary === host.name;
    const isSound = !host.disk.isReplaced && !this.#isForced && !this.#isApart;
    const isThere = host.server === 'running' || host.core?.role.at === 'stopped';
    return isThere && isLast && isSound && this.#missingOn(host) === null;
  }

  /** @param doHear whether the hosts hear each other, in time */
  lookAtHosts(doHear: boolean): void {
    this.#togetherSince = doHear ? (this.#togetherSince ?? this.#now()) : null;
    const togetherMs = this.#now() - (this.#togetherSince ?? Infinity);
    this.#givingWay?.look(togetherMs, this.#forced, (host) => this.#isOfForced(host));
  }

  wasGranted({ proposal }: ArbiterRecord): boolean {
    return this.#granted.has(proposal);
  }

  /** @param proposer who is told of it @param previous the record that was replaced, as the arbiter had told it */
  granted(proposer: Host, previous: ArbiterRecord | null, record: ArbiterRecord): void {
    if (record.epoch <= (previous?.epoch ?? 0)) this.fail(`epoch ${String(record.epoch)} was granted twice`);
    // Who was forced out and does not know it tells an arbiter that forgot everything by what it runs: now nobody knows of the force.
    if (this.#forced !== null && record.epoch < this.#forced.epoch) this.#isApart = true;
    this.#granted.set(record.proposal, record);
    const newest = this.#newest;
    // The arbiter may have forgotten a grant that nobody ever entered, and give its number again.
    const { epoch, primary, inSync, cause } = record;
    // It may know of nothing since an older one, either, when an operator forces a host, or when nobody entered what came since.
    const entered = Math.max(...Object.values(this.#hosts).map(({ disk }) => disk.lineage.at(-1)?.epoch ?? 0));
    if (newest === null || epoch >= newest.epoch || cause === 'force' || epoch > entered) this.#newest = record;
    if (cause === 'force') {
      // By a number that the other host has lived through: which of the two histories is the later one nobody can tell.
      if (entered >= epoch) this.#isApart = true;
      this.#forced = record;
      // The operator was told that what this replica lacks will be missing.
      const forced = this.#hosts[primary as HostName];
      for (const write of this.#owed) if (!givesBack(forced, write)) this.#owed.delete(write);
      return;
    }
    const takesOver = cause === 'failover' && previous?.primary !== primary && primary === proposer.name;
    if (this.#config.arbiter === 'none' && takesOver) {
      if (this.#config.withoutArbiter === 'manual') this.fail(`${primary} takes over by itself, without an arbiter`);
      // It does not know what the other host does meanwhile.
      this.#isApart = true;
    }
    // Who does not know yet that it was forced out may tell an arbiter that forgot everything by what it runs.
    if (this.#isApart || (this.#forced !== null && epoch <= this.#forced.epoch)) return;
    if (newest !== null && previous?.proposal === newest.proposal && !newest.inSync.includes(primary)) {
      this.fail(`${primary} becomes primary by epoch ${String(epoch)} and was not in sync before`);
    }
    if (this.#config.arbiter === 'none' && epoch === newest?.epoch && primary !== newest.primary) {
      // Each host took it for itself, in the moment in which they lost sight of each other: nobody is there who would refuse one.
      this.#isApart = true;
      return;
    }
    if (isLeftBehind(record, previous, newest) && this.#config.withoutArbiter === 'risk-split-brain') {
      // By the last record that it was told of it is in sync, and nobody is there who would know of the one that the other host took since.
      // That it was told of no later one is looked at by itself.
      this.#isApart = true;
      return;
    }
    const holder = Object.values(this.#hosts).find(({ disk }) =>
      disk.lineage.some((entry) => entry.epoch === epoch && entry.primary !== primary),
    );
    if (holder !== undefined) {
      const what = `epoch ${String(epoch)} is granted to ${primary}`;
      this.fail(`${what}, and ${holder.name} has entered it with another primary`);
    }
    // They have seen each other and hold the same.
    if (inSync.length > 1) this.#isForced = false;
    for (const name of inSync) {
      const missing = this.#missingOn(this.#hosts[name as HostName]);
      if (missing !== null) {
        this.fail(
          `epoch ${String(epoch)} counts ${name} as in sync, which lacks acknowledged write ${String(missing)}`,
        );
      }
    }
  }

  /** A guest is told that its write is done, not that it is durable: the secondary has it all the same. */
  applies(host: Host, write: number): void {
    if (this.#isApart || !this.#isOfForced(host)) return;
    for (const name of this.#recordFor(host)?.inSync ?? []) {
      const { disk } = this.#hosts[name as HostName];
      if (!disk.seen.has(write)) {
        this.fail(`${host.name} answers write ${String(write)}, which ${name} was not told of`);
      }
    }
  }

  /** By which the host serves. */
  #recordFor(host: Host): ArbiterRecord | null {
    return this.#config.arbiter === 'none' ? (host.core?.record ?? null) : this.#newest;
  }

  /** A guest is told that its write is durable. */
  acknowledges(host: Host, write: number): void {
    this.acknowledged.add(write);
    if (this.#isApart) return;
    const epoch = host.disk.lineage.at(-1)?.epoch ?? 0;
    // It goes on in a history that an operator gave up, and does not know yet.
    if (!this.#isOfForced(host)) return;
    this.#owed.add(write);
    if (!holdsDurably(host, write)) this.fail(`${host.name} acknowledges write ${String(write)}, which is not durable`);
    const record = this.#recordFor(host);
    for (const name of record?.inSync ?? []) {
      const member = this.#hosts[name as HostName];
      if (!member.disk.isReplaced && !holdsDurably(member, write)) {
        this.fail(
          `${host.name} acknowledges write ${String(write)} in epoch ${String(epoch)}, which ${name} lacks, in sync by epoch ${String(record?.epoch)}`,
        );
      }
    }
  }

  /** A host whose files say so does not take over by itself. @param isFirst whether it asks for the first time */
  asks(host: Host, { record }: Proposal, isFirst: boolean): void {
    const { core } = host;
    if (!isFirst || !core || core.config.automatic || core.role.at !== 'asking' || core.role.forced) return;
    // By the record that it was granted before: what its files say since does not take that back.
    const isGranted = [core.record, core.inquiry.record].some((known) => known?.primary === host.name);
    if (record.cause !== 'failover' || isGranted) return;
    this.fail(`${host.name} takes over by itself, although its files say that it is not to`);
  }

  /** @param grant by which the host is primary @param isEntered whether it has nothing else to make durable yet */
  serverStarts(host: Host, grant: ArbiterRecord, isEntered: boolean): void {
    const granted = this.#granted.get(grant.proposal);
    const entered = host.disk.lineage.at(-1);
    const what = `the server starts on ${host.name} by epoch ${String(grant.epoch)}`;
    if (granted?.primary !== host.name) this.fail(`${what}, which nobody granted to it`);
    if (entered?.primary !== host.name || (isEntered && entered.epoch < grant.epoch)) {
      this.fail(`${what}, which is not durable there`);
    }
    if (!host.disk.consistent) this.fail(`the server starts on ${host.name} from an unfinished resync`);
    if (!this.#isOfForced(host)) this.#givingWay?.starts(host, this.#forced);
    if (this.#isApart || !this.#isOfForced(host)) return;
    for (const write of this.#owed) {
      if (!host.disk.log.has(write)) {
        this.fail(`the server starts on ${host.name} without acknowledged write ${String(write)}`);
      }
    }
  }

  /** A primary that waits for nothing of the other host is fenced by what it was told. */
  givesWay(host: Host): void {
    this.#givingWay?.givesWay(host);
  }

  /** Time passes. */
  passes(ms: number): void {
    this.#givingWay?.passes();
    const { alpha, beta } = this.#hosts;
    if ([alpha, beta].some(({ core }) => core !== null && core.config.fencePeer !== 'wait')) {
      this.#unfencedAt = this.#now();
    }
    if (!runsServer(alpha) || !runsServer(beta)) return;
    this.twoServersMs += ms;
    // One that stood still was powered off before the other one started, if nothing is to start without that.
    if ([alpha, beta].some((host) => this.#isExcused(host) && this.#unfencedAt >= this.#excusedSince[host.name])) {
      return;
    }
    const since = Math.max(this.#togetherSince ?? Infinity, this.#forcedAt);
    const areApart = this.#now() - since < seenAfterMs;
    if ((this.#isApart || this.#isForced) && areApart) return;
    this.fail('both hosts run the server');
  }

  #isExcused({ name }: Host): boolean {
    return this.#now() <= this.#excusedUntil[name];
  }

  /** Whether the host goes on with the history that an operator forced. */
  #isOfForced({ disk }: Host): boolean {
    const forced = this.#forced;
    return (
      forced === null || disk.lineage.some(({ epoch, primary }) => epoch === forced.epoch && primary === forced.primary)
    );
  }

  /** Losing the witness alone stops nothing. @param isWell whether everything but the witness is as it should be */
  lookAtWitness(isWell: boolean, isWhole: boolean): void {
    const wasSteady = this.#wellSince !== null && this.#now() - this.#wellSince > steadyAfterMs;
    if (isWell && wasSteady && !isWhole) this.fail('the module stops although at most the witness is missing');
    this.#wellSince = isWell && isWhole ? (this.#wellSince ?? this.#now()) : null;
  }

  /** Nothing is destroyed to settle a disagreement: what only the follower holds was kept aside before. */
  overwrites(primary: Host, follower: Host): void {
    // An unfinished resync holds nothing of its own.
    if (!follower.disk.consistent) return;
    const aside = [primary, follower].flatMap(({ disk }) => Object.values(disk.aside)).flat();
    const kept = new Set([...primary.disk.log, ...aside]);
    for (const write of follower.disk.log) {
      if (this.acknowledged.has(write) && !kept.has(write)) {
        this.fail(`acknowledged write ${String(write)} of ${follower.name} is overwritten and nowhere kept`);
      }
    }
  }

  /** A resync has sent everything. @param log the writes that the follower has when it has all of it */
  resyncEnds(log: ReadonlySet<number>): void {
    this.#atEnd = log;
  }

  /** The secondary is in step: whatever the marks did not name has to be equal already. */
  inStep(primary: Host, follower: Host): void {
    const [one, other] = [this.#atEnd, follower.disk.log];
    const differing = [...one].find((write) => !other.has(write)) ?? [...other].find((write) => !one.has(write));
    if (differing !== undefined) {
      this.fail(`${follower.name} is in step with ${primary.name} and differs from it in write ${String(differing)}`);
    }
  }

  /** Acknowledged writes that no host holds, neither in its replica nor kept aside. */
  destroyed(): number[] {
    const hosts = Object.values(this.#hosts);
    const kept = new Set(hosts.flatMap(({ disk }) => [...disk.log, ...Object.values(disk.aside).flat()]));
    return [...this.acknowledged].filter((write) => !kept.has(write));
  }

  #missingOn(host: Host): number | null {
    // Its disk is gone, and nobody has noticed yet. It must not start, which is looked at by itself.
    if (host.disk.isReplaced) return null;
    for (const write of this.#owed) if (!holdsDurably(host, write)) return write;
    return null;
  }
}
