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
    name: 'a write is acknowledged before the secondary has applied it',
    file: 'test/simulation/mirror.ts',
    find: 'host.held.set(write, { local: false, remote: !waits });',
    replace: 'host.held.set(write, { local: false, remote: true });',
  },
  {
    name: 'a write is acknowledged before it is durable',
    file: 'test/simulation/mirror.ts',
    find: 'host.held.set(write, { local: false, remote: !waits });',
    replace: 'host.held.set(write, { local: true, remote: !waits });',
  },
  {
    name: 'a mark is erased while its write is under way',
    file: 'test/simulation/mirror.ts',
    find: 'const own = [...host.disk.marks].filter((write) => !host.held.has(write));',
    replace: 'const own = [...host.disk.marks];',
  },
  {
    name: 'writes wait for ever when the primary has gone on alone',
    file: 'test/simulation/mirror.ts',
    find: 'host.frozen = false;\n          this.#releaseHeld(host);',
    replace: 'this.#releaseHeld(host);',
  },
  {
    name: 'marks are never erased',
    file: 'test/simulation/mirror.ts',
    find: 'for (const write of own) host.disk.marks.delete(write);',
    replace: '',
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
    find: "if (role.at === 'primary' && event.sentAt > role.leaseFrom) draft.become({ ...role, leaseFrom: event.sentAt });",
    replace: "if (role.at === 'primary') draft.become({ ...role, leaseFrom: event.now });",
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
    find: 'this.#world.clock.after(takesMs, () => this.#whenItRuns(host, ended));',
    replace:
      'if (vouched) this.sessions.primaryEnded(vouched, epoch);\n      this.#world.clock.after(takesMs, () => this.#whenItRuns(host, ended));',
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
];
