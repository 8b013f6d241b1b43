import { connectDatagram, sendLocal, close } from './libc.ts';

/** Tells the service manager how this program is (sd_notify(3)). What it cannot be told is no reason to stop. */
export class ServiceManager {
  readonly #socket: string | null;
  /** How often it wants a sign of life, milliseconds; null: not at all. */
  readonly aliveEveryMs: number | null;

  /** @param environment with NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, where a service manager has set them */
  constructor(environment: NodeJS.ProcessEnv) {
    this.#socket = environment['NOTIFY_SOCKET'] ?? null;
    const limitUs = Number(environment['WATCHDOG_USEC']);
    const isOurs = (environment['WATCHDOG_PID'] ?? String(process.pid)) === String(process.pid);
    // Two may be late.
    this.aliveEveryMs = this.#socket !== null && isOurs && limitUs > 0 ? Math.floor(limitUs / 3000) : null;
  }

  ready(): void {
    this.#tell('READY=1');
  }

  stopping(): void {
    this.#tell('STOPPING=1');
  }

  alive(): void {
    this.#tell('WATCHDOG=1');
  }

  #tell(message: string): void {
    if (this.#socket === null) return;
    try {
      const fd = connectDatagram(this.#socket);
      try {
        sendLocal(fd, Buffer.from(message));
      } finally {
        close(fd);
      }
    } catch {
      // It is not there: nobody waits for the message.
    }
  }
}
