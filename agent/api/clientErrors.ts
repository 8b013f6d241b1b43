import type { Refusal } from '../../schemas/generated/api.ts';

/** The agent cannot be reached, or its certificate or our token is not accepted. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** The agent did not answer in time. */
export class TimedOutError extends Error {
  override readonly name = 'TimedOutError';
}

/** The agent answered no; the refusal says why. */
export class RefusedByAgentError extends Error {
  override readonly name = 'RefusedByAgentError';
  constructor(readonly refusal: Refusal) {
    super(refusal.reason);
  }
}
