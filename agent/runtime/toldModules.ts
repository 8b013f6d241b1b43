import type { LinkModule } from '../../schemas/generated/link.ts';
import { Memo } from './memo.ts';
import type { ModuleRuntime } from './moduleRuntime.ts';

/** What a host is told of this host's modules with every heartbeat: the same objects as long as nothing has changed. */
export class ToldModules {
  readonly #memos = new Map<string, Memo<LinkModule>>();

  /** @param certificateEnd of this host */
  of(host: string, runtimes: readonly ModuleRuntime[], certificateEnd: Date): Record<string, LinkModule> {
    return Object.fromEntries(runtimes.map((runtime) => [runtime.name, this.#module(host, runtime, certificateEnd)]));
  }

  #module(host: string, runtime: ModuleRuntime, certificateEnd: Date): LinkModule {
    const key = `${host} ${runtime.name}`;
    let memo = this.#memos.get(key);
    if (!memo) this.#memos.set(key, (memo = new Memo()));
    const { lastFailover, lastVerify, lastResync } = runtime;
    const [status, own] = [runtime.peerStatus(), runtime.status()];
    return memo.of([status, own, lastFailover, lastVerify, lastResync, certificateEnd], () => {
      // The endpoint holds the key of a mirror session: it is for the other host of the pair alone.
      const told = runtime.core.config.peer === host ? status : { ...status, endpoint: null };
      const shown = { ...own, certificateEnd: certificateEnd.toISOString() };
      return { status: told as LinkModule['status'], shown, lastFailover, lastVerify, lastResync };
    });
  }
}
