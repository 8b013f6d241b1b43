import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { readSecret } from './secretFile.ts';
import { SecurityError } from './securityError.ts';

/** As the cluster file says; null: not used. */
interface Files {
  readonly user: string | null;
  readonly passwordFile: string | null;
  readonly caFile: string | null;
  readonly certificateFile: string | null;
  readonly keyFile: string | null;
}

interface Read {
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly user: { readonly name: string; readonly password: string } | null;
}

/** What this host proves itself to etcd with, from the files that the cluster file names. They may be replaced while the agent runs. */
export class EtcdFiles {
  readonly #files: Files;
  #read: Read;
  #changedAt: string | null = null;

  /** @throws SecurityError when a file is missing, or others may read a secret. */
  constructor(files: Files) {
    this.#files = files;
    this.#read = readAll(files);
  }

  tls(): Read['tls'] {
    return this.#read.tls;
  }

  user(): Read['user'] {
    return this.#read.user;
  }

  /**
   * Reads again what was replaced; what was read before holds as long as the new files cannot be used.
   * @throws SecurityError as the constructor
   */
  async refresh(): Promise<void> {
    const { passwordFile, caFile, certificateFile, keyFile } = this.#files;
    const names = [passwordFile, caFile, certificateFile, keyFile].filter((name) => name !== null);
    // Looked at without waiting for the disk: the thread that asks decides whether others live. One after the other: a disk that does not
    // answer keeps a thread, and there are four for all that is waited for like that.
    const times: number[] = [];
    for (const name of names) times.push((await stat(name).catch(() => null))?.mtimeMs ?? 0);
    const changedAt = times.join(' ');
    if (changedAt === this.#changedAt) return;
    if (this.#changedAt !== null) this.#read = readAll(this.#files);
    this.#changedAt = changedAt;
  }
}

function readAll({ user, passwordFile, caFile, certificateFile, keyFile }: Files): Read {
  const advice = 'put it there, or change the arbiter in the cluster file';
  return {
    tls: {
      ...(caFile === null ? {} : { ca: readPublic(caFile, advice) }),
      ...(certificateFile === null ? {} : { cert: readPublic(certificateFile, advice) }),
      ...(keyFile === null ? {} : { key: readSecret(keyFile, advice) }),
    },
    user:
      user === null || passwordFile === null
        ? null
        : { name: user, password: readSecret(passwordFile, advice).replace(/\r?\n$/, '') },
  };
}

function readPublic(file: string, advice: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SecurityError('CERTIFICATE_MISSING', `${file} cannot be read (${reason}): ${advice}.`, { cause: error });
  }
}
