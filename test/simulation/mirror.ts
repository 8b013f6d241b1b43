import type { LineageEntry, Operation } from '../../agent/core/types.ts';
import { factsOf, flushAll, holdsDurably, rollBack, runsServer, type Host } from './host.ts';
import { resync } from './resync.ts';
import { acknowledgeTimeoutMs, noticedAfterMs, Sessions, type Session } from './session.ts';
import { feedSoon, otherThan, type Surroundings } from './surroundings.ts';

export type Result = { endpoint?: { session: string }; note?: string } | string | null;

function epochOf({ disk }: Host): number {
  return disk.lineage.at(-1)?.epoch ?? 0;
}

/** What makes nothing durable. */
const freeOfDisk: ReadonlySet<Operation['kind']> = new Set(['attach', 'holdOnPeerLoss', 'fence']);
/** How long a server takes to be gone that is killed, at most; and on a host that stood still until just before. */
const killMs = 50;
export const killOfOverloadedMs = 300;
const overloadedMs = 500;
/** How long a batch of marks takes, at least. */
const marksPeriodMs = 2000;

/** The data plane, by what the core may rely on: what is acknowledged when, what a loss of power leaves. */
export class Mirror {
  /** Whether a resync that is not finished can be taken back. */
  keepsUndo = true;
  /** Beyond the usual: there is much to compare. */
  resyncTakesMs = 0;
  /** Beyond the usual: programs that still use the mount hold it up. */
  releaseTakesMs = 0;
  readonly sessions: Sessions;
  readonly #world: Surroundings;
  #nextSession = 1;
  #nextWrite = 1;

  constructor(world: Surroundings) {
    this.#world = world;
    this.sessions = new Sessions(world, (primary) => this.#releaseHeld(primary));
    world.clock.every(marksPeriodMs, () => this.#clearMarks());
  }

  /** The guest of this host writes, and asks for it to be durable. */
  write(host: Host): void {
    const { clock } = this.#world;
    const write = this.#nextWrite++;
    const { life } = host;
    this.#world.costs.writes(write);
    host.disk.marks.add(write);
    host.disk.log.add(write);
    host.disk.unsynced.add(write);
    const session = this.sessions.ofPrimary(host);
    // During a resync the change is in the stream behind the copy; a lost secondary holds nothing up.
    const waits = session?.isInStep === true;
    host.held.set(write, { local: false, remote: !waits });
    this.#afterFlush(host, [write], () => {
      const held = host.held.get(write);
      if (held) this.#acknowledgeWhenDone(host, write, { ...held, local: true });
    });
    if (!waits) return;
    this.#replicate(host, session, write);
    clock.after(acknowledgeTimeoutMs, () => {
      if (host.life !== life || host.held.get(write)?.remote !== false) return;
      this.sessions.endAtPrimary(session, 'no acknowledgement');
    });
  }

