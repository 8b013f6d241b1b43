import type { Operation } from '../../agent/core/types.ts';
import { RecordStore } from '../../agent/mirror/replica/record.ts';
import { Violation } from './checker.ts';
import { moduleName } from './disk.ts';
import { factsOf, hasLostWrites, isFrozen, runsServer, type Host } from './host.ts';
import { noticedAfterMs } from './replica/connection.ts';
import { Following } from './replica/following.ts';
import { PowerLoss, withoutPowerLoss } from './replica/powerLoss.ts';
import type { ServingMirror } from './replica/roles.ts';
import { type ResyncSetting, Serving } from './replica/serving.ts';
import { otherThan, type Surroundings } from './surroundings.ts';

export type Result = { endpoint?: { session: string }; note?: string } | string | null;

/** What makes nothing durable. */
const freeOfDisk: ReadonlySet<Operation['kind']> = new Set(['attach', 'holdOnPeerLoss', 'fence']);
/** How long a server takes to be gone that is killed, at most; and on a host that stood still until just before. */
const killMs = 50;
export const killOfOverloadedMs = 300;
/** How long it takes at most until somebody has seen that it is gone. */
const seenDeadMs = 900;
const overloadedMs = 500;
/** How long a round of clearing marks takes, at least. */
const roundMs = 3500;

/** The data plane: its decisions are the agent's own, what they are carried out on is simulated. */
export class Mirror {
  /** Whether a resync that is not finished can be taken back. */
  keepsUndo = true;
  /** Beyond the usual: there is much to compare. */
  resyncTakesMs = 0;
  /** Beyond the usual: programs that still use the mount hold it up. */
  releaseTakesMs = 0;
  readonly #world: Surroundings;
  readonly #setting: ResyncSetting;
  /** Mirror processes that have outlived their agent. */
  readonly #ending = new Map<Host, ServingMirror>();
  #nextSession = 1;
  #nextWrite = 1;

  constructor(world: Surroundings) {
    this.#world = world;
    this.#setting = {
      begins: (primary, follower, zones, isFull) => {
        if (isFull) world.costs.comparesAll(primary, follower);
        else world.costs.comparesZones(zones);
      },
      takes: (isNeeded) => (isNeeded ? world.random.between(100, 2000) : 30) + this.resyncTakesMs,
      ends: (log) => {
        world.checker.resyncEnds(log);
        world.costs.resyncEnds();
      },
      isOver: (primary) => world.costs.inStep(!hasLostWrites(primary)),
    };
    world.clock.every(roundMs, () => this.#countRound());
  }

  /** The guest of this host writes, and asks for it to be durable. */
  write(host: Host): void {
    const { serving } = host;
    if (serving) withoutPowerLoss(() => serving.write(this.#nextWrite++));
  }

  #countRound(): void {
    for (const host of Object.values(this.#world.hosts)) {
      if (this.#holds(host)) this.#world.costs.round(host, otherThan(this.#world, host), this.#isWell(host));
    }
  }

  /** Whether it serves, and waits for its secondary. */
  #holds({ serving, core }: Host): boolean {
    return serving !== null && core?.role.at === 'primary' && core.role.link.kind === 'both';
  }

  /** Whether nothing keeps both from making everything durable, and from telling each other. */
  #isWell(host: Host): boolean {
    const { hosts, networks, clock } = this.#world;
    return (
      !isFrozen(host) &&
      !hasLostWrites(host) &&
      networks.isSound &&
      networks.isWholeBetween('alpha', 'beta') &&
      Object.values(hosts).every(
        ({ core, pausedUntil, awayUntil, disk }) =>
          core !== null && Math.max(pausedUntil, awayUntil, disk.refusesUntil) <= clock.now && disk.slowMs === 0,
      )
    );
  }

  // --- what befalls its process

  /** A host boots. What has outlived its agent goes on with that until its replica is needed. */
  boots(host: Host): void {
    host.disk.files.isOff = false;
    this.#open(host);
  }

  #open(host: Host): void {
    host.replica = RecordStore.open(host.disk.files.record, moduleName);
    const { consistent, restorable = false } = host.replica.value;
    // What a crash left of something that is over.
    if (consistent || !restorable) host.disk.undo = null;
    host.replica.onChange = () => this.#tellReplica(host);
  }

