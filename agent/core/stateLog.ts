/** The log as a chain of causes: each change of the state that people see is told with what led to it, and so is what a module waits for. */
import type { ModuleState } from '../../schemas/generated/api.ts';
import { becauseOf, lostText, recordText } from './because.ts';
import type { Draft } from './draft.ts';
import { shownState } from './status.ts';
import type { ModuleCoreState } from './types.ts';

/** A reason that changes sooner is not what a module waits for. */
const tellAfterMs = 1000;
/** With each reason that was told the next one has to last longer, up to this: a wait of hours must not fill the log. */
const longestTellAfterMs = 60_000;

/** Call at the end of a step. @param before as it was at its beginning */
export function tellState(draft: Draft, before: ModuleCoreState): void {
  const { state } = draft;
  const mayDiffer = draft.moves.length > 0 || before.desired !== state.desired;
  const was = mayDiffer ? shownState(before).state : null;
  const is = mayDiffer ? shownState(state).state : null;
  if (was !== null && is !== null && was !== is) tellChange(draft, before, was, is);
  else tellWait(draft);
}

function tellChange(draft: Draft, before: ModuleCoreState, from: ModuleState, to: ModuleState): void {
  const { module, self } = draft.config;
  const { role } = draft.state;
  const because = before.role.at === 'stopped' ? whyItBegins(draft, before) : whyItIs(draft);
  draft.log('info', 'STATE', `${module} on ${self}: ${from} → ${to}, ${because}`, { from, to, because });
  draft.emit({ type: 'stateChanged', from, to, because });
  // It is told by this, and does not count among the reasons of the wait.
  if (role.at === 'waiting' && role.reason === because) draft.state.role = { ...role, isTold: true, toldBefore: -1 };
}

function whyItBegins({ state, config }: Draft, before: ModuleCoreState): string {
  return before.desired.value === 'stopped' && state.desired !== before.desired
    ? 'an operator started it'
    : `the agent of ${config.self} has started`;
}

function tellWait(draft: Draft): void {
  const { role, config } = draft.state;
  if (role.at !== 'waiting' || role.isTold) return;
  const afterMs = Math.min(tellAfterMs * 2 ** role.toldBefore, longestTellAfterMs);
  if (draft.now - role.reasonSince < afterMs) return;
  draft.log('info', 'WAITING', `${config.module} waits on ${config.self}: ${role.reason}`);
  draft.state.role = { ...role, isTold: true };
}

/** What led to the state that a module came to. */
function whyItIs({ state, config, waitsBecause }: Draft): string {
  const { role, desired, record } = state;
  switch (role.at) {
    case 'stopped':
      return desired.value === 'stopped'
        ? (desired.parked ?? 'an operator stopped it')
        : `the agent of ${config.self} is stopped`;
    case 'waiting':
      return waitsBecause ?? role.reason;
    case 'fencing':
      return role.reason;
    case 'asking':
      return becauseOf(role.proposal.record);
    case 'fencingPeer':
    case 'entering':
    case 'mounting':
      return becauseOf(role.grant);
    case 'primary':
      switch (role.link.kind) {
        case 'both':
        case 'parting':
          return `${config.peer} is in sync by ${recordText(role.grant)}`;
        case 'lost':
        case 'goingAlone':
          return lostText(config.peer, role.link.reason);
        default:
          return role.leavingBecause || becauseOf(role.promotedBy);
      }
    case 'releasing':
    case 'handingOver':
      return role.because;
    case 'keepingAside':
    case 'startingToFollow':
    case 'following':
      return record === null ? `${config.peer} is primary` : `${record.primary} is primary by ${recordText(record)}`;
    case 'unfollowing':
      return desired.value === 'stopped' ? 'an operator stopped it' : `the agent of ${config.self} is stopped`;
  }
}