  #replicate(host: Host, session: Session, write: number): void {
    const follower = otherThan(this.#world, host);
    this.#send(session, host, follower, () => {
      this.#whenItRuns(follower, () => {
        if (!session.isOpenAtFollower || follower.mirror !== 'following') return;
        follower.disk.marks.add(write);
        follower.disk.log.add(write);
        follower.disk.unsynced.add(write);
        this.#afterFlush(follower, [write], () => {
          this.#send(session, follower, host, () => {
            const held = host.held.get(write);
            if (held && session.isOpenAtPrimary) this.#acknowledgeWhenDone(host, write, { ...held, remote: true });
          });
        });
      });
    });
  }

  #send({ network }: Session, from: Host, to: Host, deliver: () => void): void {
    this.#world.networks.send(from.name, to.name, network, deliver, { isNumbered: true });
  }

  #acknowledgeWhenDone(host: Host, write: number, done: { local: boolean; remote: boolean }): void {
    host.held.set(write, done);
    if (host.frozen || !done.local || !done.remote) return;
    host.held.delete(write);
    this.#world.checker.acknowledges(host, write);
  }

  /** Nothing waits for the secondary any more. */
  #releaseHeld(host: Host): void {
    for (const [write, { local }] of [...host.held]) this.#acknowledgeWhenDone(host, write, { local, remote: true });
  }

  #afterFlush(host: Host, writes: readonly number[], run: () => void): void {
    const { life } = host;
    const flushMs = this.#world.random.between(1, 5) + host.disk.slowMs;
    this.#world.clock.after(flushMs, () => {
      if (host.life !== life) return;
      for (const write of writes) host.disk.unsynced.delete(write);
      run();
    });
  }

  /** A host that stands still does it when it goes on. */
  #whenItRuns(host: Host, run: () => void): void {
    const { clock } = this.#world;
    const { life } = host;
    if (host.pausedUntil <= clock.now) run();
    else {
      clock.after(host.pausedUntil - clock.now, () => {
        if (host.life === life) this.#whenItRuns(host, run);
      });
    }
  }

  /** Both replicas make everything durable; then the marks of what was written before that are dropped. */
  #clearMarks(): void {
    for (const host of Object.values(this.#world.hosts)) {
      const session = this.sessions.ofPrimary(host);
      if (session) this.#world.costs.round(host, otherThan(this.#world, host), this.#isWell(session));
      if (session?.mode !== 'hold' || host.mirror !== 'serving' || host.frozen || host.disk.diskError) continue;
      const follower = otherThan(this.#world, host);
      // What waits for an answer is taken for written after it.
      const own = [...host.disk.marks].filter((write) => !host.held.has(write));
      this.#afterFlush(host, own, () => {
        this.#send(session, host, follower, () => {
          if (!session.isOpenAtFollower || follower.mirror !== 'following') return;
          const its = own.filter((write) => follower.disk.marks.has(write));
          this.#afterFlush(follower, its, () => {
            for (const write of its) follower.disk.marks.delete(write);
            this.#send(session, follower, host, () => {
              if (!session.isOpenAtPrimary || host.disk.diskError) return;
              for (const write of own) host.disk.marks.delete(write);
            });
          });
        });
      });
    }
  }

  /** Whether nothing keeps both from making everything durable, and from telling each other. */
  #isWell(session: Session): boolean {
    const { hosts, networks, clock } = this.#world;
    const { disk, frozen, mirror } = hosts[session.primary];
    return (
      session.mode === 'hold' &&
      mirror === 'serving' &&
      !frozen &&
      !disk.diskError &&
      networks.isSound &&
      this.sessions.isWhole(session) &&
      Object.values(hosts).every(
        (host) => host.core && Math.max(host.pausedUntil, host.awayUntil) <= clock.now && host.disk.slowMs === 0,
      )
    );
  }

  /** The mirror process has ended, and no other one could take its place. */
  dies(host: Host): void {
    host.frozen = host.mirror === 'serving';
    host.followSession = null;
    this.#leaveSession(host, 'the mirror process ended');
    if (host.mirror === 'following') host.mirror = 'idle';
  }

  /**
   * The agent has died, and the mirror process outlives it for a moment: it holds everything, kills the server, and only then tells the secondary
   * that nothing more is to come. Call before the host is taken for gone. Null: it does not serve a server that it guards.
   */
  agentDies(host: Host): (() => void) | null {
    const session = this.sessions.ofPrimary(host);
    if (!runsServer(host)) return null;
    const epoch = host.disk.lineage.at(-1)?.epoch ?? 0;
    const vouched = session?.isInStep === true ? session : null;
    // Its connection ends with the mirror process, not with the agent.
    if (vouched) vouched.isOpenAtPrimary = false;
    return () => {
      host.isEnding = true;
      const { life } = host;
      const takesMs = this.#world.random.between(5, 900);
      const ended = (): void => {
        if (host.life === life) host.server = 'stopped';
        this.#world.trace(`the mirror process of ${host.name} has ended the server`);
        if (vouched) this.sessions.primaryEnded(vouched, epoch);
        // Its last word is on its way.
        this.#world.clock.after(noticedAfterMs, () => {
          if (host.life === life) host.isEnding = false;
        });
      };
      this.#world.clock.after(takesMs, () => this.#whenItRuns(host, ended));
    };
  }

  #leaveSession(host: Host, reason: string): void {
    const own = this.sessions.ofPrimary(host);
    if (own) this.sessions.endAtPrimary(own, reason, false);
    const followed = this.sessions.ofFollower(host);
    if (followed) this.sessions.endAtFollower(followed, reason);
  }

  /** @param done is told the result; a text says why it failed */
  operate(host: Host, operation: Exclude<Operation, { kind: 'fencePeer' }>, done: (result: Result) => void): void {
    const { clock, random } = this.#world;
    const { life } = host;
    const after = (ms: number, run: () => Result): void => {
      clock.after(ms, () => {
        if (host.life === life) this.#whenItRuns(host, () => done(this.#refuses(host, operation.kind) ?? run()));
      });
    };
    switch (operation.kind) {
      case 'enterEpoch':
        after(random.between(2, 30), () => this.#enterBoth(host, operation.entry));
        return;
      case 'serve':
        after(random.between(20, 150), () => this.#serve(host));
        return;
      case 'attach':
        after(random.between(5, 50), () => this.#attach(host, operation.endpoint.session));
        return;
      case 'holdOnPeerLoss':
        after(2, () => {
          const session = this.sessions.ofPrimary(host);
          if (!session?.isInStep) return 'there is no follower in step';
          session.mode = 'hold';
          return null;
        });
        return;
      case 'goAlone':
        after(random.between(5, 40), () => {
          const session = this.sessions.ofPrimary(host);
          if (session) this.sessions.endAtPrimary(session, 'given up by the primary', false);
          const failed = this.#enter(host, operation.entry);
          if (failed !== null) return failed;
          host.frozen = false;
          this.#releaseHeld(host);
          return null;
        });
        return;
      case 'release':
        after(random.between(10, 100) + this.releaseTakesMs, () => this.#release(host));
        return;
      case 'fence':
        host.frozen = true;
        after(Math.max(this.#kill(host), random.between(20, 100)), () => {
          this.#leaveSession(host, 'aborted');
          this.#unmounted(host);
          return null;
        });
        return;
      case 'keepAside':
        after(200, () => {
          if (host.disk.isFull) return 'there is no room';
          host.disk.aside[operation.name] = [...host.disk.log];
          return { note: operation.name };
        });
        return;
      case 'follow':
        after(random.between(10, 60), () => {
          // Offering another session ends the one there is.
          this.#leaveSession(host, 'the follower left');
          host.mirror = 'following';
          host.isPromoted = false;
          host.followSession = `s${String(this.#nextSession++)}`;
          return { endpoint: { session: host.followSession } };
        });
        return;
      case 'unfollow':
        after(20, () => {
          this.#leaveSession(host, 'the follower left');
          host.mirror = 'idle';
          host.followSession = null;
          return null;
        });
        return;
    }
  }

  /** Nothing of the server goes on for longer than what is returned, milliseconds. */
  #kill(host: Host): number {
    const { clock, random } = this.#world;
    const { life } = host;
    if (!runsServer(host)) {
      host.server = 'stopped';
      return 0;
    }
    const isOverloaded = host.pausedUntil > 0 && clock.now - host.pausedUntil < overloadedMs;
    const takesMs = random.between(0, isOverloaded ? killOfOverloadedMs : killMs);
    clock.after(takesMs, () => {
      this.#whenItRuns(host, () => {
        if (host.life === life) host.server = 'stopped';
      });
    });
    return takesMs;
  }

  /** What has to be made durable cannot be, on a disk that gives errors. */
  #refuses(host: Host, kind: Operation['kind']): string | null {
    if (host.disk.refusesUntil <= this.#world.clock.now || freeOfDisk.has(kind)) return null;
    return 'EIO: input/output error';
  }

  #unmounted(host: Host): void {
    host.mirror = 'idle';
    host.frozen = false;
    host.held.clear();
  }

  #enter(host: Host, entry: LineageEntry): string | null {
    const last = host.disk.lineage.at(-1);
    if (last?.epoch === entry.epoch && last.primary === entry.primary) return null;
    if (last && last.epoch >= entry.epoch) return `epoch ${String(entry.epoch)} is not after ${String(last.epoch)}`;
    host.disk.lineage.push(entry);
    feedSoon(this.#world, host, { type: 'replica', replica: factsOf(host) });
    return null;
  }

  /** The follower goes along: it has to know the epoch before the arbiter counts on it. */
  #enterBoth(host: Host, entry: LineageEntry): Result {
    const failed = this.#enter(host, entry);
    host.isPromoted = failed === null && host.mirror === 'following';
    const session = this.sessions.ofPrimary(host);
    if (failed !== null || !session) return failed;
    const follower = otherThan(this.#world, host);
    const reaches = session.isOpenAtFollower && this.#world.networks.passes(host.name, follower.name, session.network);
    if (reaches) {
      const refused = this.#enter(follower, entry);
      if (refused !== null) return refused;
    }
    return this.sessions.isWhole(session) ? null : 'the follower does not answer';
  }

  #serve(host: Host): Result {
    rollBack(host);
    if (!host.disk.consistent) return 'a resync into this replica was not completed';
    const followed = this.sessions.ofFollower(host);
    if (followed) this.sessions.endAtFollower(followed, 'the follower was promoted');
    host.followSession = null;
    this.#unmounted(host);
    host.mirror = 'serving';
    return null;
  }

  #attach(host: Host, id: string): Result {
    const { clock, random, networks } = this.#world;
    const follower = otherThan(this.#world, host);
    const network = networks.between(host.name, follower.name);
    if (network === null || follower.followSession !== id || follower.mirror !== 'following') {
      return 'the follower cannot be reached';
    }
    if (host.mirror !== 'serving') return 'not serving';
    if (epochOf(follower) > epochOf(host)) return `refused: this replica is at epoch ${String(epochOf(follower))}`;
    const session = this.sessions.begin(host, id, network);
    feedSoon(this.#world, follower, { type: 'mirrorFollowerLink', connected: true });
    const copy = resync(this.#world, host, follower, this);
    const takesMs = (copy.isNeeded ? random.between(100, 2000) : 30) + this.resyncTakesMs;
    const { life } = host;
    clock.after(takesMs, () => {
      if (host.life !== life || !session.isOpenAtPrimary) return;
      if (!this.sessions.isWhole(session) || host.frozen || follower.isPromoted) {
        this.sessions.endAtPrimary(session, 'the follower does not answer');
        return;
      }
      copy.finish();
      session.isInStep = true;
      this.#world.feed(host, { type: 'mirrorInStep', replica: factsOf(host) });
    });
    return null;
  }

  #release(host: Host): Result {
    const session = this.sessions.ofPrimary(host);
    if (session && !this.sessions.isWhole(session)) return 'the follower does not answer';
    if (host.frozen) return 'the other host was lost while the mirror was released';
    flushAll(host);
    const follower = otherThan(this.#world, host);
    for (const write of session?.isInStep ? host.disk.log : []) {
      if (!holdsDurably(follower, write)) return 'the follower is behind';
    }
    if (session) this.sessions.endAtPrimary(session, 'released', false);
    this.#unmounted(host);
    return null;
  }
}
