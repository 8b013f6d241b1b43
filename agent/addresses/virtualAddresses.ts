import { setTimeout as delay } from 'node:timers/promises';
import { AddressError } from './addressError.ts';
import type { Interface } from './interfaces.ts';
import { readInterfaces } from './ipTool.ts';
import { announce, whoElseHas } from './neighbours.ts';
import { Placement, type HandedAddresses } from './placement.ts';
import {
  interfaceOf,
  isSame,
  isThere,
  leftOvers,
  LIFETIME_S,
  place,
  type HeldAddress,
  type Place,
  type VirtualAddress,
} from './plan.ts';

/** A host that has just lost the module lets go of its addresses. Where its agent stands still its kernel does, when their time is over. */
const patienceMs = (LIFETIME_S + 1) * 1000;
/** The others are not looked after meanwhile. */
const patienceBesideOthersMs = 4000;
const askAgainMs = 100;
/** Looks that follow soon after an address was set announce it again: a neighbour may have missed it, or have asked a moment before. */
const soonLooksMs: readonly number[] = [1000, 1000, 2000];
const lookMs = 3000;
/** Every so many looks an address is announced. */
const announceLooks = 10;

export interface VirtualAddressesOptions {
  readonly host: string;
  readonly addresses: readonly VirtualAddress[];
  readonly log: (level: 'info' | 'warn' | 'error', code: string, message: string) => void;
  /** Where addresses are set has changed. */
  readonly onChange: () => void;
}

/** The virtual addresses of one module on this host: sets and removes all of them, and sees to it that they stay. */
export class VirtualAddresses {
  #options: VirtualAddressesOptions;
  readonly #placement: Placement;
  /** Whether the server runs, or is about to: then they shall be there, also those that its file names only later. */
  #wanted = false;
  #held: readonly HeldAddress[] = [];
  /** Whatever is under way comes to nothing when they shall not be there any more. */
  #ended = new AbortController();
  #turn: Promise<unknown> = Promise.resolve();
  #underWay = 0;
  #timer: NodeJS.Timeout | null = null;
  #looks = 0;
  /** Interfaces whose cable is unplugged. */
  #silent: ReadonlySet<string> = new Set();
  /** What was told last of one that could not be set again. */
  readonly #told = new Map<string, string>();

  constructor(options: VirtualAddressesOptions) {
    this.#options = options;
    this.#placement = new Placement(options.host);
  }

  /** Those that are there, as they were last seen; the same object as long as nothing has changed. */
  get held(): readonly HeldAddress[] {
    return this.#held;
  }

  /** Whether there are all that the module has. */
  get areSet(): boolean {
    return this.#options.addresses.every(({ address }) => this.#held.some((each) => each.address === address));
  }

  /** False: none is set, and none is about to be, nor would be if the module had others. */
  get mayBeSet(): boolean {
    return this.#wanted || this.#placement.placed.length > 0 || this.#underWay > 0;
  }

