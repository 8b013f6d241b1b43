/**
 * What the core may rely on of the mirror, without its files: an ordered stream from a primary to its follower, acknowledgements that wait for the
 * follower while it is in step, and the records of both replicas as the mirror keeps them.
 */
import type { LineageEntry, Operation } from '../core/types.ts';
import { resync } from './copying.ts';
import type { Following, Host, Serving, Session } from './host.ts';
import { later, otherThan, type Surroundings } from './surroundings.ts';

/** How often a primary's mirror looks whether something is overdue. */
const lookMs = 100;
/** A pause of the server between two writes: it waits for each of them. */
const writeMs = 100;
/** A write that waits for less is not worth a word. */
const worthTellingMs = 200;

/** What came of an operation; a text says why it failed. */
export type Result = string | { readonly session?: string; readonly note?: string };
type Done = (result: Result) => void;

export class Mirror {
  readonly #world: Surroundings;
  readonly #kill: (host: Host, done: () => void) => void;
  #sessions = 0;

  /** @param kill ends the server of a host at once, and tells when nothing of it is left */
  constructor(world: Surroundings, kill: (host: Host, done: () => void) => void) {
    this.#world = world;
    this.#kill = kill;
    const { clock, hosts } = world;
    clock.every(writeMs, () => hosts.forEach((host) => this.#write(host)));
    clock.every(lookMs, () => hosts.forEach((host) => this.#look(host)));
    for (const host of hosts) host.replica.onChange = () => this.#tellReplica(host);
  }

  /** Whether what the server of this host writes waits, and has for longer than usual. */
  static isFrozen({ serving }: Host, now: number): boolean {
    if (serving === null) return true;
    return serving.isFrozen || (serving.waiting !== null && now - serving.waiting.since >= worthTellingMs);
  }

  /** Whether a write of this host's server would be acknowledged. */
  answers({ serving }: Host): boolean {
    if (serving === null || serving.isFrozen) return false;
    const { session, holds } = serving;
    return session?.isInStep === true ? this.#isReached(session) : !holds;
  }

  // --- what the server writes

  #write(host: Host): void {
    const { clock, ledger, pace } = this.#world;
    const { serving, server } = host;
    const isThere = (server === 'running' || server === 'stopping') && !host.hasDied;
    const isWriting = isThere && !host.standsStill(clock.now);
    if (serving === null || !isWriting || serving.waiting !== null) return;
    const write = ledger.next();
    const since = clock.now;
    host.writes.add(write);
    const { session } = serving;
    if (!serving.isFrozen && session?.isInStep !== true) {
      ledger.acknowledge(write, since, since, host.name);
      return;
    }
    serving.waiting = { write, since };
    if (serving.isFrozen || session === null || !this.#isReached(session)) return;
    const { follower } = session;
    later(this.#world, follower, pace.networkMs, () => {
      if (!this.#isReached(session)) return;
      follower.writes.add(write);
      later(this.#world, host, pace.networkMs, () => {
        if (host.serving !== serving || serving.isFrozen || !this.#isReached(session)) return;
        if (serving.waiting?.write === write) this.#acknowledge(host, serving);
      });
    });
  }

  #acknowledge(host: Host, serving: Serving): void {
    if (serving.waiting === null) return;
    const { write, since } = serving.waiting;
    serving.waiting = null;
    this.#world.ledger.acknowledge(write, since, this.#world.clock.now, host.name);
  }

  // --- the connection

  #isReached({ primary, follower, network, isOpenAt }: Session): boolean {
    const { networks, clock } = this.#world;
    return (
      isOpenAt.primary &&
      isOpenAt.follower &&
      networks.passes(primary.name, follower.name, network) &&
      follower.following !== null &&
      !follower.standsStill(clock.now)
    );
  }

  /** A follower that acknowledges nothing for too long is lost. One that stood still itself begins to wait anew. */
  #look(host: Host): void {
    const { clock, acknowledgeTimeoutMs, trace } = this.#world;
    const { serving } = host;
    if (serving === null || host.standsStill(clock.now)) {
      if (serving?.session) serving.session.silentSince = null;
      return;
    }
    const { session } = serving;
    if (session !== null) {
      if (this.#isReached(session)) session.silentSince = null;
      else session.silentSince ??= clock.now;
      const quietMs = session.silentSince === null ? 0 : clock.now - session.silentSince;
      if (quietMs > acknowledgeTimeoutMs) {
        this.#lose(host, serving, session, `no acknowledgement for ${(quietMs / 1000).toFixed(1)} s`);
      }
    }
    if (host.hasServer) trace.look(host);
  }

  /** The primary takes its follower for lost. */
  #lose(host: Host, serving: Serving, session: Session, reason: string): void {
    this.#leave(session, 'primary');
    if (serving.holds) serving.isFrozen = true;
    else this.#acknowledge(host, serving);
    this.#end(session);
    later(this.#world, host, this.#world.pace.momentMs, () =>
      this.#world.feed(host, { type: 'mirrorPeerLost', reason }),
    );
  }

  #end(session: Session): void {
    for (const told of session.onEnd.splice(0)) told();
  }

