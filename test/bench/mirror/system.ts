import type { Lab } from '../../lab/harness/lab.ts';

export const systemNames = ['plain', 'ours', 'oursUnencrypted', 'glusterfs'] as const;
export type SystemName = (typeof systemNames)[number];

/** Something that is measured: a directory on host alpha, and what keeps a copy of it on host beta. */
export interface System {
  readonly name: SystemName;
  /** Where the programs work, as host alpha sees it. */
  readonly directory: string;
  /** The folders that hold the content on this machine's disk, as this machine sees them. */
  readonly stores: readonly string[];
  /** Ends it in order. The lab ends what is left. */
  stop(): Promise<void>;
}

export async function plainDirectory(lab: Lab): Promise<System> {
  const directory = '/srv/plain';
  const alpha = lab.host('alpha');
  await alpha.run(['mkdir', directory]);
  return { name: 'plain', directory, stores: [alpha.outside(directory)], stop: () => Promise.resolve() };
}