  #tellReplica(host: Host): void {
    const { life } = host;
    this.#world.clock.after(1, () => {
      if (host.life === life) this.#world.feed(host, { type: 'replica', replica: factsOf(host) });
    });
  }

  /** It ends, and no other one could take its place. */
  dies(host: Host): void {
    host.serving?.dies();
    host.following?.dies();
    host.following = null;
    this.#open(host);
  }

  hostIsGone(host: Host, silently: boolean): void {
    host.serving?.vanish(silently);
    this.#ending.get(host)?.vanish(silently);
    this.#ending.delete(host);
    host.following?.vanish(silently);
    host.serving = host.following = null;
  }

  /**
   * The agent has died, and the mirror process outlives it for a moment: it holds everything, kills the server, and only then tells the secondary
   * that nothing more is to come. Call before the host is taken for gone. Null: it does not serve a server that it guards.
   */
  agentDies(host: Host): (() => void) | null {
    const { serving } = host;
    if (!serving || serving.isOver || !runsServer(host)) return null;
    serving.freeze();
    host.serving = null;
    return () => {
      this.#endWhatIsLeft(host);
      this.#ending.set(host, serving);
      host.isEnding = true;
      const { life } = host;
      serving.whenItRuns(this.#world.random.between(5, killMs), () => {
        if (host.life === life) host.server = 'stopped';
        this.#world.trace(`the mirror process of ${host.name} has ended the server`);
      });
      serving.whenItRuns(this.#world.random.between(killMs, seenDeadMs), () => {
        serving.tellEnd(() => {
          if (this.#ending.get(host) === serving) this.#ending.delete(host);
          // Its last word is on its way.
          this.#world.clock.after(noticedAfterMs, () => {
            if (host.life === life) host.isEnding = false;
          });
        });
      });
    };
  }

  /** From here on nothing is acknowledged. */
  freeze(host: Host): void {
    host.serving?.freeze();
  }

  /** The disk loses what it had taken and not written yet, and says so. */
  diskFails(host: Host): void {
    host.disk.fail();
    host.serving?.diskFails();
  }

  // --- what the agent asks for

  /** A host that stands still does it when it goes on; one that is gone, never. */
  #after(host: Host, ms: number, run: () => void): void {
    const { clock } = this.#world;
    const { life } = host;
    clock.after(ms, () => {
      if (host.life !== life || host.disk.files.isOff) return;
      if (host.pausedUntil > clock.now) this.#after(host, host.pausedUntil - clock.now, run);
      else withoutPowerLoss(run);
    });
  }

  /** @param done is told the result; a text says why it failed */
  operate(host: Host, operation: Exclude<Operation, { kind: 'fencePeer' }>, done: (result: Result) => void): void {
    const beginsAfterMs = this.#begin(host, operation);
    this.#after(host, beginsAfterMs, () => {
      // What has to be made durable cannot be.
      if (host.disk.refusesUntil > this.#world.clock.now && !freeOfDisk.has(operation.kind)) {
        done('EIO: input/output error');
        return;
      }
      try {
        this.#carryOut(host, operation, done);
      } catch (error) {
        if (error instanceof Violation || error instanceof PowerLoss) throw error;
        done((error as Error).message);
      }
    });
  }

  /** What happens of it at once. Returns how long the rest takes at least, milliseconds. */
  #begin(host: Host, { kind }: Operation): number {
    const { random } = this.#world;
    switch (kind) {
      case 'fence':
        host.serving?.freeze();
        return Math.max(this.#kill(host), random.between(20, 100));
      case 'release':
        return random.between(10, 100) + this.releaseTakesMs;
      case 'keepAside':
        return 200;
      case 'serve':
        return random.between(20, 150);
      default:
        return random.between(2, 50);
    }
  }

  /** @throws MirrorError, Node's file errors */
  #carryOut(host: Host, operation: Exclude<Operation, { kind: 'fencePeer' }>, done: (result: Result) => void): void {
    const { serving, following, replica } = host;
    switch (operation.kind) {
      case 'enterEpoch':
        if (following) following.enterEpoch(operation.entry);
        else replica.enter(operation.entry);
        if (!following && serving) serving.enterEpoch(operation.entry, done);
        else done(null);
        return;
      case 'serve':
        this.#serve(host, operation.epoch);
        done(null);
        return;
      case 'attach':
        this.#serving(host).attach(operation.endpoint.session, operation.epoch, done);
        return;
      case 'holdOnPeerLoss':
        done(this.#serving(host).hold() ? null : 'there is no follower in step whose loss could be waited out');
        return;
      case 'goAlone':
        this.#serving(host);
        // Durable before anything that waits is released.
        replica.enter(operation.entry);
        this.#serving(host).goAlone();
        done(null);
        return;
      case 'release':
        this.#release(host, done);
        return;
      case 'fence':
        serving?.abort();
        host.serving = null;
        this.#stopFollowing(host);
        done(null);
        return;
      case 'keepAside':
        if (host.disk.isFull) throw new Error('there is no room');
        host.disk.aside[operation.name] = [...host.disk.log];
        done({ note: operation.name });
        return;
      case 'follow':
        if (serving) throw new Error('this host serves the mirror: release or abort it before it follows');
        this.#stopFollowing(host);
        this.#endWhatIsLeft(host);
        host.following = new Following(
          this.#world,
          host,
          `s${String(this.#nextSession++)}`,
          operation.epoch,
          () => this.keepsUndo,
        );
        done({ endpoint: { session: host.following.id } });
        return;
      case 'unfollow':
        this.#stopFollowing(host);
        done(null);
        return;
    }
  }

  /** Nobody else uses the replica any more. */
  #endWhatIsLeft(host: Host): void {
    this.#ending.get(host)?.abort();
    this.#ending.delete(host);
  }

  #serving({ serving }: Host): ServingMirror {
    if (serving === null || serving.isOver) throw new Error('this host does not serve the mirror');
    return serving;
  }

  #stopFollowing(host: Host): void {
    host.following?.stop();
    host.following = null;
  }

  #serve(host: Host, epoch: number): void {
    if (host.serving) throw new Error('this host serves the mirror already');
    if (epoch < host.replica.epoch) throw new Error(`epoch ${String(epoch)} is over`);
    this.#stopFollowing(host);
    this.#endWhatIsLeft(host);
    const { consistent, restorable = false } = host.replica.value;
    if (!consistent && restorable) host.disk.rollBack(host.replica);
    if (!host.replica.value.consistent) throw new Error('a resync into this replica was not completed');
    host.serving = new Serving(this.#world, host, this.#setting);
  }

  #release(host: Host, done: (result: Result) => void): void {
    const { serving } = host;
    if (!serving) {
      this.#stopFollowing(host);
      done(null);
      return;
    }
    serving.release((failure) => {
      if (failure === null) host.serving = null;
      done(failure);
    });
  }

  /** Nothing of the server goes on for longer than what is returned, milliseconds. */
  #kill(host: Host): number {
    const { clock, random } = this.#world;
    if (!runsServer(host)) {
      host.server = 'stopped';
      return 0;
    }
    const isOverloaded = host.pausedUntil > 0 && clock.now - host.pausedUntil < overloadedMs;
    const takesMs = random.between(0, isOverloaded ? killOfOverloadedMs : killMs);
    this.#after(host, takesMs, () => {
      host.server = 'stopped';
    });
    return takesMs;
  }
}
