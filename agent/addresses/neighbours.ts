import { setTimeout as delay } from 'node:timers/promises';
import { parseIpAddress, type IpAddress } from '../../schemas/ipAddress.ts';
import { PacketSocket } from '../platform/libc.ts';
import { announcement, claimantOf, ethertypeOf, probe } from './frames.ts';
import type { Place } from './plan.ts';

/** As many as RFC 5227 asks for, but in a fraction of its seconds: those would be added to every failover. Milliseconds. */
const probes = 3;
const probeIntervalMs = 100;
const lastAnswerMs = 200;
const lookMs = 10;

/**
 * Asks the neighbours of an interface whether one of them has the address. Returns the hardware address of the first that says so, null when
 * none has until now. Rejects when the signal is aborted.
 */
export async function whoElseHas({ placed, on }: Place, signal: AbortSignal): Promise<string | null> {
  if (!on.hasNeighbours) return null;
  const address = parsed(placed.address);
  const socket = new PacketSocket(on.index, ethertypeOf(address));
  try {
    for (let asked = 1; asked <= probes; asked++) {
      socket.send(probe(address, on.mac));
      const end = performance.now() + (asked < probes ? probeIntervalMs : lastAnswerMs);
      while (performance.now() < end) {
        await delay(lookMs, undefined, { signal });
        const claimant = nextClaimant(socket, address, on.mac);
        if (claimant !== null) return claimant;
      }
    }
    return null;
  } finally {
    socket.close();
  }
}

/** Tells the neighbours of an interface that the address is here now: they send there at once what they would send to where it was. */
export function announce({ placed, on }: Place): void {
  if (!on.hasNeighbours || !on.isUp) return;
  const address = parsed(placed.address);
  const socket = new PacketSocket(on.index, ethertypeOf(address));
  try {
    socket.send(announcement(address, on.mac));
  } finally {
    socket.close();
  }
}

function nextClaimant(socket: PacketSocket, address: IpAddress, ownMac: Uint8Array): string | null {
  for (let frame = socket.receive(); frame !== null; frame = socket.receive()) {
    const claimant = claimantOf(frame, address, ownMac);
    if (claimant !== null) return claimant;
  }
  return null;
}

function parsed(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (address === null) throw new Error(`"${text}" has passed the checks and is no address.`);
  return address;
}
