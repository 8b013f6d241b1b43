import type { Host } from './host.ts';
import type { HostName, Network } from './network.ts';
import { feedSoon, otherThan, type Surroundings } from './surroundings.ts';

/** The primary's connection with its secondary. Each side gives it up for itself, and the other one learns of it or finds out. */
export interface Session {
  readonly id: string;
  readonly primary: HostName;
  readonly network: Network;
  isOpenAtPrimary: boolean;
  isOpenAtFollower: boolean;
  isInStep: boolean;
  /** What the loss of the secondary means for the writes that wait for it. */
  mode: 'hold' | 'continue';
}

/** How long a side that hears nothing takes at most to find out. */
export const noticedAfterMs = 3000;
export const acknowledgeTimeoutMs = 1000;

export class Sessions {
  /** The last one that was begun; it may be over on either side. */
  #last: Session | null = null;
  readonly #world: Surroundings;
  readonly #releaseHeld: (primary: Host) => void;

  constructor(world: Surroundings, releaseHeld: (primary: Host) => void) {
    this.#world = world;
    this.#releaseHeld = releaseHeld;
  }

  begin(primary: Host, id: string, network: Network): Session {
    if (this.#last) this.endAtFollower(this.#last);
    const session: Session = {
      ...{ id, primary: primary.name, network, isInStep: false, mode: 'continue' },
      ...{ isOpenAtPrimary: true, isOpenAtFollower: true },
    };
    this.#last = session;
    return session;
  }

  ofPrimary(host: Host): Session | null {
    const session = this.#last;
    return session?.primary === host.name && session.isOpenAtPrimary ? session : null;
  }

  ofFollower(host: Host): Session | null {
    const session = this.#last;
    return session && session.primary !== host.name && session.isOpenAtFollower ? session : null;
  }

  /** Whether what one side sends reaches the other one, and back. */
  isWhole({ primary, network, isOpenAtFollower }: Session): boolean {
    const { networks, hosts } = this.#world;
    const follower = otherThan(this.#world, hosts[primary]).name;
    return (
      isOpenAtFollower && networks.passes(primary, follower, network) && networks.passes(follower, primary, network)
    );
  }

  /** The primary has lost its secondary. */
  endAtPrimary(session: Session, reason: string, tell = true): void {
    if (!session.isOpenAtPrimary) return;
    session.isOpenAtPrimary = false;
    const primary = this.#world.hosts[session.primary];
    this.#otherLearns(session, () => this.endAtFollower(session));
    if (!primary.core || !tell) return;
    if (session.mode === 'hold') primary.frozen = true;
    else this.#releaseHeld(primary);
    feedSoon(this.#world, primary, { type: 'mirrorPeerLost', reason });
  }

  /** The secondary has lost its primary, or gives it up. */
  endAtFollower(session: Session, reason = 'the follower left'): void {
    if (!session.isOpenAtFollower) return;
    session.isOpenAtFollower = false;
    const follower = otherThan(this.#world, this.#world.hosts[session.primary]);
    if (follower.core) feedSoon(this.#world, follower, { type: 'mirrorFollowerLink', connected: false });
    this.#otherLearns(session, () => this.endAtPrimary(session, reason));
  }

  /** A host is gone, with whatever it had open. @param silently its system says nothing any more */
  hostIsGone(host: Host, silently: boolean): void {
    const session = this.#last;
    if (!session) return;
    const isPrimary = session.primary === host.name;
    const limitMs = isPrimary ? noticedAfterMs : acknowledgeTimeoutMs;
    const wasOpen = isPrimary ? session.isOpenAtPrimary : session.isOpenAtFollower;
    if (isPrimary) session.isOpenAtPrimary = false;
    else session.isOpenAtFollower = false;
    if (!wasOpen) return;
    this.#world.clock.after(silently ? this.#world.random.between(0, limitMs) : 1, () => {
      if (isPrimary) this.endAtFollower(session);
      else this.endAtPrimary(session, 'the other host is gone');
    });
  }

  /** The mirror process of a primary whose agent has died has killed the server; with its last word it ends, too. */
  primaryEnded(session: Session, epoch: number): void {
    const { networks, hosts, feed } = this.#world;
    const follower = otherThan(this.#world, hosts[session.primary]);
    networks.send(session.primary, follower.name, session.network, () => {
      if (!session.isOpenAtFollower) return;
      feed(follower, { type: 'primaryEnded', epoch });
      this.endAtFollower(session);
    });
    // Should the word be lost, so is the connection.
    this.#world.clock.after(noticedAfterMs, () => this.endAtFollower(session));
  }

  #otherLearns(session: Session, learns: () => void): void {
    const { clock, random } = this.#world;
    if (this.isWhole({ ...session, isOpenAtFollower: true })) clock.after(1, learns);
    else clock.after(random.between(500, noticedAfterMs), learns);
  }
}
