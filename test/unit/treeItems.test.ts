import { expect, it, vi } from 'vitest';
import type { ClusterSession } from '../../extension/clusters/clusterSession.ts';
import { ClusterStore } from '../../extension/model/clusterStore.ts';
import { treeItemOf } from '../../extension/tree/treeItems.ts';
import type { HostStatus } from '../../schemas/generated/api.ts';
import { snapshotOf } from '../support/memoryFacade.ts';

// What VS Code gives to extensions: there is none of it outside.
vi.mock('vscode', () => ({
  TreeItem: class {
    constructor(readonly label: string) {}
  },
  TreeItemCollapsibleState: { None: 0, Collapsed: 1, Expanded: 2 },
  ThemeIcon: class {
    constructor(readonly id: string) {}
  },
  ThemeColor: class {},
  MarkdownString: class {
    constructor(readonly value: string) {}
  },
}));

/** The lines of beta, which follows, and of the witness gamma, when all other hosts are heard in this way. */
function lines(liveness: NonNullable<HostStatus['liveness']>, connected = true) {
  const store = new ClusterStore(() => 0);
  const snapshot = snapshotOf();
  const hosts = snapshot.hosts.map((host) => (host.name === 'alpha' ? host : { ...host, reachable: true, liveness }));
  store.replace({ ...snapshot, hosts });
  const session = { store, connected, role: 'viewer', may: () => false } as unknown as ClusterSession;
  const beta = treeItemOf({ kind: 'replica', id: 'b', session, module: 'web', host: 'beta' });
  const gamma = treeItemOf({ kind: 'witness', id: 'g', session, host: 'gamma' });
  return [beta, gamma].map(({ description, tooltip }) => ({
    description,
    tooltip: (tooltip as unknown as { readonly value: string }).value.replaceAll('\\', ''),
  }));
}

it('shows on the lines of a host, and of the witness, that it is suspect', () => {
  const [beta, gamma] = lines('suspect');
  expect(beta?.description).toBe('SECOND in sync · suspect');
  expect(beta?.tooltip).toContain('$(warning) beta is suspect: late, or heard again only lately.');
  expect(gamma?.description).toBe('witness · suspect');
  expect(gamma?.tooltip).toContain('$(warning) gamma is suspect');
});

it('says nothing of it when it is heard steadily, and nothing that was so before the connection was lost', () => {
  for (const [beta, gamma] of [lines('alive'), lines('suspect', false)]) {
    expect(beta?.description).not.toContain('suspect');
    expect(beta?.tooltip).not.toContain('suspect');
    expect(gamma?.description).not.toContain('suspect');
  }
});
