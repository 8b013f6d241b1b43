import { parseIpAddress, type IpAddress } from '../../schemas/ipAddress.ts';

/** An address that an interface has. */
export interface InterfaceAddress {
  readonly address: IpAddress;
  readonly prefixLength: number;
  /** Whether the kernel removes it by itself unless it is set again. */
  readonly expires: boolean;
}

/** A network interface of this host. */
export interface Interface {
  readonly name: string;
  readonly index: number;
  /** Whether neighbours are found by their hardware addresses: not on a loopback interface or a tunnel. */
  readonly hasNeighbours: boolean;
  readonly mac: Uint8Array;
  /** Switched on. */
  readonly isUp: boolean;
  /** Its cable is plugged in. */
  readonly hasCarrier: boolean;
  readonly addresses: readonly InterfaceAddress[];
}

/** What `ip -json address show` prints, as far as we read it. */
interface ShownInterface {
  readonly ifindex?: number;
  readonly ifname?: string;
  readonly flags?: readonly string[];
  readonly link_type?: string;
  readonly address?: string;
  readonly addr_info?: readonly {
    readonly local?: string;
    readonly prefixlen?: number;
    readonly valid_life_time?: number;
  }[];
}

const FOREVER = 0xffffffff;

/** @param text the output of `ip -json address show` */
export function parseInterfaces(text: string): readonly Interface[] {
  const shown = JSON.parse(text) as readonly ShownInterface[];
  return shown.flatMap(({ ifindex, ifname, flags = [], link_type, address = '', addr_info = [] }) =>
    ifname === undefined || ifindex === undefined
      ? []
      : [
          {
            name: ifname,
            index: ifindex,
            hasNeighbours: link_type === 'ether' && !flags.includes('NOARP'),
            mac: Uint8Array.from(address.split(':').map((byte) => Number.parseInt(byte, 16))),
            isUp: flags.includes('UP'),
            hasCarrier: flags.includes('LOWER_UP'),
            addresses: addr_info.flatMap((each) => {
              const parsed = parseIpAddress(each.local ?? '');
              if (parsed === null || each.prefixlen === undefined) return [];
              return [{ address: parsed, prefixLength: each.prefixlen, expires: each.valid_life_time !== FOREVER }];
            }),
          },
        ],
  );
}
