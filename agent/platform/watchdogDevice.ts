import fs from 'node:fs';
import path from 'node:path';
import { ioctl } from './libc.ts';

/** Of linux/watchdog.h. */
const WDIOC_GETSUPPORT = 0x80285700;
const WDIOC_SETTIMEOUT = 0xc0045706;
const WDIOF_MAGICCLOSE = 0x0100;
/** struct watchdog_info: options, firmware version, identity. */
const infoBytes = 40;
const identityAt = 8;
/** Written before it is closed, this stops the watchdog; anything else feeds it. */
const magicClose = Buffer.from('V');
const food = Buffer.from([0]);

/**
 * A watchdog of the kernel (Documentation/watchdog/watchdog-api.rst): it resets the machine unless it is fed again and again. It runs from the
 * moment in which it is opened, and on after a close that was not announced.
 */
export class WatchdogDevice {
  /** What the hardware calls itself; null: it does not tell. */
  readonly identity: string | null;
  /** How long it waits for food; null: it takes no other time than its own, which is not known. */
  readonly timeoutMs: number | null;
  /** Whether {@link close} stops it. */
  readonly canBeStopped: boolean;
  readonly #fd: number;

  private constructor(file: string, fd: number, timeoutMs: number) {
    this.#fd = fd;
    const info = Buffer.alloc(infoBytes);
    const hasInfo = attempt(() => ioctl(fd, WDIOC_GETSUPPORT, info, 'WDIOC_GETSUPPORT'));
    const text = info.subarray(identityAt).toString('latin1').replace(/\0.*$/s, '');
    this.identity = hasInfo && text !== '' ? text : null;
    const seconds = Buffer.alloc(4);
    seconds.writeInt32LE(Math.ceil(timeoutMs / 1000));
    // The driver answers with what it has made of it.
    const isSet = attempt(() => ioctl(fd, WDIOC_SETTIMEOUT, seconds, 'WDIOC_SETTIMEOUT'));
    this.timeoutMs = isSet ? seconds.readInt32LE() * 1000 : null;
    this.canBeStopped =
      (!hasInfo || (info.readUInt32LE(0) & WDIOF_MAGICCLOSE) !== 0) && sysfs(file, 'nowayout') !== '1';
  }

  /** Opens and so starts it. @throws with `code` EBUSY when another program holds it */
  static open(file: string, timeoutMs: number): WatchdogDevice {
    const fd = fs.openSync(file, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
    try {
      return new WatchdogDevice(file, fd, timeoutMs);
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
  }

  /** Whether it runs already: somebody has opened it and did not stop it. */
  static isRunning(file: string): boolean {
    return sysfs(file, 'state') === 'active';
  }

  feed(): void {
    fs.writeSync(this.#fd, food);
  }

  /** Stops it, if it can be stopped. */
  close(): void {
    fs.writeSync(this.#fd, magicClose);
    fs.closeSync(this.#fd);
  }
}

function attempt(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch {
    return false;
  }
}

/** `/dev/watchdog` is the first one. */
function sysfs(file: string, attribute: string): string | null {
  const name = path.basename(file) === 'watchdog' ? 'watchdog0' : path.basename(file);
  try {
    return fs.readFileSync(`/sys/class/watchdog/${name}/${attribute}`, 'latin1').trim();
  } catch {
    return null;
  }
}
