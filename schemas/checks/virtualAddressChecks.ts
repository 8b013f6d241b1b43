import type { ResolvedCluster, ResolvedModule, ResolvedVirtualAddress } from '../defaults.ts';
import type { Problem } from '../diagnostic.ts';
import {
  hostPart,
  isLinkLocal,
  isLoopback,
  isNoHost,
  longestPrefix,
  parseIpAddress,
  type IpAddress,
} from '../ipAddress.ts';
import { nearest } from '../nearest.ts';

/** Virtual addresses of one module that could not be set anywhere. */
export function* checkVirtualAddresses(addresses: readonly ResolvedVirtualAddress[]): Iterable<Problem> {
  const seen = new Set<string>();
  for (const [index, each] of addresses.entries()) {
    const path = ['virtualAddresses', index];
    if ((each.network === null) === (each.interface === null)) {
      const expected = 'either "network", a network of the cluster file, or "interface", such as "br0"';
      const found = each.network === null ? 'neither is there' : 'both are there';
      const message = `where ${each.address} is set is not said clearly, ${found}: expected ${expected}`;
      yield { code: 'bad-address', path, message, expected };
    }
    const address = parseIpAddress(each.address);
    const wrong = whatIsWrong(each, address);
    if (wrong !== null) {
      const [reason, expected] = wrong;
      const message = `"${each.address}" ${reason}: expected ${expected}`;
      yield { code: 'bad-address', path: [...path, 'address'], message, expected };
    }
    if (address === null) continue;
    if (seen.has(address.canonical)) {
      const expected = 'each address once';
      const message = `${each.address} stands twice in the list: expected ${expected}`;
      yield { code: 'duplicate-address', path: [...path, 'address'], message, expected };
    }
    seen.add(address.canonical);
  }
}

function whatIsWrong(
  { address: text, prefixLength }: ResolvedVirtualAddress,
  address: IpAddress | null,
): [reason: string, expected: string] | null {
  const example = 'an IP address such as "10.77.0.100/24" or "fd00::100/64"';
  if (address === null || (address.version === 4 && text.includes(':'))) return ['is no IP address', example];
  if (isNoHost(address) || isLoopback(address)) return ['is no address that clients could reach', example];
  if (isLinkLocal(address)) return ['is valid on one link only (link-local)', example];
  const longest = longestPrefix(text);
  if (prefixLength < 1 || prefixLength > longest) {
    return [`has the prefix length ${prefixLength}`, `a prefix length from 1 to ${longest}`];
  }
  if (prefixLength >= longest - 1) return null;
  const part = hostPart(address, prefixLength);
  if (part === 'zeros') return [`is the subnet of the prefix length ${prefixLength} itself`, 'an address in it'];
  if (part === 'ones' && address.version === 4) {
    return [`is the broadcast address of the prefix length ${prefixLength}`, 'another address of the subnet'];
  }
  return null;
}

/** What virtual addresses and the cluster's hosts and networks say about each other. */
export function* checkVirtualAddressesInCluster(module: ResolvedModule, cluster: ResolvedCluster): Iterable<Problem> {
  const networks = cluster.networks.map(({ name }) => name);
  for (const [index, { address: text, network }] of module.virtualAddresses.entries()) {
    const path = ['virtualAddresses', index];
    if (network !== null && !networks.includes(network)) {
      const expected = `one of ${networks.join(', ')}`;
      yield {
        code: 'unknown-network',
        path: [...path, 'network'],
        message: `the network "${network}" is not in the cluster file: expected ${expected}`,
        expected,
        suggestion: nearest(network, networks),
      };
    } else if (network !== null) {
      const without = cluster.hosts.find(
        (host) => module.hosts.includes(host.name) && !host.addresses.some((each) => each.network === network),
      );
      if (without !== undefined) {
        const expected = 'a network that both hosts of the module have an address of, or an interface';
        yield {
          code: 'unknown-network',
          path: [...path, 'network'],
          message: `${without.name} has no address in the network "${network}": expected ${expected}`,
          expected,
        };
      }
    }
    const owner = ownerOf(text, cluster);
    if (owner !== null) {
      const expected = 'an address that no host has';
      yield {
        code: 'duplicate-address',
        path: [...path, 'address'],
        message: `${text} is the address of ${owner} itself, which would be there twice: expected ${expected}`,
        expected,
      };
    }
  }
}

function ownerOf(text: string, cluster: ResolvedCluster): string | null {
  const canonical = parseIpAddress(text)?.canonical;
  if (canonical === undefined) return null;
  const isIt = ({ address }: { readonly address: string }): boolean => parseIpAddress(address)?.canonical === canonical;
  return cluster.hosts.find((host) => host.addresses.some(isIt))?.name ?? null;
}

/** Virtual addresses that another module has, too, wherever it runs. */
export function* checkVirtualAddressesOfTwo(
  module: ResolvedModule,
  other: ResolvedModule,
  otherFile: string,
): Iterable<Problem> {
  const theirs = new Set(other.virtualAddresses.map(({ address }) => parseIpAddress(address)?.canonical));
  for (const [index, { address }] of module.virtualAddresses.entries()) {
    const canonical = parseIpAddress(address)?.canonical;
    if (canonical === undefined || !theirs.has(canonical)) continue;
    const expected = 'addresses of its own for each module';
    yield {
      code: 'duplicate-address',
      path: ['virtualAddresses', index, 'address'],
      message: `${address} is also a virtual address of the module ${other.name} (${otherFile}): expected ${expected}`,
      expected,
    };
  }
}