  /** Before anything else: removes what an earlier life of the agent left. Says what would keep addresses from being set here. */
  async clear(): Promise<void> {
    const { addresses, host, log } = this.#options;
    if (addresses.length === 0) return;
    await this.#inTurn(async () => {
      const interfaces = await readInterfaces();
      for (const each of leftOvers(addresses, interfaces)) {
        await this.#placement.take(each);
        log(
          'warn',
          'ADDRESS_LEFT_OVER',
          `${each.address} was still set on ${each.interface} of ${host}: it is removed`,
        );
      }
      for (const each of addresses) {
        try {
          interfaceOf(each, host, interfaces);
        } catch (error) {
          log('warn', 'ADDRESS_NOT_SET', `${messageOf(error)}; until then the server cannot start on ${host}`);
        }
      }
    });
  }

  /** Resolves when all are set and announced. Rejects with an AddressError, and then none is. */
  async set(signal: AbortSignal): Promise<void> {
    this.#want();
    const { signal: ended } = this.#ended;
    await this.#inTurn(async () => {
      try {
        await this.#setAll(AbortSignal.any([signal, ended]));
      } catch (error) {
        // Another server may be about to run already.
        if (this.#ended.signal === ended) this.#wanted = false;
        await this.#removeAll();
        throw error;
      }
    });
  }

  /** Resolves when none is set any more, rejects when that could not be brought about. A {@link set} under way comes to nothing. */
  async remove(): Promise<void> {
    this.#wanted = false;
    this.#ended.abort(new Error('the virtual addresses are removed'));
    await this.#inTurn(() => this.#removeAll());
  }

  /** Another program takes the agent over within so many milliseconds, in which nobody looks after the addresses. Null: it is over. */
  async awaitAgent(limitMs: number | null): Promise<void> {
    await this.#inTurn(() => this.#placement.prolong(limitMs ?? 0));
  }

  /** For the program that takes the agent over; null: there is nothing to go on with. "busy": not in this moment. */
  handOver(): HandedAddresses | null | 'busy' {
    if (this.#underWay > 0) return 'busy';
    return this.#placement.handOver();
  }

  /** Goes on with what an earlier program of this process set, and with what the files say now. @param wanted whether the server runs */
  async adopt(handed: HandedAddresses | null, wanted: boolean): Promise<void> {
    const { addresses } = this.#options;
    if (wanted) this.#want();
    await this.#inTurn(async () => {
      if (handed) this.#placement.adopt(handed);
      if (this.#wanted) await this.#placement.keepOnly(addresses.map(({ address }) => address));
      else await this.#removeAll();
    }).catch((error: unknown) => this.#tell('', messageOf(error)));
    if (this.#wanted) this.#lookIn(0);
  }

  /** The module has others from now on. While its server runs, those that it has not any more are removed and new ones set; what stays, stays. */
  async change(addresses: readonly VirtualAddress[]): Promise<void> {
    const before = this.#options.addresses;
    this.#options = { ...this.#options, addresses };
    if (!this.#wanted && this.#underWay === 0) return;
    if (before.length === 0 && addresses.length === 0) return;
    await this.#inTurn(async () => {
      if (!this.#wanted) return;
      const interfaces = await readInterfaces();
      const isKept = (each: VirtualAddress): boolean =>
        before.some((old) => JSON.stringify(old) === JSON.stringify(each)) || this.#standsRight(each, interfaces);
      const kept = addresses.filter(isKept).map(({ address }) => address);
      const { host, log } = this.#options;
      for (const { address, interface: device } of this.#held) {
        if (!kept.includes(address)) log('info', 'ADDRESS_REMOVED', `${address} is removed from ${device} of ${host}`);
      }
      await this.#placement.keepOnly(kept);
      this.#note(this.#held.filter(({ address }) => kept.includes(address)));
      await this.#setMore(addresses.filter((each) => !isKept(each)));
    }).catch((error: unknown) => this.#tell('', messageOf(error)));
    if (this.#wanted) this.#lookIn(lookMs);
  }

  /** Another address of the host may stand on the same interface, and then the virtual one need not leave it. */
  #standsRight(wanted: VirtualAddress, interfaces: readonly Interface[]): boolean {
    const held = this.#placement.placed.find(({ address }) => address === wanted.address);
    try {
      return JSON.stringify(held) === JSON.stringify(place(wanted, this.#options.host, interfaces).placed);
    } catch {
      return false;
    }
  }

  /** Each by itself: one that another machine has keeps no other from being set. */
  async #setMore(addresses: readonly VirtualAddress[]): Promise<void> {
    const { host, log } = this.#options;
    const interfaces = await readInterfaces();
    for (const each of addresses) {
      try {
        const where = place(each, host, interfaces);
        await this.#untilFree(where, performance.now() + patienceBesideOthersMs, this.#ended.signal);
        await this.#put([where], this.#ended.signal);
        log('info', 'ADDRESS_SET', `${where.placed.address} is set on ${where.placed.interface} of ${host}`);
      } catch (error) {
        if (!this.#wanted) return;
        this.#tell(each.address, messageOf(error));
      }
    }
  }

  #want(): void {
    this.#wanted = true;
    this.#ended = new AbortController();
  }

  async #inTurn<T>(act: () => Promise<T>): Promise<T> {
    this.#underWay++;
    const done = this.#turn.then(act);
    this.#turn = done.catch(() => undefined);
    try {
      return await done;
    } finally {
      this.#underWay--;
    }
  }

  async #setAll(signal: AbortSignal): Promise<void> {
    const { addresses, host, log } = this.#options;
    signal.throwIfAborted();
    this.#looks = 0;
    // Most modules have none: nothing is asked for then that a host may not have.
    if (addresses.length === 0) return;
    const interfaces = await readInterfaces();
    const places = addresses.map((each) => place(each, host, interfaces));
    const end = performance.now() + patienceMs;
    await Promise.all(places.map((each) => this.#untilFree(each, end, signal)));
    await this.#put(places, signal);
    for (const { placed } of places) {
      log('info', 'ADDRESS_SET', `${placed.address} is set on ${placed.interface} of ${host}`);
    }
    this.#lookIn(soonLooksMs[0] ?? lookMs);
  }

  async #untilFree(where: Place, end: number, signal: AbortSignal): Promise<void> {
    let mac = await whoElseHas(where, signal);
    while (mac !== null && performance.now() < end) {
      await delay(askAgainMs, undefined, { signal });
      mac = await whoElseHas(where, signal);
    }
    if (mac === null) return;
    const { address } = where.placed;
    throw new AddressError(
      `another machine, with the hardware address ${mac}, has the virtual address ${address} (asked on ${where.on.name} of ${this.#options.host}): ` +
        `take it away from that machine, or give the module another one`,
      true,
    );
  }

  async #put(places: readonly Place[], signal: AbortSignal): Promise<void> {
    const fresh = places.map(({ placed }) => placed);
    await this.#placement.put(fresh, signal);
    for (const each of places) this.#announce(each);
    this.#note([...this.#held.filter((old) => !fresh.some((each) => isSame(each, old))), ...fresh]);
  }

  async #removeAll(): Promise<void> {
    const { host, log } = this.#options;
    if (this.#timer) clearTimeout(this.#timer);
    this.#told.clear();
    await this.#placement.takeAll();
    for (const { address, interface: device } of this.#held) {
      log('info', 'ADDRESS_REMOVED', `${address} is removed from ${device} of ${host}`);
    }
    this.#note([]);
  }

  #lookIn(ms: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      void this.#inTurn(() => this.#look()).catch((error: unknown) => this.#tell('', messageOf(error)));
    }, ms);
  }

  /** Sees whether they are there, and mends what is not. */
  async #look(): Promise<void> {
    const { addresses, host } = this.#options;
    // With the first one that comes the looks begin again.
    if (!this.#wanted || addresses.length === 0) return;
    this.#looks++;
    this.#lookIn(soonLooksMs[this.#looks] ?? lookMs);
    const interfaces = await readInterfaces();
    this.#note(
      addresses.flatMap(({ address }) => this.#placement.placed.filter((each) => each.address === address)),
      interfaces,
    );
    this.#placement.guardAgain();
    for (const each of addresses) {
      // They are to be removed, and that waits for its turn.
      if (!this.#wanted) return;
      try {
        const where = place(each, host, interfaces);
        if (isThere(where.placed, interfaces)) await this.#keep(where);
        else await this.#setAgain(where);
        this.#told.delete(each.address);
      } catch (error) {
        if (!this.#wanted) return;
        this.#tell(each.address, messageOf(error));
      }
    }
    this.#silent = new Set(interfaces.filter(({ hasCarrier }) => !hasCarrier).map(({ name }) => name));
  }

  async #keep(where: Place): Promise<void> {
    await this.#placement.renew(where.placed);
    const isBack = where.on.hasCarrier && this.#silent.has(where.on.name);
    if (isBack || this.#looks <= soonLooksMs.length || this.#looks % announceLooks === 0) this.#announce(where);
  }

  async #setAgain(where: Place): Promise<void> {
    const { address, interface: device } = where.placed;
    const { host, log } = this.#options;
    await this.#untilFree(where, 0, this.#ended.signal);
    await this.#put([where], this.#ended.signal);
    log('warn', 'ADDRESS_SET_AGAIN', `${address} was not on ${device} of ${host} any more: it is set again`);
  }

  #announce(where: Place): void {
    try {
      announce(where);
    } catch (error) {
      this.#tell(where.placed.address, `it cannot be announced: ${messageOf(error)}`);
    }
  }

  #tell(address: string, problem: string): void {
    if (this.#told.get(address) === problem) return;
    this.#told.set(address, problem);
    this.#options.log('error', 'ADDRESS_NOT_SET', problem);
  }

  #note(placed: readonly HeldAddress[], interfaces: readonly Interface[] | null = null): void {
    const held = placed
      .filter((each) => interfaces === null || isThere(each, interfaces))
      .map(({ address, interface: device }) => ({ address, interface: device }));
    if (JSON.stringify(held) === JSON.stringify(this.#held)) return;
    this.#held = held;
    this.#options.onChange();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
