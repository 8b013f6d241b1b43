/** Deliberate bugs: each is a substitution in one source file, made while it is bundled. The simulation has to catch every one. */
export interface Mutant {
  readonly name: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Has to occur exactly once. */
  readonly find: string;
  readonly replace: string;
}

export const mutants: readonly Mutant[] = [
  {
    name: 'a write is answered before the secondary has applied it',
    file: 'agent/mirror/replica/replication.ts',
    find: 'this.#shared.hold(reply, this.#shared.inStep ? session.nextNumber + beyond : 0, waits)',
    replace: 'this.#shared.hold(reply, 0, waits)',
  },
  {
    name: 'a flush is answered before the secondary has carried it out',
    file: 'agent/mirror/replica/replication.ts',
    find: 'session.nextNumber, WaitsFor.local | WaitsFor.peerFlush)',
    replace: 'session.nextNumber, WaitsFor.local)',
  },
  {
    name: 'a flush is answered before it is durable here',
    file: 'agent/mirror/replica/replication.ts',
    find: 'session.nextNumber, WaitsFor.local | WaitsFor.peerFlush)',
    replace: 'session.nextNumber, WaitsFor.peerFlush)',
  },
  {
    name: 'the loss of the secondary holds nothing up',
    file: 'agent/mirror/link/sharedState.ts',
    find: 'if (this.#int(HOLD) === 1) Atomics.or(this.#ints, FROZEN, FROZEN_BY_LOSS);\n      else Atomics',
    replace: 'Atomics',
  },
  {
    name: 'a frozen mirror goes on answering',
    file: 'agent/mirror/link/sharedState.ts',
    find: 'if (!aborted && this.#int(FROZEN) !== 0) return;',
    replace: '',
  },
  {
    name: 'writes wait for ever when the primary has gone on alone',
    file: 'agent/mirror/link/sharedState.ts',
    find: 'Atomics.store(this.#ints, FROZEN, 0);',
    replace: '',
  },
  {
    name: 'a mark is erased while its write is under way',
    file: 'agent/mirror/replica/syncCycles.ts',
    find: 'this.#drain();',
    replace: '',
  },
  {
    name: 'marks are erased before the secondary is durable',
    file: 'agent/mirror/replica/syncCycles.ts',
    find: 'token, peerDone: false, localDone: false }',
    replace: 'token, peerDone: true, localDone: false }',
  },
  {
    name: 'marks are erased although the secondary was lost before it was durable',
    file: 'agent/mirror/replica/replication.ts',
    find: 'this.#cycles.abandon();\n    for (const token',
    replace: 'this.#marks.drop();\n    for (const token',
  },
  {
    name: 'marks are never erased',
    file: 'agent/mirror/replica/zoneMarks.ts',
    find: 'if (!this.#old || this.#takenBack) return;\n    this.#old = null;',
    replace: 'if (this.#old) return;\n    this.#old = null;',
  },
  {
    name: 'marks of a process before are forgotten',
    file: 'agent/mirror/replica/zoneMarks.ts',
    find: '{ ...newGeneration(0), files, problem }',
    replace: 'newGeneration(0)',
  },
  {
    name: 'a secondary that is not durable yet is called in step',
    file: 'agent/mirror/replica/replication.ts',
    find: "if (cycle.purpose === 'finish') this.#enterStep(session);",
    replace:
      "if (cycle.purpose === 'finish') {\n      this.#enterStep(session);\n      this.#inStep(session.lastNumber);\n    }",
  },
  {
    name: 'the end of a resync that this host was not told of is forgotten',
    file: 'agent/mirror/replica/resyncEnd.ts',
    find: 'pending?.after === syncId ? pending.syncId : null',
    replace: 'null',
  },
  {
    name: 'a resync does not rely on the marks',
    file: 'agent/mirror/resync/kind.ts',
    find: "return { kind: 'delta',",
    replace: "return { kind: 'full',",
  },
  {
    name: 'the server is killed too late for a clock that is slow',
    file: 'agent/core/primary.ts',
    find: 'const killShare = 0.6;',
    replace: 'const killShare = 0.8;',
  },
  {
    name: 'the arbiter grants whatever is asked for',
    file: 'agent/arbiter/compareAndSet.ts',
    find: 'if ((current?.epoch ?? null) !== expect || record.epoch <= (current?.epoch ?? 0)) {',
    replace: 'if (false as boolean) {',
  },
  {
    name: 'a record is told of before it is durable',
    file: 'agent/arbiter/recordStore.ts',
    find: 'this.#place.put(module, text);\n      this.#settle();',
    replace: 'this.#place.put(module, text);',
  },
  {
    name: 'what a witness that was killed had put in place is told of before it is durable',
    file: 'agent/arbiter/recordStore.ts',
    find: '  #isUnsettled = true;\n\n',
    replace: '  #isUnsettled = false;\n\n',
  },
  {
    name: 'a replica that is not in the in-sync set is promoted',
    file: 'agent/core/draft.ts',
    find: 'record.inSync.includes(this.config.self) &&',
    replace: '',
  },
  {
    name: 'a primary goes on from an old record of a restored witness',
    file: 'agent/core/primary.ts',
    find: 'return held === null || held.epoch < role.grant.epoch;',
    replace: 'return held === null;',
  },
  {
    name: 'the lease is ignored',
    file: 'agent/core/primary.ts',
    find: 'if (draft.now <= primaryLeaseEnd(role, draft.state)) return false;',
    replace: 'if (draft.now >= 0) return false;',
  },
  {
    name: 'a shorter detection time holds before the primary has heard of it',
    file: 'agent/core/detectionTimes.ts',
    find: 'Math.max(config.detectionMs, detection.promisedMs, peer.status?.detectionMs ?? 0)',
    replace: '(peer.status === null || detection.promisedMs > 0 ? config.detectionMs : 0)',
  },
  {
    name: 'the lease counts from the receipt of an answer, not from the sending of what was answered',
    file: 'agent/core/step.ts',
    find: "if (role.at === 'primary' && event.sentAt > role.leaseFrom) {\n        draft.become({ ...role, leaseFrom: event.sentAt,",
    replace: "if (role.at === 'primary') {\n        draft.become({ ...role, leaseFrom: event.now,",
  },
  {
    name: 'the server of a primary that is cut off is killed too late',
    file: 'agent/core/primary.ts',
    find: 'const killShare = 0.6;',
    replace: 'const killShare = 1.2;',
  },
  {
    name: 'the server of a primary that is cut off is not killed while it is being stopped',
    file: 'agent/core/primary.ts',
    find: '(!serverIsDown(role.server) && isKillDue(draft, role, link.since)) ||',
    replace: "(role.server.kind === 'running' && isKillDue(draft, role, link.since)) ||",
  },
  {
    name: 'the other host is taken for dead too early',
    file: 'agent/core/draft.ts',
    find: 'this.now - heardAt < detectionMsOf(this.state) ?',
    replace: 'this.now - heardAt < detectionMsOf(this.state) * 0.5 ?',
  },
  {
    name: 'the server starts before the grant is durable',
    file: 'agent/core/promote.ts',
    find: "draft.operate({ kind: 'enterEpoch', entry: entryOf(draft, grant) });",
    replace: 'entered(draft, { at: "entering", cause: grant.cause, firstSign, grant });',
  },
  {
    name: 'a primary goes on alone without a grant',
    file: 'agent/core/primary.ts',
    find: "link: { kind: 'lost', since: draft.now, reason, proposal: proposeAlone(draft, role.grant.epoch, reason) },\n  });",
    replace:
      "link: { kind: 'goingAlone', reason },\n  });\n  draft.operate({ kind: 'goAlone', entry: entryOf(draft, role.grant) });",
  },
  {
    name: 'both are recorded as in sync before losing the secondary holds acknowledgements',
    file: 'agent/core/primary.ts',
    find: "if (link.proposal === null) draft.operate({ kind: 'holdOnPeerLoss' });",
    replace:
      'if (link.proposal === null) draft.become({ ...role, link: { ...link, proposal: proposeBoth(draft, grant.epoch) } });',
  },
  {
    name: 'a deposed primary goes on',
    file: 'agent/core/primary.ts',
    find: 'if (state.record && state.record.epoch > role.grant.epoch && state.record.primary !== config.self) {',
    replace: 'if (false as boolean) {',
  },
  {
    name: 'a replica of another history is overwritten without being kept aside',
    file: 'agent/core/following.ts',
    find: 'if (holdsItsOwn(draft, primary)) {',
    replace: 'if (false as boolean) {',
  },
  {
    name: 'a host takes over by itself without an arbiter',
    file: 'agent/core/draft.ts',
    find: "return automatic && (arbiter !== 'none' || withoutArbiter === 'risk-split-brain');",
    replace: "return automatic && (arbiter !== 'none' || withoutArbiter !== undefined);",
  },
  {
    name: 'the end of a primary is told before its server is dead',
    file: 'test/simulation/mirror.ts',
    find: 'serving.whenItRuns(this.#world.random.between(killMs, seenDeadMs), () => {',
    replace: 'serving.whenItRuns(0, () => {',
  },
  {
    name: 'the end of a primary is believed by a secondary that lacks what was acknowledged',
    file: 'agent/core/following.ts',
    find: 'record.primary !== config.peer || !draft.inSyncBy(record)) return;',
    replace: 'record.primary !== config.peer) return;',
  },
  {
    name: 'a host that could not be fenced is taken over from all the same',
    file: 'agent/core/fencingPeer.ts',
    find: "if (fencePeer !== 'wait') {",
    replace: "if (fencePeer !== 'never') {",
  },
  {
    name: 'a host that was about to fence the other one has forgotten it after a crash',
    file: 'agent/core/fencingPeer.ts',
    find: 'tail.epoch < record.epoch',
    replace: 'tail.epoch > record.epoch',
  },
  {
    name: 'what the other host tells is acted upon although it could not be made durable',
    file: 'agent/core/unsaved.ts',
    find: 'return step(state, { ...event, withoutNews: true });',
    replace: 'return step(state, event);',
  },
  {
    name: 'what the other host tells of the record without an arbiter is forgotten with a restart',
    file: 'agent/core/step.ts',
    find: '  keepCopy(draft, state.record !== known);\n',
    replace: '',
  },
  {
    name: 'a primary stops when it does not reach the witness',
    file: 'agent/core/step.ts',
    find: 'state.inquiry = { ...state.inquiry, answeredAt: null, failure: event.reason ?? null };\n      return;',
    replace:
      "state.inquiry = { ...state.inquiry, answeredAt: null, failure: event.reason ?? null };\n      if (role.at === 'primary') fence(draft, 'the arbiter is silent');\n      return;",
  },
  {
    name: 'a changed file gives the primary a new lease',
    file: 'agent/core/detection.ts',
    find: '  state.config = config;\n',
    replace:
      '  state.config = config;\n  if (state.role.at === "primary") state.role = { ...state.role, leaseFrom: now + before };\n',
  },
  {
    name: 'a changed file takes the grant from a primary',
    file: 'agent/core/detection.ts',
    find: '  state.config = config;\n',
    replace: "  state.config = config;\n  if (state.role.at === 'primary') state.role = { at: 'stopped' };\n",
  },
  {
    name: 'a host that was changed to automatic: false takes over by itself all the same',
    file: 'agent/core/following.ts',
    find: 'if (!draft.mayPromoteWithoutPeer()) {\n    draft.wait(`${config.peer} is silent and automatic',
    replace: 'if (false as boolean) {\n    draft.wait(`${config.peer} is silent and automatic',
  },
  {
    name: 'without an arbiter a record of another history counts by its number',
    file: 'agent/core/step.ts',
    find: 'if (!tellsOfAnotherHistory(draft, status)) draft.learn',
    replace: 'draft.learn',
  },
];
