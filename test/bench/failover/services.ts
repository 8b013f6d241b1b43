import { guestAddress } from '../../lab/harness/webModule.ts';
import type { Target } from './serviceWatch.ts';

/** The web server in the guest. */
export const guestTarget: Target = { address: guestAddress, port: 80, expected: 'accepts' };

export const virtualAddress = '10.77.0.200';
/** The discard service, which no host has. */
export const addressTarget: Target = { address: virtualAddress, port: 9, expected: 'refuses' };

/** The same guest for all: emulated, since a probe for KVM would be the product's own, and writing at a rate that leaves the machine some air. */
export const guestOptions = { period: 0.1, qemu: { accelerator: 'tcg' } } as const;
