import type { Host } from './host.ts';
import { later, type Surroundings } from './surroundings.ts';

/** The server of the module on its two hosts: it starts, stops and dies as it is told. */
export class Servers {
  readonly #world: Surroundings;
  /** On this host it dies a moment after each start; null: on none. */
  crashesOn: string | null = null;

  constructor(world: Surroundings) {
    this.#world = world;
  }

  start(host: Host): void {
    const { pace, feed } = this.#world;
    host.server = 'starting';
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
    host.server = wasThere ? 'stopping' : 'stopped';
    this.#world.trace.look(host);
    later(this.#world, host, wasThere ? pace.stopMs : 1, () => {
      if (wasThere && host.server !== 'stopping') return;
      host.server = 'stopped';
      if (wasThere) this.#turn(host, 'stops');
      feed(host, { type: 'serverStopped', how: 'graceful' });
    });
  }

  /** It ends by itself. */
  crash(host: Host): void {
    if (host.server !== 'running') return;
    host.server = 'stopped';
    this.#turn(host, 'dies');
    this.#world.feed(host, { type: 'serverFailed', reason: 'the server ended by itself', lasting: false });
  }

  /** @param done nothing of it is left */
  kill(host: Host, done: () => void): void {
    const { pace } = this.#world;
    const wasThere = host.hasServer || host.server === 'orphaned';
    if (!wasThere) {
      host.server = 'stopped';
      done();
      return;
    }
    host.server = 'ending';
    this.#world.trace.look(host);
    later(this.#world, host, pace.killMs, () => {
      host.server = 'stopped';
      this.#turn(host, 'killed');
      done();
    });
  }

  /** Its host loses power. */
  powerIsGone(host: Host): void {
    const wasThere = host.server !== 'stopped';
    host.server = 'stopped';
    if (wasThere) this.#turn(host, 'power');
  }

  /** Nobody is there any more who could end it, and nothing that it writes counts. */
  isOrphaned(host: Host): void {
    if (host.server !== 'stopped') host.server = 'orphaned';
    this.#world.trace.look(host);
  }

  #turn(host: Host, turn: Parameters<Surroundings['trace']['turn']>[1]): void {
    this.#world.trace.turn(host, turn);
    this.#world.trace.look(host);
  }
}
