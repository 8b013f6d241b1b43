import { detectionMsOf } from './detectionTimes.ts';
import { plain } from './plain.ts';
import { isInDoubt } from './ownDisk.ts';
import { roleState } from './roleState.ts';
import type {
  ArbiterRecord,
  Cause,
  Effect,
  Fork,
  HeardOn,
  LineageEntry,
  ModuleConfig,
  ModuleCoreState,
  Move,
  Operation,
  PeerStatus,
  Proposal,
  Role,
  Trigger,
} from './types.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type Fields = Readonly<Record<string, number | string | boolean | null>>;

/** How long a proposal waits for its answer before it is sent again. */
const proposalRetryMs = 400;

/** One step under construction: a copy of the state that handlers change, and the effects in the order in which they must happen. */
export class Draft {
  readonly state: Writable<ModuleCoreState>;
  readonly effects: Effect[] = [];
  readonly moves: Move[] = [];
  /** Why this step began to wait; what it waits for may be another thing by its end. */
  waitsBecause: string | null = null;

  constructor(
    state: ModuleCoreState,
    readonly now: number,
    public trigger: Trigger,
    /** A move takes a new epoch: without the arbiter the server would be stopped, and started by nobody. */
    readonly arbiterReachable = true,
    readonly heardOn: readonly HeardOn[] = [],
  ) {
    this.state = { ...state };
  }

  get config(): ModuleConfig {
    return this.state.config;
  }

  emit(effect: Effect): void {
    this.effects.push(effect);
  }

  log(level: 'info' | 'warn' | 'error', code: string, message: string, fields: Fields = {}): void {
    const epoch = this.state.record?.epoch ?? 0;
    this.emit({ type: 'log', level, code, message, fields: { epoch, ...fields } });
  }

  become(role: Role): void {
    const [from, to] = [roleState(this.state.role), roleState(role)];
    if (from !== to) this.moves.push({ from, to, on: this.trigger });
    this.state.role = role;
  }

  /** Starts an operation; the answer to any earlier one no longer counts. */
  operate(operation: Operation): void {
    this.state.operation += 1;
    this.state.pending = operation.kind;
    this.emit({ type: 'operation', number: this.state.operation, operation });
  }

  wait(
    reason: string,
    options: {
      parked?: boolean;
      yieldUntil?: number;
      retryAt?: number;
      diverged?: Fork;
      heldBack?: boolean;
      stuck?: boolean;
    } = {},
  ): void {
    const { role } = this.state;
    const before = role.at === 'waiting' ? role : null;
    const isSame = before?.reason === reason;
    // A wait that just began has not asked the arbiter yet.
    if (before === null) {
      this.waitsBecause = reason;
      this.state.inquiry = { askedAt: -Infinity, answeredAt: null, record: null, failure: null };
    }
    this.become({
      at: 'waiting',
      reason,
      since: before?.since ?? this.now,
      parked: options.parked ?? false,
      yieldUntil: options.yieldUntil ?? -Infinity,
      retryAt: options.retryAt ?? -Infinity,
      diverged: options.diverged ?? null,
      reasonSince: isSame ? before.reasonSince : this.now,
      isTold: isSame && before.isTold,
      toldBefore: (before?.toldBefore ?? 0) + (before?.isTold && !isSame ? 1 : 0),
      heldBack: options.heldBack ?? false,
      ...(options.stuck === true && { stuck: true }),
    });
  }

  /** A new record for the arbiter, and the effect that proposes it. @param wanted `because`: what led to it, in words */
  propose(
    expect: number | null,
    wanted: {
      epoch: number;
      primary: string;
      inSync: readonly string[];
      base: number;
      cause: Cause;
      because: string;
    },
  ): Proposal {
    this.state.proposals += 1;
    const name = `${this.config.self}/${this.state.incarnation}/${this.state.proposals}`;
    const record: ArbiterRecord = {
      ...wanted,
      inSync: [...wanted.inSync].sort(),
      because: plain(wanted.because),
      proposal: name,
    };
    const proposal: Proposal = { expect, record, retryAt: this.now + proposalRetryMs };
    this.emit({ type: 'propose', proposal });
    return proposal;
  }

  /** The same proposal once more when its answer is overdue; the arbiter recognises it by its name. */
  repropose(proposal: Proposal): Proposal {
    if (this.now < proposal.retryAt) return proposal;
    this.emit({ type: 'propose', proposal });
    return { ...proposal, retryAt: this.now + proposalRetryMs };
  }

  /** Keeps the newest record that anyone told. Epochs decide, nothing else. */
  learn(record: ArbiterRecord | null): void {
    if (record && (this.state.record === null || record.epoch > this.state.record.epoch)) this.state.record = record;
  }

  /** The peer's status if it has not been silent for so long that it is taken for failed. */
  freshPeer(): PeerStatus | null {
    const { heardAt, status } = this.state.peer;
    return heardAt !== null && this.now - heardAt < detectionMsOf(this.state) ? status : null;
  }

  tail(): LineageEntry | null {
    return this.state.replica.lineage.at(-1) ?? null;
  }

  /** Whether this replica is one that `record` counts as in sync. */
  inSyncBy(record: ArbiterRecord): boolean {
    const tail = this.tail();
    // Two records of one epoch were made where nobody refused one of them: this replica may have gone over to the other history since.
    const isOther = this.state.replica.lineage.some(
      ({ epoch, primary }) => epoch === record.epoch && primary !== record.primary,
    );
    return (
      record.inSync.includes(this.config.self) &&
      !isOther &&
      this.state.replica.consistent &&
      !isInDoubt(this.state, record) &&
      tail !== null &&
      tail.epoch >= record.base
    );
  }

  /** Whether this host may become primary by itself although the peer is silent. */
  mayPromoteWithoutPeer(): boolean {
    const { automatic, arbiter, withoutArbiter } = this.config;
    return automatic && (arbiter !== 'none' || withoutArbiter === 'risk-split-brain');
  }
}
