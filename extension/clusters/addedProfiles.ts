import type { Memento } from 'vscode';
import type { Pin } from '../client/certificates.ts';
import type { ClusterProfile } from './profile.ts';

const key = 'understudy.clusters';
const learntKey = 'understudy.learntAddresses';

/** The clusters that were added in the editor, and the addresses learnt of any. */
export class AddedProfiles {
  constructor(private readonly memento: Memento) {}

  list(): readonly ClusterProfile[] {
    return this.memento.get<readonly ClusterProfile[]>(key, []);
  }

  /** The cluster of this name that shows this certificate, if it was added before. */
  find(name: string, pin: Pin): ClusterProfile | undefined {
    return this.list().find((profile) => profile.name === name && profile.pin?.sha256 === pin.sha256);
  }

  async add(profile: ClusterProfile): Promise<void> {
    await this.memento.update(key, [...this.list().filter((other) => other.id !== profile.id), profile]);
  }

  async remove(id: string): Promise<void> {
    await this.memento.update(
      key,
      this.list().filter((profile) => profile.id !== id),
    );
    await this.remember(id, []);
  }

  /** Addresses of the cluster's other hosts, from its last snapshot. */
  learnt(id: string): readonly string[] {
    return this.memento.get<Record<string, readonly string[]>>(learntKey, {})[id] ?? [];
  }

  async remember(id: string, addresses: readonly string[]): Promise<void> {
    const all = { ...this.memento.get<Record<string, readonly string[]>>(learntKey, {}) };
    if (addresses.join() === (all[id] ?? []).join()) return;
    if (addresses.length === 0) delete all[id];
    else all[id] = addresses;
    await this.memento.update(learntKey, all);
  }
}
