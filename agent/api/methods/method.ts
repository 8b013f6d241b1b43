import type { ApiMethod, ApiMethods } from '../../../schemas/apiMethods.ts';
import type { Actor, AgentFacade } from '../facade.ts';
import type { EventOutbox } from '../eventOutbox.ts';

/** What a method may use of its session. */
export interface MethodContext {
  readonly facade: AgentFacade;
  readonly actor: Actor;
  readonly outbox: EventOutbox;
}

/** The methods of a family, by name. Parameters have been validated; answers are validated before they are sent. */
export type MethodHandlers<Methods extends ApiMethod> = {
  readonly [Method in Methods]: (
    params: ApiMethods[Method]['params'],
    context: MethodContext,
  ) => ApiMethods[Method]['result'] | Promise<ApiMethods[Method]['result']>;
};
