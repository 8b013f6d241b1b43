import { type GuestModule, webModule, type WebModuleOptions } from '../harness/webModule.ts';

export type ModuleName = 'web' | 'db';

/** Each host runs one module and follows the other. */
export const db: GuestModule = {
  name: 'db',
  hosts: ['beta', 'alpha'],
  address: '10.77.0.51',
  directory: '/srv/vm/db',
  serial: '/var/log/db.serial.log',
};

export const campaignModules: readonly (GuestModule & { readonly name: ModuleName })[] = [
  { ...webModule, name: 'web' },
  { ...db, name: 'db' },
];

export function campaignModuleOptions(detectionMs: number): WebModuleOptions {
  return {
    period: 0.1,
    ring: 24,
    more: {
      failover: {
        detection: `${detectionMs}ms`,
        // So many faults in so short a time would have a module parked for an operator.
        restarts: 100,
        restartPeriod: '10m',
        maxFailovers: 100,
        failoverPeriod: '10m',
      },
    },
  };
}
