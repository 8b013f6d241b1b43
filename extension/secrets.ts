import { readFile } from 'node:fs/promises';
import type { SecretStorage } from 'vscode';
import type { ClusterProfile } from './clusters/profile.ts';

/** The tokens of the clusters: in the editor's secret storage, or in a file that the profile names. Nowhere else. */
export class Tokens {
  constructor(private readonly storage: SecretStorage) {}

  /** @throws when the profile's token file cannot be read */
  async get(profile: ClusterProfile): Promise<string | undefined> {
    if (profile.tokenFile === null) return this.storage.get(keyOf(profile.id));
    return (await readFile(profile.tokenFile, 'utf8')).trim();
  }

  async set(id: string, token: string): Promise<void> {
    await this.storage.store(keyOf(id), token);
  }

  async remove(id: string): Promise<void> {
    await this.storage.delete(keyOf(id));
  }
}

function keyOf(id: string): string {
  return `understudy.token.${id}`;
}
