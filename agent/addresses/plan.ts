import { longestPrefix, parseIpAddress, sharePrefix, type IpAddress } from '../../schemas/ipAddress.ts';
import { AddressError } from './addressError.ts';
import type { Interface, InterfaceAddress } from './interfaces.ts';

/** A virtual address as a module's file says it. */
export interface VirtualAddress {
  readonly address: string;
  readonly prefixLength: number;
  readonly place:
    | { readonly kind: 'interface'; readonly name: string }
    /** The interface that has this host's own address of a network. */
    | { readonly kind: 'network'; readonly name: string; readonly hostAddress: string };
}

/** Where a virtual address is on this host. */
export interface HeldAddress {
  readonly address: string;
  readonly interface: string;
}

/** An address that is set on this host, or is about to be. */
export interface PlacedAddress extends HeldAddress {
  /** A subnet that this host reaches only through the address. */
  readonly subnet: string | null;
}

/** Where an address belongs, and the interface as it is now. */
export interface Place {
  readonly placed: PlacedAddress;
  readonly on: Interface;
}

/**
 * Without a word from the agent the kernel removes an address after this long: should everything die that would remove it, or stand still. Several
 * times as long as the agent needs for another word on a busy machine.
 */
export const LIFETIME_S = 12;

/** Routes through virtual addresses come after all that the host has of its own. */
const ROUTE_METRIC = '4096';

/** Where an address belongs on this host. Throws an AddressError when it cannot be set now. */
export function place(wanted: VirtualAddress, host: string, interfaces: readonly Interface[]): Place {
  const { address: text, prefixLength } = wanted;
  const address = addressOf(text);
  for (const each of interfaces) {
    const own = each.addresses.find((candidate) => candidate.address.canonical === address.canonical);
    if (own && !isVirtual(own)) {
      throw new AddressError(
        `the virtual address ${text} is an address of ${host} itself already (${each.name}), not set by the agent: ` +
          `remove it there (ip address del ${text}/${String(own.prefixLength)} dev ${each.name}), or choose another one`,
        true,
      );
    }
  }
  const found = interfaceOf(wanted, host, interfaces);
  if (!found.isUp) {
    throw new AddressError(
      `the interface ${found.name} of ${host}, for the virtual address ${text}, is switched off: ip link set ${found.name} up`,
      false,
    );
  }
  const reaches = found.addresses.some(
    (each) =>
      !isVirtual(each) && each.prefixLength <= prefixLength && sharePrefix(each.address, address, each.prefixLength),
  );
  const isSubnet = prefixLength < longestPrefix(text) && found.hasNeighbours;
  const subnet = isSubnet && !reaches ? `${text}/${String(prefixLength)}` : null;
  return { placed: { address: text, interface: found.name, subnet }, on: found };
}

/** The one that the module's file means. Throws an AddressError when it is not there. */
export function interfaceOf(
  { address, place: where }: VirtualAddress,
  host: string,
  interfaces: readonly Interface[],
): Interface {
  const found =
    where.kind === 'interface'
      ? interfaces.find(({ name }) => name === where.name)
      : interfaces.find(({ addresses }) => addresses.some((each) => isSpelled(each.address, where.hostAddress)));
  if (found) return found;
  throw new AddressError(
    where.kind === 'interface'
      ? `${host} has no interface ${where.name}, for the virtual address ${address}: make it, or name another one`
      : `no interface of ${host} has its address ${where.hostAddress} in the network ${where.name}, for the virtual address ${address}: set it, or name an interface`,
    false,
  );
}

/** Whether it is there as the agent sets it: for itself, and not for ever. */
export function isVirtual({ address, prefixLength, expires }: InterfaceAddress): boolean {
  return expires && prefixLength === (address.version === 4 ? 32 : 128);
}

/** Of all that an earlier life of the agent may have left: where the virtual addresses are set. */
export function leftOvers(
  wanted: readonly VirtualAddress[],
  interfaces: readonly Interface[],
): readonly PlacedAddress[] {
  return interfaces.flatMap((each) =>
    wanted
      .filter(({ address }) => each.addresses.some((own) => isVirtual(own) && isSpelled(own.address, address)))
      .map(({ address }) => ({ address, interface: each.name, subnet: null })),
  );
}

/** Whether two are one address at one place. */
export function isSame(a: HeldAddress, b: HeldAddress): boolean {
  return a.address === b.address && a.interface === b.interface;
}

/** Whether an address is set where it shall be. */
export function isThere(placed: HeldAddress, interfaces: readonly Interface[]): boolean {
  const found = interfaces.find(({ name }) => name === placed.interface);
  return found?.addresses.some((each) => isSpelled(each.address, placed.address)) ?? false;
}

/**
 * The arguments of `ip` that set it, or let it live on. Alone in its subnet (/32, /128): so no address of the host comes to depend on it, and
 * none of the kernel's routes. "Deprecated" (preferred_lft 0): so the host does not take it for connections of its own. IPv6: we have
 * asked already whether somebody has it.
 */
export function setArguments({ address, interface: device }: PlacedAddress, lifetimeS: number): readonly string[] {
  const life = ['valid_lft', String(lifetimeS), 'preferred_lft', '0'];
  const more = address.includes(':') ? ['nodad', 'noprefixroute'] : [];
  return ['address', 'replace', asSingle(address), 'dev', device, ...life, ...more];
}

/** The arguments of `ip` for the route to a subnet that is reached through the address only; null when it needs none. */
export function routeArguments(
  { address, interface: device, subnet }: PlacedAddress,
  lifetimeS: number,
): readonly string[] | null {
  if (subnet === null) return null;
  // The kernel removes an IPv4 route together with the address that is its source.
  return address.includes(':')
    ? ['-6', 'route', 'replace', prefixOf(subnet), 'dev', device, 'metric', ROUTE_METRIC, 'expires', String(lifetimeS)]
    : ['route', 'replace', prefixOf(subnet), 'dev', device, 'scope', 'link', 'src', address, 'metric', ROUTE_METRIC];
}

export function removeArguments({ address, interface: device }: PlacedAddress): readonly string[] {
  return ['address', 'del', asSingle(address), 'dev', device];
}

/** Null: the route goes with the address. */
export function removeRouteArguments({ address, interface: device, subnet }: PlacedAddress): readonly string[] | null {
  if (subnet === null || !address.includes(':')) return null;
  return ['-6', 'route', 'del', prefixOf(subnet), 'dev', device, 'metric', ROUTE_METRIC];
}

/** `10.77.0.0/24` of `10.77.0.100/24`. */
function prefixOf(subnet: string): string {
  const [text = '', length = ''] = subnet.split('/');
  const { version, canonical } = addressOf(text);
  const bits = version === 4 ? 8 : 16;
  const parts = canonical.split(version === 4 ? '.' : ':').map((part, index) => {
    const kept = Math.min(bits, Math.max(0, Number(length) - index * bits));
    const value = Number.parseInt(part, version === 4 ? 10 : 16) & ((2 ** bits - 1) << (bits - kept));
    return (value & (2 ** bits - 1)).toString(version === 4 ? 10 : 16);
  });
  return `${parts.join(version === 4 ? '.' : ':')}/${length}`;
}

function asSingle(address: string): string {
  return `${address}/${String(longestPrefix(address))}`;
}

function isSpelled(address: IpAddress, text: string): boolean {
  return address.canonical === parseIpAddress(text)?.canonical;
}

function addressOf(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (address === null) throw new Error(`"${text}" has passed the checks and is no address.`);
  return address;
}
