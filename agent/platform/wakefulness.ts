import fs from 'node:fs';

/** Processors stay awake while a thread that serves I/O is asked at least so often: REQUESTS within WINDOW_MS. */
const REQUESTS = 32;
const WINDOW_MS = 100;

/** Whether processors are to stay awake for a thread, by how often it is asked. Times are milliseconds of any steady clock. */
export class BusyMeter {
  #since: number;
  #count = 0;
  #busy = false;

  constructor(now: number) {
    this.#since = now;
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** A request came. The clock is looked at once in {@link REQUESTS} calls. */
  note(clock: () => number): void {
    if (++this.#count < REQUESTS) return;
    this.#count = 0;
    const now = clock();
    this.#busy = now - this.#since <= WINDOW_MS;
    this.#since = now;
  }

  /** Nothing came for {@link WINDOW_MS}. */
  rest(): void {
    this.#count = 0;
    this.#busy = false;
  }
}

const DEVICE = '/dev/cpu_dma_latency';
/**
 * Exit latency that idle processors may have, microseconds. On a physical processor this leaves the lightest sleep (C1), which costs a
 * microsecond or two, and forbids the deep ones, which cost tens to hundreds.
 */
const LIGHT_SLEEP = 2;
/** A virtual machine that halts a processor gives it back to its host, which is never light: it has to poll instead. */
const NO_SLEEP = 0;

function allowedLatency(): number {
  try {
    const driver = fs.readFileSync('/sys/devices/system/cpu/cpuidle/current_driver', 'latin1').trim();
    return driver === 'haltpoll' ? NO_SLEEP : LIGHT_SLEEP;
  } catch {
    return LIGHT_SLEEP;
  }
}

/**
 * Keeps this machine's processors from deep sleep while a thread has much to do: by a request to the kernel's power management (PM QoS,
 * Documentation/power/pm_qos_interface.rst), which lives as long as its descriptor. A write to a mirror changes threads four times; each
 * waits for a processor to wake up.
 */
export class Wakefulness {
  readonly #meter = new BusyMeter(performance.now());
  readonly #clock = () => performance.now();
  #fd = -1;
  /** Since when there was no request, on the clock; 0 while it was not looked at. */
  #quietSince = 0;
  #possible: boolean;
  #paused = false;

  /** @param wanted false: does nothing */
  constructor(wanted: boolean) {
    this.#possible = wanted;
  }

  /** Whether it is to do anything from now on: what it has asked for ends at once, and is asked for anew when there is much to do. */
  want(wanted: boolean): void {
    if (!wanted) this.rest();
    this.#possible = wanted;
  }

  /** How long a thread may wait for its next request before it says {@link waited}, milliseconds; -1: for ever. */
  get waitMs(): number {
    return this.#fd >= 0 ? WINDOW_MS : -1;
  }

  /** The thread has a request. */
  note(): void {
    if (!this.#possible) return;
    this.#quietSince = 0;
    const was = this.#meter.busy;
    this.#meter.note(this.#clock);
    if (this.#meter.busy !== was) this.#set();
  }

  /** The thread has waited, whatever has ended that: what wakes it again and again need not be requests. */
  waited(): void {
    if (this.#fd < 0) return;
    const now = this.#clock();
    if (this.#quietSince === 0) this.#quietSince = now;
    else if (now - this.#quietSince >= WINDOW_MS) this.rest();
  }

  /** There is nothing to do. */
  rest(): void {
    this.#meter.rest();
    this.#set();
  }

  #set(): void {
    const { busy } = this.#meter;
    if (!busy) this.end();
    else if (this.#fd < 0) this.#begin();
  }

  /** The thread takes no request for a while, whoever has one. */
  pause(): void {
    this.#paused = true;
    this.end();
  }

  /** It takes requests again: as many as before, for all that is known. */
  goOn(): void {
    this.#paused = false;
    this.#quietSince = 0;
    this.#set();
  }

  #begin(): void {
    if (this.#paused || !this.#possible) return;
    try {
      this.#fd = fs.openSync(DEVICE, fs.constants.O_WRONLY);
      fs.writeSync(this.#fd, Buffer.from(Int32Array.of(allowedLatency()).buffer));
    } catch {
      // A kernel without power management of this kind, or a container that does not let it through: slower, not wrong.
      this.end();
      this.#possible = false;
    }
  }

  end(): void {
    if (this.#fd >= 0) fs.closeSync(this.#fd);
    this.#fd = -1;
  }
}