  /** One end lets go; the other one notices, at once where that reaches it. */
  #leave(session: Session, side: 'primary' | 'follower', reason = 'the peer closed the connection'): void {
    if (!session.isOpenAt[side]) return;
    const { networks, pace } = this.#world;
    const { primary, follower, network } = session;
    session.isOpenAt[side] = false;
    const isTold = networks.passes(primary.name, follower.name, network);
    const noticedMs = isTold ? pace.networkMs : pace.noticeMs;
    if (side === 'primary') {
      if (primary.serving?.session === session) primary.serving.session = null;
      later(this.#world, follower, noticedMs, () => this.#followerLeft(session));
      return;
    }
    this.#followerLeft(session);
    if (!isTold) return;
    later(this.#world, primary, noticedMs, () => {
      const { serving } = primary;
      if (serving?.session === session) this.#lose(primary, serving, session, reason);
    });
  }

  #followerLeft(session: Session): void {
    const { follower } = session;
    session.isOpenAt.follower = false;
    if (follower.following?.session !== session) return;
    follower.following.session = null;
    later(this.#world, follower, 1, () => this.#world.feed(follower, { type: 'mirrorFollowerLink', connected: false }));
  }

  #tellReplica(host: Host): void {
    later(this.#world, host, 1, () => this.#world.feed(host, { type: 'replica', replica: host.facts }));
  }

  // --- what befalls it

  /** The host loses power, or the mirror processes end with their agent. @param isTold whether the other end is told, as of a process that ends */
  isGone(host: Host, isTold: boolean): void {
    const { pace } = this.#world;
    const { serving, following } = host;
    host.serving = null;
    host.following = null;
    const session = serving?.session ?? following?.session;
    if (!session) return;
    const other = otherThan(this.#world, host);
    session.isOpenAt[serving ? 'primary' : 'follower'] = false;
    if (serving) {
      later(this.#world, other, isTold ? pace.networkMs : pace.noticeMs, () => this.#followerLeft(session));
    } else if (isTold) {
      later(this.#world, other, pace.networkMs, () => {
        if (other.serving?.session === session) {
          this.#lose(other, other.serving, session, 'the peer closed the connection');
        }
      });
    }
  }

  /** The agent has died: its mirror process, which has killed the server, tells the follower so with its last word. */
  tellEnd({ serving, replica }: Host): void {
    const session = serving?.session;
    if (!session?.isInStep || !this.#isReached(session)) return;
    const { epoch } = replica;
    const { follower } = session;
    later(this.#world, follower, this.#world.pace.networkMs, () =>
      this.#world.feed(follower, { type: 'primaryEnded', epoch }),
    );
  }

  /** The disk of a host does not make durable what it has taken, and says so. */
  diskFails(host: Host): void {
    host.isDiskBad = true;
    const session = host.following?.session;
    if (host.serving) host.replica.noteDiskError({ code: 'EIO', at: 'the moment of the fault' });
    else if (session) this.#leave(session, 'follower', `a change could not be made durable on ${host.name}: EIO`);
  }

  // --- what the agent asks for

  freeze({ serving }: Host): void {
    if (serving) serving.isFrozen = true;
  }

  operate(host: Host, operation: Exclude<Operation, { kind: 'fencePeer' }>, done: Done): void {
    const { pace } = this.#world;
    const after = (ms: number, run: () => void): void =>
      later(this.#world, host, ms, () => {
        try {
          run();
        } catch (error) {
          done(error instanceof Error ? error.message : String(error));
        }
      });
    switch (operation.kind) {
      case 'enterEpoch':
        after(pace.momentMs, () => this.#enter(host, operation.entry, done));
        return;
      case 'serve':
        after(pace.mountMs, () => {
          this.#serve(host, operation.epoch);
          done({});
        });
        return;
      case 'attach':
        after(2 * pace.networkMs, () => this.#attach(host, operation.endpoint.session, operation.epoch, done));
        return;
      case 'holdOnPeerLoss':
        after(pace.momentMs, () => {
          const { serving } = host;
          const isThere = serving?.session?.isInStep === true;
          if (isThere) serving.holds = true;
          done(isThere ? {} : 'there is no follower in step whose loss could be waited out');
        });
        return;
      case 'goAlone':
        after(pace.momentMs, () => {
          host.replica.enter(operation.entry);
          this.#goAlone(host);
          done({});
        });
        return;
      case 'release':
        after(pace.releaseMs, () => done(this.#release(host)));
        return;
      case 'fence':
        this.freeze(host);
        this.#kill(host, () =>
          after(pace.momentMs, () => {
            if (host.serving?.session) this.#leave(host.serving.session, 'primary');
            host.serving = null;
            this.#stopFollowing(host);
            done({});
          }),
        );
        return;
      case 'keepAside':
        after(10 * pace.momentMs, () => {
          host.aside.push(operation.name);
          done({ note: operation.name });
        });
        return;
      case 'follow':
        after(pace.momentMs, () => {
          this.#stopFollowing(host);
          const epoch = Math.max(operation.epoch, host.replica.epoch);
          const following: Following = { id: `session ${String((this.#sessions += 1))}`, epoch, session: null };
          host.following = following;
          done({ session: following.id });
        });
        return;
      case 'unfollow':
        after(pace.momentMs, () => {
          this.#stopFollowing(host);
          done({});
        });
        return;
    }
  }

  #stopFollowing(host: Host): void {
    const { following } = host;
    if (following?.session) this.#leave(following.session, 'follower', 'the follower has stopped following');
    host.following = null;
  }

  #enter(host: Host, entry: LineageEntry, done: Done): void {
    const { following, serving, replica } = host;
    replica.enter(entry);
    const session = serving?.session;
    if (following) following.epoch = Math.max(following.epoch, entry.epoch);
    if (following || !session) {
      done({});
      return;
    }
    let isOver = false;
    const once = (): void => {
      if (!isOver) done({});
      isOver = true;
    };
    // A follower that is lost is waited for no more.
    session.onEnd.push(once);
    const { follower } = session;
    later(this.#world, follower, this.#world.pace.networkMs, () => {
      if (!this.#isReached(session) || follower.following === null || entry.epoch < follower.following.epoch) return;
      try {
        follower.replica.enter(entry);
      } catch (error) {
        this.#leave(session, 'follower', error instanceof Error ? error.message : String(error));
        return;
      }
      follower.following.epoch = entry.epoch;
      later(this.#world, host, this.#world.pace.networkMs + this.#world.pace.momentMs, once);
    });
  }

  #serve(host: Host, epoch: number): void {
    if (host.serving) throw new Error('this host serves the mirror already');
    if (epoch < host.replica.epoch) throw new Error(`epoch ${String(epoch)} is over`);
    this.#stopFollowing(host);
    const { consistent, restorable = false } = host.replica.value;
    if (!consistent && restorable && host.undo !== null) {
      host.writes = new Set(host.undo);
      host.undo = null;
      host.replica.update({ consistent: true, restorable: false });
    }
    if (!host.replica.value.consistent) throw new Error('a resync into this replica was not completed');
    host.serving = { isFrozen: false, holds: false, session: null, waiting: null };
  }

  #attach(host: Host, id: string, epoch: number, done: Done): void {
    const { networks } = this.#world;
    const { serving } = host;
    const follower = otherThan(this.#world, host);
    const { following } = follower;
    const network = networks.between(host.name, follower.name);
    const isThere = network !== null && following?.id === id && !follower.standsStill(this.#world.clock.now);
    if (!serving) return done('this host does not serve the mirror');
    if (!isThere) return done('the follower cannot be reached');
    if (epoch < following.epoch) return done(`refused: epoch ${String(following.epoch)} is later`);
    if (following.session) this.#leave(following.session, 'follower', 'the primary has connected anew');
    const session: Session = {
      primary: host,
      follower,
      network,
      isInStep: false,
      isOpenAt: { primary: true, follower: true },
      silentSince: null,
      onEnd: [],
    };
    serving.session = session;
    following.session = session;
    later(this.#world, follower, 1, () => this.#world.feed(follower, { type: 'mirrorFollowerLink', connected: true }));
    done({});
    resync(this.#world, session, {
      isReached: () => host.serving === serving && this.#isReached(session),
      fails: (reason) => this.#leave(session, 'follower', reason),
    });
  }

  #goAlone(host: Host): void {
    const { serving } = host;
    if (!serving) throw new Error('this host does not serve the mirror');
    if (serving.session) {
      const { session } = serving;
      this.#leave(session, 'primary');
      this.#end(session);
    }
    serving.holds = false;
    serving.isFrozen = false;
    this.#acknowledge(host, serving);
  }

  #release(host: Host): Result {
    const { serving } = host;
    if (serving) {
      const { session, isFrozen } = serving;
      const isLost = session?.isInStep === true && !this.#isReached(session);
      if (isFrozen || isLost) return 'the mirror could not be released: the other host was lost meanwhile';
      if (session) this.#leave(session, 'primary');
    }
    host.serving = null;
    this.#stopFollowing(host);
    return {};
  }
}
