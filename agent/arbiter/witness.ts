import type { ArbiterRecord } from '../core/types.ts';
import {
  ArbiterProposeParams,
  ArbiterProposeResult,
  ArbiterReadParams,
  ArbiterReadResult,
} from '../../schemas/generated/linkValidators.js';
import type { Arbiter, ProposeResult } from './arbiter.ts';
import type { RecordStore } from './recordStore.ts';

/** How long the witness may take to answer, milliseconds. */
const answerLimitMs = 1000;

export type WitnessMethod = 'arbiter.read' | 'arbiter.propose';

/** Asks the witness; given from outside, as links between hosts are another part's business. */
export interface WitnessChannel {
  request(method: WitnessMethod, params: Record<string, unknown>, timeoutMs: number): Promise<Record<string, unknown>>;
  reachable(): boolean;
}

/** The built-in arbiter, asked over the link to the witness. */
export class WitnessArbiter implements Arbiter {
  readonly #channel: WitnessChannel;

  constructor(channel: WitnessChannel) {
    this.#channel = channel;
  }

  reachable(): boolean {
    return this.#channel.reachable();
  }

  async read(module: string): Promise<ArbiterRecord | null> {
    return recordIn(await this.#channel.request('arbiter.read', { module }, answerLimitMs));
  }

  async propose(module: string, expect: number | null, record: ArbiterRecord): Promise<ProposeResult> {
    return resultIn(await this.#channel.request('arbiter.propose', { module, expect, record }, answerLimitMs), record);
  }
}

/** The record that the witness has told. @throws Error when its answer is not valid */
export function recordIn(answer: Record<string, unknown>): ArbiterRecord | null {
  if (!ArbiterReadResult(answer)) throw new Error('the witness sent an answer that is not valid');
  return answer['record'] as ArbiterRecord | null;
}

/** What the witness has said to a proposal. @throws Error when its answer is not valid, or no answer to that */
export function resultIn(answer: Record<string, unknown>, proposed: ArbiterRecord): ProposeResult {
  if (!ArbiterProposeResult(answer)) throw new Error('the witness sent an answer that is not valid');
  const current = answer['current'] as ArbiterRecord | null;
  if (answer['granted'] !== true) return { granted: false, current };
  if (current?.proposal !== proposed.proposal) throw new Error('the witness granted something that was not proposed');
  return { granted: true, record: current };
}

/** The witness's side: answers other hosts from its store. */
export function answerAsWitness(
  store: RecordStore,
  method: WitnessMethod,
  params: Record<string, unknown>,
): Record<string, unknown> {
  if (method === 'arbiter.read') {
    if (!ArbiterReadParams(params)) throw new Error('the question to the witness is not valid');
    return { record: store.read(params['module'] as string) };
  }
  if (!ArbiterProposeParams(params)) throw new Error('the proposal to the witness is not valid');
  const result = store.propose(
    params['module'] as string,
    params['expect'] as number | null,
    params['record'] as ArbiterRecord,
  );
  return result.granted ? { granted: true, current: result.record } : { granted: false, current: result.current };
}
