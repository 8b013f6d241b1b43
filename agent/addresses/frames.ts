/** Ethernet frames that ask who has an address, and tell that it is here: ARP (RFC 826, RFC 5227), neighbour discovery (RFC 4861, RFC 4862). */
import { bytesOf, type IpAddress } from '../../schemas/ipAddress.ts';

export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_IPV6 = 0x86dd;

const ETHERNET = 14;
const IPV6 = 40;
const NEXT_HEADER_ICMPV6 = 58;
const NEIGHBOUR_SOLICITATION = 135;
const NEIGHBOUR_ADVERTISEMENT = 136;
const OPTION_TARGET_LINK_LAYER = 2;
const OVERRIDE = 0x20;
const BROADCAST = Uint8Array.from([255, 255, 255, 255, 255, 255]);
const ALL_NODES = Uint8Array.from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

export function ethertypeOf(address: IpAddress): number {
  return address.version === 4 ? ETHERTYPE_ARP : ETHERTYPE_IPV6;
}

/** Asks who has the address, without saying that we do: nobody's table changes by it. */
export function probe(address: IpAddress, mac: Uint8Array): Uint8Array {
  const target = bytesOf(address);
  if (address.version === 4) return arp(mac, new Uint8Array(4), target);
  const group = Uint8Array.from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...target.subarray(13)]);
  return icmpv6(mac, new Uint8Array(16), group, [NEIGHBOUR_SOLICITATION, 0, 0, 0, 0, 0, 0, 0, ...target]);
}

/** Tells everybody that the address is here. */
export function announcement(address: IpAddress, mac: Uint8Array): Uint8Array {
  const target = bytesOf(address);
  if (address.version === 4) return arp(mac, target, target);
  const head = [NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0];
  return icmpv6(mac, target, ALL_NODES, [...head, ...target, OPTION_TARGET_LINK_LAYER, 1, ...mac]);
}

/** The hardware address of another machine that, as a frame says, has the address or is about to take it; null: it says no such thing. */
export function claimantOf(frame: Uint8Array, address: IpAddress, ownMac: Uint8Array): string | null {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const target = bytesOf(address);
  const claimant = address.version === 4 ? arpClaimant(bytes, target) : neighbourClaimant(bytes, target);
  return claimant === null || claimant.equals(ownMac) ? null : macText(claimant);
}

function arp(mac: Uint8Array, sender: Uint8Array, target: Uint8Array): Uint8Array {
  const ethernetIpv4 = [0, 1, 8, 0, 6, 4];
  const request = [0, 1];
  const nobody = new Uint8Array(6);
  return Uint8Array.from([
    ...ethernet(BROADCAST, mac, ETHERTYPE_ARP),
    ...[...ethernetIpv4, ...request, ...mac, ...sender, ...nobody, ...target],
  ]);
}

function arpClaimant(frame: Buffer, target: Uint8Array): Buffer | null {
  if (frame.length < ETHERNET + 28 || frame.readUInt16BE(12) !== ETHERTYPE_ARP) return null;
  const sender = frame.subarray(22, 28);
  const senderAddress = frame.subarray(28, 32);
  if (senderAddress.equals(target)) return sender;
  const isProbe = frame.readUInt16BE(20) === 1 && senderAddress.every((byte) => byte === 0);
  return isProbe && frame.subarray(38, 42).equals(target) ? sender : null;
}

function neighbourClaimant(frame: Buffer, target: Uint8Array): Buffer | null {
  const message = ETHERNET + IPV6;
  if (frame.length < message + 24 || frame.readUInt16BE(12) !== ETHERTYPE_IPV6) return null;
  if (frame[ETHERNET + 6] !== NEXT_HEADER_ICMPV6 || !frame.subarray(message + 8, message + 24).equals(target)) {
    return null;
  }
  const source = frame.subarray(6, 12);
  if (frame[message] === NEIGHBOUR_ADVERTISEMENT) {
    const hasOption = frame[message + 24] === OPTION_TARGET_LINK_LAYER && frame.length >= message + 32;
    return hasOption ? frame.subarray(message + 26, message + 32) : source;
  }
  const isProbe = frame.subarray(ETHERNET + 8, ETHERNET + 24).every((byte) => byte === 0);
  return frame[message] === NEIGHBOUR_SOLICITATION && isProbe ? source : null;
}

function icmpv6(mac: Uint8Array, source: Uint8Array, destination: Uint8Array, message: readonly number[]): Uint8Array {
  const length = [message.length >> 8, message.length & 255];
  const sum = checksum([...source, ...destination, 0, 0, ...length, 0, 0, 0, NEXT_HEADER_ICMPV6, ...message]);
  const [type = 0, code = 0, , , ...rest] = message;
  const hopLimit = 255;
  return Uint8Array.from([
    ...ethernet(Uint8Array.from([0x33, 0x33, ...destination.subarray(12)]), mac, ETHERTYPE_IPV6),
    ...[0x60, 0, 0, 0, ...length, NEXT_HEADER_ICMPV6, hopLimit, ...source, ...destination],
    ...[type, code, sum >> 8, sum & 255, ...rest],
  ]);
}

function ethernet(to: Uint8Array, from: Uint8Array, type: number): readonly number[] {
  return [...to, ...from, type >> 8, type & 255];
}

/** Of the Internet protocols: the complement of the sum of 16-bit words, in ones' complement. */
function checksum(bytes: readonly number[]): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2) sum += ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

function macText(mac: Buffer): string {
  return [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
