/** An IP address as numbers, so that two spellings of one address are equal. */
export interface IpAddress {
  readonly version: 4 | 6;
  /** Spelling to compare by: dotted for IPv4 (and IPv4 in IPv6), eight full groups for IPv6. */
  readonly canonical: string;
}

function parseV4(text: string): readonly number[] | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  const numbers: number[] = [];
  for (const part of parts) {
    // No leading zeros: some programs read them as octal.
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return null;
    numbers.push(Number(part));
  }
  return numbers;
}

function parseGroups(text: string): readonly number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    const v4 = index === parts.length - 1 && part.includes('.') ? parseV4(part) : null;
    if (v4 !== null) {
      const [a = 0, b = 0, c = 0, d = 0] = v4;
      groups.push(a * 256 + b, c * 256 + d);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return null;
    }
  }
  return groups;
}

function parseV6(text: string): readonly number[] | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0] ?? '');
  if (head === null) return null;
  if (halves.length === 1) return head.length === 8 ? head : null;
  const tail = parseGroups(halves[1] ?? '');
  if (tail === null || head.length + tail.length > 7) return null;
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
}

/** Reads an IPv4 or IPv6 address (RFC 4291, an IPv6 zone such as `%eth0` is not taken); null when it is none. */
export function parseIpAddress(text: string): IpAddress | null {
  const v4 = parseV4(text);
  if (v4 !== null) return { version: 4, canonical: v4.join('.') };
  const v6 = text.includes(':') ? parseV6(text) : null;
  if (v6 === null) return null;
  const isMappedV4 = v6.slice(0, 5).every((group) => group === 0) && v6[5] === 0xffff;
  if (isMappedV4) {
    const [high = 0, low = 0] = v6.slice(6);
    return { version: 4, canonical: [high >> 8, high & 255, low >> 8, low & 255].join('.') };
  }
  return { version: 6, canonical: v6.map((group) => group.toString(16)).join(':') };
}

export function isLoopback(address: IpAddress): boolean {
  return address.version === 4 ? address.canonical.startsWith('127.') : address.canonical === '0:0:0:0:0:0:0:1';
}

/** True for addresses that no host can have: unspecified, broadcast and multicast ones. */
export function isNoHost(address: IpAddress): boolean {
  if (address.version === 6) return address.canonical === '0:0:0:0:0:0:0:0' || address.canonical.startsWith('ff');
  const first = Number(address.canonical.split('.')[0]);
  return first === 0 || first >= 224;
}

/** True for addresses that mean something on one link only (RFC 4291). */
export function isLinkLocal(address: IpAddress): boolean {
  return address.version === 6 && /^fe[89ab]/.test(address.canonical);
}

/** `10.77.0.100/24` in its two parts. Without a prefix length: that of a single address. */
export function splitPrefix(text: string): { readonly address: string; readonly prefixLength: number } {
  const [address = '', length] = text.split('/');
  return { address, prefixLength: length === undefined ? longestPrefix(address) : Number(length) };
}

/** The prefix length of a single address, as it is spelled. */
export function longestPrefix(text: string): 32 | 128 {
  return text.includes(':') ? 128 : 32;
}

/** Its 4 or 16 bytes. */
export function bytesOf({ version, canonical }: IpAddress): Uint8Array {
  if (version === 4) return Uint8Array.from(canonical.split('.').map(Number));
  return Uint8Array.from(
    canonical.split(':').flatMap((group) => {
      const value = Number.parseInt(group, 16);
      return [value >> 8, value & 255];
    }),
  );
}

/** Whether the first `prefixLength` bits of two addresses are the same. */
export function sharePrefix(a: IpAddress, b: IpAddress, prefixLength: number): boolean {
  if (a.version !== b.version) return false;
  const [one, other] = [bytesOf(a), bytesOf(b)];
  return one.every((byte, index) => {
    const bits = Math.min(8, Math.max(0, prefixLength - index * 8));
    return ((byte ^ (other[index] ?? 0)) & (0xff << (8 - bits)) & 0xff) === 0;
  });
}

/** What of the address lies behind the prefix: no bit, every bit, or something between. */
export function hostPart(address: IpAddress, prefixLength: number): 'zeros' | 'ones' | 'other' {
  const bits = [...bytesOf(address)]
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('')
    .slice(prefixLength);
  if (!bits.includes('1')) return 'zeros';
  return bits.includes('0') ? 'other' : 'ones';
}
