import { ByteReader } from '../../../agent/mirror/link/bytes.ts';
import { ToFollower, ToPrimary } from '../../../agent/mirror/link/protocol.ts';
import type { FrameHeader } from '../../../agent/mirror/link/sealer.ts';
import type { ReplicaWork, WorkPort } from '../../../agent/mirror/replica/replicaWork.ts';
import { Violation } from '../checker.ts';
import type { Host } from '../host.ts';
import { otherThan, type Surroundings } from '../surroundings.ts';
import type { SentZone } from './copy.ts';
import { PowerLoss } from './powerLoss.ts';

interface Process {
  readonly keepsUndo: () => boolean;
  /** Happens only as long as the session goes on. */
  readonly afterFlush: (run: () => void) => void;
  readonly flushed: (number: number) => void;
}

/** What the frames of a session do to a simulated disk. */
export class FollowingWork implements ReplicaWork {
  readonly #world: Surroundings;
  readonly #host: Host;
  readonly #port: WorkPort;
  readonly #process: Process;
  #isFull = false;
  #isSpoiled = false;

  constructor(world: Surroundings, host: Host, port: WorkPort, process: Process) {
    this.#world = world;
    this.#host = host;
    this.#port = port;
    this.#process = process;
  }

  settleFor(): void {
    // Nothing is stored later than its frame.
  }

  mutations(payload: Buffer): void {
    if (this.#port.isResyncing()) this.#spoil();
    this.#host.disk.put(new ByteReader(payload).size(), true);
  }

  flush(number: number, payload: Buffer): boolean {
    const write = new ByteReader(payload).size();
    this.#process.afterFlush(() => {
      this.#host.disk.flush([write]);
      this.#process.flushed(number);
    });
    return true;
  }

  flushed(): null {
    return null;
  }

  begin(full: boolean): void {
    this.#isFull = full;
    this.#isSpoiled = false;
  }

  step({ type }: FrameHeader, payload: Buffer): boolean {
    const { disk } = this.#host;
    if (type === ToFollower.directory) {
      const zones = this.#isFull ? disk.log : disk.marks;
      this.#port.send(ToPrimary.directoryCompared, Buffer.from(JSON.stringify([...zones])));
    } else if (type === ToFollower.content) {
      const { zone, isThere } = JSON.parse(payload.toString('utf8')) as SentZone;
      // What is there, and lost, is only seen to be there.
      if (disk.log.has(zone) === isThere && !disk.lost.has(zone)) return true;
      this.#spoil();
      disk.put(zone, isThere);
    } else return false;
    return true;
  }

  /** Before the first change the record says that this replica is none; what it was is kept. A later resync goes on from that. */
  #spoil(): void {
    if (this.#isSpoiled) return;
    const { disk, replica } = this.#host;
    const { consistent, restorable = false, lineage } = replica.value;
    const primary = otherThan(this.#world, this.#host);
    this.#world.checker.overwrites(primary, this.#host);
    if (this.#process.keepsUndo() && consistent && lineage.length > 0) {
      disk.flushAll();
      disk.undo = new Set(disk.log);
    } else if (!this.#process.keepsUndo() || !restorable) disk.undo = null;
    if (consistent || restorable) replica.update({ consistent: false, restorable: disk.undo !== null });
    this.#isSpoiled = true;
  }

  enterStep(): void {
    this.#world.checker.inStep(otherThan(this.#world, this.#host), this.#host);
  }

  finished(): void {
    // Nothing is open.
  }

  end(): void {
    // Nothing is open.
  }

  reasonOf(error: unknown): string {
    if (error instanceof PowerLoss || error instanceof Violation) throw error;
    return error instanceof Error ? error.message : String(error);
  }
}
