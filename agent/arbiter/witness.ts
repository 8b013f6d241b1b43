import type { ArbiterRecord } from '../core/types.ts';
import {
  ArbiterProposeParams,
  ArbiterProposeResult,
  ArbiterReadParams,
  ArbiterReadResult,
} from '../../schemas/generated/validators.js';
import type { Arbiter, ProposeResult } from './arbiter.ts';
import type { RecordStore } from './recordStore.ts';

/** How long the witness may take to answer, milliseconds. */
const answerLimitMs = 1000;

/** Asks the witness; given from outside, as links between hosts are another part's business. */
export interface WitnessChannel {
  request(
    method: 'arbiter.read' | 'arbiter.propose',
    params: Record<string, unknown>,
    timeoutMs: number,
  ): Promise<Record<string, unknown>>;
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
    const result = await this.#channel.request('arbiter.read', { module }, answerLimitMs);
    if (!ArbiterReadResult(result)) throw new Error('the witness sent an answer that is not valid');
    return result['record'] as ArbiterRecord | null;
  }

  async propose(module: string, expect: number | null, record: ArbiterRecord): Promise<ProposeResult> {
    const result = await this.#channel.request('arbiter.propose', { module, expect, record }, answerLimitMs);
    if (!ArbiterProposeResult(result)) throw new Error('the witness sent an answer that is not valid');
    const current = result['current'] as ArbiterRecord | null;
    if (result['granted'] !== true) return { granted: false, current };
    if (current?.proposal !== record.proposal) throw new Error('the witness granted something that was not proposed');
    return { granted: true, record: current };
  }
}

/** The witness's side: answers other hosts from its store. */
export function answerAsWitness(
  store: RecordStore,
  method: 'arbiter.read' | 'arbiter.propose',
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
