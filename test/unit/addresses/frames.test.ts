import { describe, expect, it } from 'vitest';
import { announcement, claimantOf, probe } from '../../../agent/addresses/frames.ts';
import { parseIpAddress, type IpAddress } from '../../../schemas/ipAddress.ts';

const own = Uint8Array.from([2, 0, 0, 0, 0, 1]);
const other = Uint8Array.from([2, 0, 0, 0, 0, 2]);

function ip(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (address === null) throw new Error(text);
  return address;
}

describe.each(['10.9.0.100', 'fd09::100'])('frames about %s', (text) => {
  const address = ip(text);

  it('of another machine that has it, or is about to take it, name that machine', () => {
    expect(claimantOf(announcement(address, other), address, own)).toBe('02:00:00:00:00:02');
    expect(claimantOf(probe(address, other), address, own)).toBe('02:00:00:00:00:02');
  });

  it('of this machine are no claim, nor are those about another address', () => {
    expect(claimantOf(announcement(address, own), address, own)).toBeNull();
    expect(claimantOf(probe(address, own), address, own)).toBeNull();
    const next = ip(text.replace('100', '101'));
    expect(claimantOf(announcement(next, other), address, own)).toBeNull();
    expect(claimantOf(probe(next, other), address, own)).toBeNull();
  });

  it('that are cut short are no claim', () => {
    const whole = announcement(address, other);
    for (let length = 0; length < 42; length++) {
      expect(claimantOf(whole.subarray(0, length), address, own)).toBeNull();
    }
  });

  it('that only ask for it are no claim', () => {
    // As the kernel asks: from an address that it has.
    const asking = Buffer.from(probe(address, other));
    if (address.version === 4) asking.set([10, 9, 0, 2], 28);
    else asking.set([0xfd, 9], 22);
    expect(claimantOf(asking, address, own)).toBeNull();
  });
});
