import { readFile } from 'node:fs/promises';
import type { Disposable, SecretStorage } from 'vscode';
import { messageOf, SetupError } from './client/errors.ts';
import type { ClusterProfile } from './clusters/profile.ts';

/** The tokens of the clusters: in the editor's secret storage, or in a file that the profile names. Nowhere else. */
export class Tokens {
  constructor(private readonly storage: SecretStorage) {}

  /** @throws SetupError when the profile names a token file that holds none */
  async get(profile: Pick<ClusterProfile, 'id' | 'tokenFile'>): Promise<string | undefined> {
    if (profile.tokenFile === null) return this.storage.get(keyOf(profile.id));
    const token = await readFile(profile.tokenFile, 'utf8').catch((error: unknown) => {
      throw new SetupError(
        `The token file ${profile.tokenFile} cannot be read: ${messageOf(error)}. Put it right, then reconnect.`,
        { cause: error },
      );
    });
    if (token.trim() === '') {
      throw new SetupError(`The token file ${profile.tokenFile} is empty: write the token into it, then reconnect.`);
    }
    return token.trim();
  }

  async set(id: string, token: string): Promise<void> {
    await this.storage.store(keyOf(id), token);
  }

  async remove(id: string): Promise<void> {
    await this.storage.delete(keyOf(id));
  }

  /** Calls `listener` with the id of a cluster whose token was entered or removed, in this window or in another one. */
  onChange(listener: (id: string) => void): Disposable {
    return this.storage.onDidChange(({ key }) => {
      if (key.startsWith(prefix)) listener(key.slice(prefix.length));
    });
  }
}

const prefix = 'understudy.token.';

function keyOf(id: string): string {
  return `${prefix}${id}`;
}
