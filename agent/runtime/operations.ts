import type { Endpoint, Operation } from '../core/types.ts';
import type { FollowerEndpoint, Mirror } from '../mirror/mirror.ts';

/** What the peer is told to reach this host's follower: the mirror's endpoint and the address it listens on. */
type PublishedEndpoint = FollowerEndpoint & { readonly address: string };

export interface OperationResult {
  readonly endpoint: Endpoint | null;
  readonly note: string | null;
}

export interface OperationContext {
  /** This host's address for the mirror. */
  readonly address: () => string;
  readonly isFollowing: () => boolean;
  readonly beforeAttach: () => Promise<void>;
}

/** Has the mirror do what the core decided. Fencing is not the mirror's alone, and done elsewhere. */
export async function operate(
  mirror: Mirror,
  operation: Exclude<Operation, { kind: 'fence' | 'fencePeer' }>,
  context: OperationContext,
): Promise<OperationResult> {
  const nothing = { endpoint: null, note: null };
  switch (operation.kind) {
    case 'enterEpoch':
      await mirror.enterEpoch(operation.entry);
      return nothing;
    case 'serve':
      await mirror.serve(operation.epoch);
      return nothing;
    case 'attach': {
      const endpoint = operation.endpoint as unknown as PublishedEndpoint;
      await mirror.onPeerLoss('continue');
      await context.beforeAttach();
      await mirror.attach(endpoint.address, endpoint, operation.epoch);
      return nothing;
    }
    case 'holdOnPeerLoss':
      await mirror.onPeerLoss('hold');
      return nothing;
    case 'goAlone':
      await mirror.goAlone(operation.entry);
      return nothing;
    case 'release':
      await mirror.release();
      return nothing;
    case 'keepAside':
      return { endpoint: null, note: await mirror.keepAside(operation.name, operation.about) };
    case 'follow': {
      if (context.isFollowing()) await mirror.release();
      const address = context.address();
      const endpoint = await mirror.follow(address, operation.epoch);
      return { endpoint: { ...endpoint, address }, note: null };
    }
    case 'unfollow':
      await mirror.release();
      return nothing;
  }
}
