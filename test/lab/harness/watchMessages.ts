import type { ApiMethod, ApiMethods } from '../../../schemas/apiMethods.ts';
import type { LogEntry, Refusal, Snapshot } from '../../../schemas/generated/api.ts';

/** An agent to be watched; the files are paths on the real machine. */
export interface WatchedHost {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly tokenFile: string;
  readonly authorityFile: string;
}

/** From the watching program. */
export type WatchMessage =
  | { readonly kind: 'snapshot'; readonly host: string; readonly snapshot: Snapshot }
  | { readonly kind: 'log'; readonly host: string; readonly entries: readonly LogEntry[] }
  | { readonly kind: 'lost'; readonly host: string; readonly reason: string }
  | {
      readonly kind: 'answer';
      readonly id: number;
      readonly result: object | null;
      readonly error: string | null;
      readonly refusal: Refusal | null;
    };

/** To the watching program. */
export type WatchRequest =
  | { readonly kind: 'drop'; readonly host: string }
  | {
      readonly kind: 'call';
      readonly id: number;
      readonly host: string;
      readonly method: ApiMethod;
      readonly params: ApiMethods[ApiMethod]['params'];
    };
