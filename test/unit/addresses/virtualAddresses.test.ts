import { existsSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { AddressError } from '../../../agent/addresses/addressError.ts';
import { AddressGuard } from '../../../agent/addresses/guard.ts';
import type { VirtualAddress } from '../../../agent/addresses/plan.ts';
import { VirtualAddresses } from '../../../agent/addresses/virtualAddresses.ts';
import { close, pipe } from '../../../agent/platform/libc.ts';
import { noNetwork, TwoMachines, until } from './twoMachines.ts';

const never = new AbortController().signal;
const v4: VirtualAddress = {
  address: '10.9.0.100',
  prefixLength: 24,
  place: { kind: 'network', name: 'lan', hostAddress: '10.9.0.1' },
};
const v6: VirtualAddress = { address: 'fd09::100', prefixLength: 64, place: { kind: 'interface', name: 'lan0' } };

describe.skipIf(noNetwork !== null)('virtual addresses', () => {
  let machines: TwoMachines;
  let log: string[] = [];
  const made: VirtualAddresses[] = [];

  beforeAll(async () => {
    machines = await TwoMachines.create();
  });
  afterAll(() => machines.end());
  afterEach(async () => {
    vi.useRealTimers();
    for (const each of made.splice(0)) await each.remove();
    log = [];
  });

  function make(...addresses: VirtualAddress[]): VirtualAddresses {
    const all = new VirtualAddresses({
      host: 'alpha',
      addresses,
      log: (level, code, message) => log.push(`${level} ${code} ${message}`),
      onChange: () => undefined,
    });
    made.push(all);
    return all;
  }

  const isSet = async (address: string): Promise<boolean> =>
    (await machines.ip('-oneline address show')).includes(` ${address}/`);

  it('are reached by others while they are set, of both kinds, and not afterwards', async () => {
    const addresses = make(v4, v6);
    expect(addresses.areSet).toBe(false);
    await addresses.set(never);
    expect(addresses.areSet).toBe(true);
    expect(addresses.held).toEqual([
      { address: '10.9.0.100', interface: 'lan0' },
      { address: 'fd09::100', interface: 'lan0' },
    ]);
    expect(await machines.reaches('10.9.0.100')).toBe(true);
    expect(await machines.reaches('fd09::100')).toBe(true);
    await addresses.remove();
    expect(addresses.held).toEqual([]);
    expect(await machines.reaches('10.9.0.100')).toBe(false);
    expect(await machines.reaches('fd09::100')).toBe(false);
    expect(await isSet('10.9.0.1')).toBe(true);
    expect(await isSet('fd09::1')).toBe(true);
  });

  it('are not what the host itself speaks from', async () => {
    const before = [await machines.ip('-4 route get 10.9.0.2'), await machines.ip('-6 route get fd09::2')];
    await make(v4, v6).set(never);
    expect([await machines.ip('-4 route get 10.9.0.2'), await machines.ip('-6 route get fd09::2')]).toEqual(before);
    expect(before[0]).toContain('src 10.9.0.1');
    expect(before[1]).toContain('src fd09::1');
  });

  it('are announced: who knew them elsewhere sends to this machine at once', async () => {
    for (const address of ['10.9.0.100', 'fd09::100']) {
      await machines.ipThere(`neigh replace ${address} lladdr 02:00:00:00:00:99 dev eth0 nud stale`);
    }
    await make(v4, v6).set(never);
    const mac = await machines.mac();
    await until(async () => (await machines.neighbourThere('10.9.0.100')) === mac);
    await until(async () => (await machines.neighbourThere('fd09::100')) === mac);
  });

  it('are not set when another machine has one of them, which is named', async () => {
    const notSet = async (like: VirtualAddress, address: string, other: VirtualAddress): Promise<void> => {
      const addresses = make(other, { ...like, address });
      const failure = await addresses.set(never).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(AddressError);
      expect(failure).toMatchObject({ lasting: true });
      expect((failure as Error).message).toMatch(
        new RegExp(
          `another machine, with the hardware address ${TwoMachines.otherMac}, has the virtual address ${address}`,
        ),
      );
      expect(addresses.held).toEqual([]);
      expect(await isSet(other.address)).toBe(false);
    };
    await Promise.all([notSet(v4, '10.9.0.2', v6), notSet(v6, 'fd09::2', v4)]);
  });

  it('wait for a machine that is just about to let go of one', async () => {
    await machines.ipThere('address add 10.9.0.100/32 dev eth0');
    const set = make(v4).set(never);
    await machines.ipThere('address del 10.9.0.100/32 dev eth0');
    await set;
    expect(await isSet('10.9.0.100')).toBe(true);
  });

  it('wait for a machine whose agent stands still: its kernel removes them', async () => {
    await machines.ipThere('address add 10.9.0.100/32 dev eth0 valid_lft 6 preferred_lft 0');
    await make(v4).set(never);
    expect(await isSet('10.9.0.100')).toBe(true);
  });

  it('are set again when somebody removes them, which the log tells', async () => {
    await make(v4, v6).set(never);
    await machines.ip('address del 10.9.0.100/32 dev lan0');
    await machines.ip('address del fd09::100/128 dev lan0');
    await until(() => isSet('10.9.0.100'));
    await until(() => isSet('fd09::100'));
    await until(() => Promise.resolve(log.filter((line) => line.includes('ADDRESS_SET_AGAIN')).length === 2));
  });

  it('follow the address of the host: they stay where its new one is on their interface, and move to another one', async () => {
    const by = (hostAddress: string): VirtualAddress => ({
      ...v4,
      place: { kind: 'network', name: 'lan', hostAddress },
    });
    const addresses = make(v4);
    await addresses.set(never);
    log = [];
    await machines.ip('address add 10.9.0.7/24 dev lan0');
    await addresses.change([by('10.9.0.7')]);
    expect(log).toEqual([]);
    expect(await machines.reaches('10.9.0.100')).toBe(true);
    await machines.ip('address del 10.9.0.7/24 dev lan0');
    await machines.ip('link add lan1 type veth peer name lan2');
    try {
      for (const end of ['lan1', 'lan2']) await machines.ip(`link set ${end} up`);
      await machines.ip('address add 10.9.1.1/24 dev lan1');
      await addresses.change([by('10.9.1.1')]);
      expect(addresses.held).toEqual([{ address: '10.9.0.100', interface: 'lan1' }]);
      expect(log).toEqual([
        'info ADDRESS_REMOVED 10.9.0.100 is removed from lan0 of alpha',
        'info ADDRESS_SET 10.9.0.100 is set on lan1 of alpha',
      ]);
    } finally {
      await addresses.remove();
      await machines.ip('link del lan1');
    }
  });

  it('are removed when the agent ends without a word', async () => {
    await machines.ip('address add 10.9.0.100/32 dev lan0');
    await machines.ip('address add fd09::100/128 dev lan0 nodad');
    const placed = ['10.9.0.100', 'fd09::100'].map((address) => ({ address, interface: 'lan0', subnet: null }));
    const { fd } = AddressGuard.start(placed).handOver();
    expect(await isSet('10.9.0.100')).toBe(true);
    // As the kernel does at the end of the agent's process.
    close(fd);
    await until(async () => !(await isSet('10.9.0.100')) && !(await isSet('fd09::100')));
  });

  it('that an earlier life left are removed before anything else; those that others set stay', async () => {
    await machines.ip('address add 10.9.0.100/32 dev lan0 valid_lft 60 preferred_lft 0');
    await machines.ip('address add fd09::100/64 dev lan0 nodad');
    const addresses = make(v4, v6);
    await addresses.clear();
    expect(await isSet('10.9.0.100')).toBe(false);
    expect(log).toEqual([
      expect.stringMatching(/^warn ADDRESS_LEFT_OVER 10\.9\.0\.100 was still set on lan0 of alpha/),
    ]);
    await expect(addresses.set(never)).rejects.toThrow(
      /fd09::100 is an address of alpha itself already \(lan0\).*ip address del fd09::100\/64 dev lan0/,
    );
    expect(await isSet('10.9.0.100')).toBe(false);
    await machines.ip('address del fd09::100/64 dev lan0');
  });

  /** For how long those that are set have to live, as the kernel counts it. */
  const seconds = async (): Promise<number[]> =>
    [...(await machines.ip('address show dev lan0')).matchAll(/valid_lft ([0-9]+)sec preferred_lft 0sec/g)].map(
      ([, left]) => Number(left),
    );

  it('are told to live on before their time is over, and announced again every half minute', async () => {
    // The agent's looks come when they are told to; what they do is seen on the wire and by the kernel's own clock.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const addresses = make(v4, v6);
    await addresses.set(never);
    const look = async (afterMs: number): Promise<void> => {
      vi.advanceTimersByTime(afterMs);
      await until(() => Promise.resolve(addresses.handOver() !== 'busy'));
    };
    await until(async () => (await seconds()).every((left) => left <= 10));
    expect(await seconds()).toHaveLength(2);
    await look(1000);
    expect((await seconds()).every((left) => left > 10)).toBe(true);
    // The first looks follow soon, and announce them, too.
    await look(1000);
    await look(2000);

    const [mac, elsewhere] = [await machines.mac(), '02:00:00:00:00:99'];
    const known = async (): Promise<string[]> => [
      await machines.neighbourThere('10.9.0.100'),
      await machines.neighbourThere('fd09::100'),
    ];
    for (const address of ['10.9.0.100', 'fd09::100']) {
      await machines.ipThere(`neigh replace ${address} lladdr ${elsewhere} dev eth0 nud stale`);
    }
    for (let count = 4; count < 10; count += 1) await look(3000);
    expect(await known()).toEqual([elsewhere, elsewhere]);
    await look(3000);
    await until(async () => (await known()).every((each) => each === mac));
    expect(log.filter((line) => line.includes('ADDRESS_SET_AGAIN'))).toEqual([]);
  });

  it('do not stay for ever when nobody looks after them; longer when another program takes the agent over', async () => {
    const addresses = make(v4, v6);
    await addresses.set(never);
    expect((await seconds()).every((left) => left <= 12)).toBe(true);
    await addresses.awaitAgent(20_000);
    expect((await seconds()).every((left) => left > 25 && left <= 32)).toBe(true);
    await addresses.awaitAgent(null);
    expect((await seconds()).every((left) => left <= 12)).toBe(true);
    expect(await seconds()).toHaveLength(2);
  });

  it('in a subnet that the host has no other address in make it reach that', async () => {
    await machines.ipThere('address add 10.10.0.2/24 dev eth0');
    await machines.ipThere('address add fd10::2/64 dev eth0 nodad');
    const place = { kind: 'interface', name: 'lan0' } as const;
    const addresses = make(
      { address: '10.10.0.100', prefixLength: 24, place },
      { address: 'fd10::100', prefixLength: 64, place },
    );
    await addresses.set(never);
    expect(await machines.reaches('10.10.0.100')).toBe(true);
    expect(await machines.reaches('fd10::100')).toBe(true);
    await addresses.remove();
    expect(await machines.ip('-4 route')).not.toContain('10.10.');
    expect(await machines.ip('-6 route')).not.toContain('fd10:');
  });

  it('say what to do when their interface is not there, or is switched off', async () => {
    const nowhere = make({ ...v4, place: { kind: 'interface', name: 'br7' } });
    await nowhere.clear();
    expect(log.join()).toMatch(/ADDRESS_NOT_SET alpha has no interface br7.*make it, or name another one/);
    await expect(nowhere.set(never)).rejects.toMatchObject({ lasting: false });
    const unnamed = make({ ...v4, place: { kind: 'network', name: 'lan', hostAddress: '10.9.7.7' } });
    await expect(unnamed.set(never)).rejects.toThrow(
      /no interface of alpha has its address 10\.9\.7\.7 in the network lan/,
    );
    await machines.ip('link add off0 type bridge');
    const off = make({ ...v4, place: { kind: 'interface', name: 'off0' } });
    await expect(off.set(never)).rejects.toThrow(/switched off: ip link set off0 up/);
    await machines.ip('link del off0');
  });

  it('that are removed while they are being set are not there', async () => {
    const addresses = make(v4, v6);
    const set = addresses.set(never).then(
      () => 'set',
      () => 'given up',
    );
    await addresses.remove();
    expect(await set).toBe('given up');
    expect(await isSet('10.9.0.100')).toBe(false);
    expect(await isSet('fd09::100')).toBe(false);
  });

  it('go on under another program of the agent, which takes away what its file does not name any more', async () => {
    await machines.ip('address add 10.9.0.100/32 dev lan0 valid_lft 40 preferred_lft 0');
    await machines.ip('address add fd09::100/128 dev lan0 nodad valid_lft 40 preferred_lft 0');
    const placed = ['10.9.0.100', 'fd09::100'].map((address) => ({ address, interface: 'lan0', subnet: null }));
    const guard = { pid: await machines.child(), fd: pipe().writeFd };
    const third = { ...v4, address: '10.9.0.101' };
    const after = make(v4, third);
    await after.adopt({ guard, placed }, true);
    expect(await isSet('10.9.0.100')).toBe(true);
    expect(await isSet('fd09::100')).toBe(false);
    await until(() => Promise.resolve(after.areSet));
    expect(await machines.reaches('10.9.0.101')).toBe(true);
    // The guard that the earlier program started has nothing to do any more.
    await until(() => Promise.resolve(!existsSync(`/proc/${String(guard.pid)}`)));
    await after.remove();
    expect(await isSet('10.9.0.100')).toBe(false);
  });

  it('that are the first ones of a server that runs already are set at once, and those that follow when it has none any more', async () => {
    const addresses = make();
    await addresses.set(never);
    expect(addresses.areSet).toBe(true);
    await addresses.change([v4]);
    expect(log).toEqual(['info ADDRESS_SET 10.9.0.100 is set on lan0 of alpha']);
    expect(addresses.areSet).toBe(true);
    expect(await machines.reaches('10.9.0.100')).toBe(true);
    await addresses.change([]);
    expect(await isSet('10.9.0.100')).toBe(false);
    await addresses.change([v6]);
    expect(addresses.areSet).toBe(true);
    expect(await machines.reaches('fd09::100')).toBe(true);
  });

  it('are looked after when they came to a server that had none', async () => {
    const addresses = make();
    await addresses.set(never);
    await addresses.change([v4]);
    await machines.ip('address del 10.9.0.100/32 dev lan0');
    await until(() => isSet('10.9.0.100'));
  });

  it('that come when the server of a module without any has ended are not set', async () => {
    const addresses = make();
    expect(addresses.mayBeSet).toBe(false);
    await addresses.set(never);
    // Otherwise nobody would say that it has ended.
    expect(addresses.mayBeSet).toBe(true);
    await addresses.remove();
    expect(addresses.mayBeSet).toBe(false);
    await addresses.change([v4]);
    expect(await isSet('10.9.0.100')).toBe(false);
    expect(log).toEqual([]);
  });

  it('that are the first ones after another program has taken a server without any over are set at once', async () => {
    const after = make();
    await after.adopt(null, true);
    await after.change([v4]);
    expect(after.areSet).toBe(true);
    expect(await machines.reaches('10.9.0.100')).toBe(true);
    const ended = make();
    await ended.adopt(null, false);
    await ended.change([v6]);
    expect(await isSet('fd09::100')).toBe(false);
  });

  it('are looked after in the next life of the server, although the one before ended while they were being set', async () => {
    const addresses = make(v4);
    const given = addresses.set(never).catch(() => undefined);
    const removed = addresses.remove();
    await addresses.set(never);
    await Promise.all([given, removed]);
    await machines.ip('address del 10.9.0.100/32 dev lan0');
    await until(() => isSet('10.9.0.100'));
  });
});
