import type { Refusal, RefusalCode, RpcError } from '../../schemas/generated/api.ts';
import { rpcCodes } from '../../schemas/apiMethods.ts';
import type { Outcome } from './facade.ts';

/** Thrown by method handlers, sent to the client as it is. Everything else that is thrown is an internal error and stays here. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  constructor(
    readonly refusal: Refusal,
    readonly rpcCode: number = rpcCodes.refused,
  ) {
    super(refusal.reason);
  }

  toRpcError(): RpcError {
    return { code: this.rpcCode, message: this.refusal.reason, data: this.refusal };
  }
}

export function refuse(
  code: RefusalCode,
  reason: string,
  numbers?: Refusal['numbers'],
  rpcCode?: number,
): RefusedError {
  return new RefusedError({ code, reason, ...(numbers === undefined ? {} : { numbers }) }, rpcCode);
}

/** @throws RefusedError when the outcome is a refusal. */
export function resultOf<Result>(outcome: Outcome<Result>): Result {
  if (outcome.ok) return outcome.result;
  throw new RefusedError(outcome.refusal);
}
