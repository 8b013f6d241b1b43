import type { ResolvedModule } from '../../schemas/defaults.ts';
import type { Host } from './host.ts';
import { later, type Surroundings } from './surroundings.ts';

/** How often a script looks whether the server is alive, milliseconds; null: none does. */
export function aliveEveryMs({ server }: Pick<ResolvedModule, 'server'>): number | null {
  return server.kind === 'scripts' && server.check !== null ? server.checkIntervalMs : null;
}

/** The server of the module on its two hosts: it starts, stops and dies as it is told. */
export class Servers {
  readonly #world: Surroundings;
  /** On this host it dies a moment after each start; null: on none. */
  crashesOn: string | null = null;

  constructor(world: Surroundings) {
    this.#world = world;
  }

  start(host: Host): void {
    const { pace } = this.#world;
    host.server = 'starting';
    host.hasDied = false;
    if (pace.addressMs === 0) {
      this.#begins(host);
      return;
    }
    this.#world.trace.look(host);
    later(this.#world, host, pace.addressMs, () => {
      if (host.server === 'starting') this.#begins(host);
    });
  }

  #begins(host: Host): void {
    const { pace, feed } = this.#world;
    this.#turn(host, 'starts');
    later(this.#world, host, pace.startMs, () => {
      if (host.server !== 'starting') return;
      host.server = 'running';
      feed(host, { type: 'serverRunning' });
      if (this.crashesOn === host.name) later(this.#world, host, 10 * pace.startMs, () => this.crash(host));
    });
  }

  stop(host: Host): void {
    const { pace, feed } = this.#world;
    const wasThere = host.hasServer;
    // The script is run as well where there is nothing left to stop.
    const isAsked = wasThere || host.hasDied;
    host.server = isAsked ? 'stopping' : 'stopped';
    this.#world.trace.look(host);
    later(this.#world, host, isAsked ? pace.stopMs : 1, () => {
      if (isAsked && host.server !== 'stopping') return;
      this.#isGone(host);
      if (wasThere) this.#turn(host, 'stops');
      feed(host, { type: 'serverStopped', how: 'graceful' });
    });
  }

  /** It ends by itself. QEMU is seen to end; of what scripts have started only a script that looks for it knows. */
  crash(host: Host): void {
    const { serverKind, aliveEveryMs: everyMs, pace } = this.#world;
    if (host.server !== 'running' || host.hasDied) return;
    if (serverKind === 'qemu') {
      host.server = 'stopped';
      this.#turn(host, 'dies');
      this.#failed(host);
      return;
    }
    host.hasDied = true;
    this.#turn(host, 'dies');
    if (everyMs !== null) later(this.#world, host, (1 - pace.phase) * everyMs, () => this.#isMissed(host));
  }

  /** What may be left of it is stopped before anybody is told. */
  #isMissed(host: Host): void {
    if (!host.hasDied || host.server !== 'running') return;
    host.server = 'stopping';
    later(this.#world, host, this.#world.pace.stopMs, () => {
      if (!host.hasDied || host.server !== 'stopping') return;
      this.#isGone(host);
      this.#failed(host);
    });
  }

  #failed(host: Host): void {
    this.#world.feed(host, { type: 'serverFailed', reason: 'the server ended by itself', lasting: false });
  }

  #isGone(host: Host): void {
    host.server = 'stopped';
    host.hasDied = false;
  }

  /** @param done nothing of it is left */
  kill(host: Host, done: () => void): void {
    const { pace } = this.#world;
    const wasThere = host.hasServer || host.server === 'orphaned';
    if (!wasThere && !host.hasDied) {
      host.server = 'stopped';
      done();
      return;
    }
    host.server = 'ending';
    this.#world.trace.look(host);
    later(this.#world, host, pace.killMs, () => {
      this.#isGone(host);
      if (wasThere) this.#turn(host, 'killed');
      done();
    });
  }

  /** Its host loses power. */
  powerIsGone(host: Host): void {
    const wasThere = host.hasAnyServer;
    this.#isGone(host);
    if (wasThere) this.#turn(host, 'power');
  }

  /** Nobody is there any more who could end it, and nothing that it writes counts. */
  isOrphaned(host: Host): void {
    if (host.hasAnyServer) host.server = 'orphaned';
    else this.#isGone(host);
    this.#world.trace.look(host);
  }

  #turn(host: Host, turn: Parameters<Surroundings['trace']['turn']>[1]): void {
    this.#world.trace.turn(host, turn);
    this.#world.trace.look(host);
  }
}
