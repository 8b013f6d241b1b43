import { beforeEach, describe, expect, it } from 'vitest';
import { ByteReader } from '../../agent/mirror/link/bytes.ts';
import { ConnectionEnd } from '../../agent/mirror/link/connectionEnd.ts';
import { ToFollower, ToPrimary } from '../../agent/mirror/link/protocol.ts';
import type { FrameHeader } from '../../agent/mirror/link/sealer.ts';
import type { ReplicaRecord } from '../../agent/mirror/mirror.ts';
import { FollowerSession, type SessionConnection } from '../../agent/mirror/replica/followerSession.ts';
import type { ReplicaWork, WorkPort } from '../../agent/mirror/replica/replicaWork.ts';

const UNKNOWN_TYPE = 60;
const nameOf = new Map<number, string>(Object.entries(ToPrimary).map(([name, type]) => [type, name]));
const ofNumber = new Set<number>([ToPrimary.acknowledged, ToPrimary.flushed, ToPrimary.synced, ToPrimary.epochEntered]);
const ofJson = new Set<number>([ToPrimary.welcome, ToPrimary.refused, ToPrimary.failed, ToPrimary.finished]);
const record: ReplicaRecord = {
  formatVersion: 1,
  module: 'web',
  lineage: [{ epoch: 5, primary: 'alpha' }],
  syncId: null,
  consistent: true,
};

/** What was sent and done, in order, since it was looked at last. */
let told: string[];
const tell = (what: string): void => void told.push(what);
const since = (): string[] => told.splice(0);
beforeEach(() => {
  told = [];
});

function shown(type: number, payload: Buffer): string {
  const name = nameOf.get(type) ?? String(type);
  if (ofNumber.has(type)) return `${name} ${new ByteReader(payload).size()}`;
  return ofJson.has(type) ? `${name} ${payload.toString()}` : name;
}

class FakeConnection implements SessionConnection {
  authenticated = false;
  readonly #frames: { readonly header: FrameHeader; readonly payload: Buffer }[] = [];
  #number = 0;

  /** A frame arrives. Returns its number. */
  arrives(type: number, epoch: number, json: unknown): number {
    const payload = Buffer.from(json === undefined ? '' : JSON.stringify(json));
    const number = ++this.#number;
    this.#frames.push({ header: { type, epoch, number, length: payload.length }, payload });
    return number;
  }

  get hasMore(): boolean {
    return this.#frames.length > 0;
  }

  next(): { readonly header: FrameHeader; readonly payload: Buffer } | null {
    return this.#frames.shift() ?? null;
  }

  send(type: number, _epoch: number, payload: Uint8Array): void {
    tell(shown(type, Buffer.from(payload)));
  }

  end(): void {
    tell('connection ended');
  }
}

class RecordingWork implements ReplicaWork {
  readonly port: WorkPort;
  /** What a frame of changes does. */
  onMutations = (): void => tell('changed');
  flushesLater = false;

  constructor(port: WorkPort) {
    this.port = port;
  }

  settleFor(): void {
    // Nothing is stored beside frames.
  }

  mutations(): void {
    this.onMutations();
  }

  flush(_number: number, _payload: Buffer, nothingWaits: boolean): boolean {
    tell(nothingWaits ? 'flush' : 'flush while more waits');
    return this.flushesLater;
  }

  flushed(_number: number, errno: number): string | null {
    return errno === 0 ? null : `error ${errno}`;
  }

  begin(full: boolean): void {
    tell(full ? 'resync in full' : 'resync');
  }

  step({ type }: FrameHeader): boolean {
    return type === ToFollower.directory;
  }

  enterStep(): void {
    tell('in step');
  }

  finished(): void {
    tell('resync over');
  }

  end(): void {
    tell('work ended');
  }

  reasonOf(error: unknown): string {
    return `reason: ${(error as Error).message}`;
  }
}

/** A session over a connection that is none. */
class Follower {
  epoch = 5;
  now = 0;
  readonly connection = new FakeConnection();
  readonly session: FollowerSession;
  work!: RecordingWork;

  constructor() {
    const context = {
      identity: 'web',
      host: 'beta',
      now: () => this.now,
      record: () => record,
      marksProblem: () => null,
      epoch: () => this.epoch,
      enterEpoch: ({ epoch }: { epoch: number }) => void (this.epoch = epoch),
      requestSync: (number: number, finish: { syncId: string } | null) =>
        tell(`durable: ${number} ${finish?.syncId ?? '-'}`),
      primaryEnded: (epoch: number) => tell(`primary ended at ${epoch}`),
    };
    this.session = new FollowerSession(context, this.connection, (port) => (this.work = new RecordingWork(port)));
  }

  /** A frame arrives that the session has not seen yet. Returns its number. */
  arrives(type: number, json?: unknown, epoch = this.epoch): number {
    return this.connection.arrives(type, epoch, json);
  }

  finish(missed: number): number {
    return this.arrives(ToFollower.finish, { syncId: 'end', missed, record });
  }
}

/** Why the connection ended; null: it did not. Other errors are none that a session may throw. */
function ended(action: () => void): string | null {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof ConnectionEnd) return error.message;
    throw error;
  }
}

const processed = ({ session }: Follower): string | null => ended(() => session.process());

function authenticated(): Follower {
  const follower = new Follower();
  follower.arrives(ToFollower.authenticate, { module: 'web' });
  expect(processed(follower)).toBeNull();
  told = [];
  return follower;
}

function resyncing(): Follower {
  const follower = authenticated();
  follower.arrives(ToFollower.begin, { kind: 'delta' });
  expect(processed(follower)).toBeNull();
  told = [];
  return follower;
}

function inStep(): Follower {
  const follower = resyncing();
  follower.finish(0);
  expect(processed(follower)).toBeNull();
  told = [];
  return follower;
}

describe('a primary that connects to a follower', () => {
  it('is welcomed with the record, and nothing else is done with its first frame', () => {
    const follower = new Follower();
    follower.arrives(ToFollower.authenticate, { module: 'web' });
    expect(processed(follower)).toBeNull();
    expect(follower.connection.authenticated).toBe(true);
    expect(since()).toEqual([`welcome ${JSON.stringify({ host: 'beta', record, marksProblem: null })}`]);
  });

  it('of a lower epoch is refused with the epoch of this replica', () => {
    const follower = new Follower();
    follower.arrives(ToFollower.authenticate, { module: 'web' }, 4);
    expect(processed(follower)).toBe('refused a frame of epoch 4: this replica is at epoch 5');
    expect(follower.connection.authenticated).toBe(false);
    expect(since()).toEqual(['refused {"epoch":5,"reason":"epoch 4 is over"}']);
  });

  it('of another module is refused', () => {
    const follower = new Follower();
    follower.arrives(ToFollower.authenticate, { module: 'mail' });
    expect(processed(follower)).toMatch(/another module \(mail\)/);
    expect(since()[0]).toMatch(/^refused .*is of module web/);
  });

  it('is refused in the middle of its frames when this replica enters another epoch', () => {
    const follower = inStep();
    follower.arrives(ToFollower.mutations);
    expect(processed(follower)).toBeNull();
    follower.arrives(ToFollower.mutations);
    follower.epoch = 6;
    told = [];
    expect(processed(follower)).toMatch(/^refused a frame of epoch 5/);
    expect(since()).toEqual(['refused {"epoch":6,"reason":"epoch 5 is over"}']);
  });

  it('has an epoch of its own entered before that is told', () => {
    const follower = inStep();
    const number = follower.arrives(ToFollower.epoch, { epoch: 6, primary: 'alpha' });
    expect(processed(follower)).toBeNull();
    expect(follower.epoch).toBe(6);
    expect(since()).toEqual([`epochEntered ${number}`, `acknowledged ${number}`]);
  });
});

describe('frames that a follower has taken', () => {
  it('are acknowledged all at once when they came together', () => {
    const follower = inStep();
    let last = 0;
    for (let count = 0; count < 5; count++) last = follower.arrives(ToFollower.barrier);
    expect(processed(follower)).toBeNull();
    expect(since()).toEqual([`acknowledged ${last}`]);
    expect(processed(follower)).toBeNull();
    expect(since()).toEqual([]);
  });

  it('are acknowledged after every 32 while more are there', () => {
    const follower = inStep();
    const first = follower.arrives(ToFollower.barrier);
    for (let count = 1; count < 70; count++) follower.arrives(ToFollower.barrier);
    expect(processed(follower)).toBeNull();
    expect(since()).toEqual([31, 63, 69].map((after) => `acknowledged ${first + after}`));
  });

  it('are acknowledged up to the one that failed, which is told after that', () => {
    const follower = inStep();
    follower.arrives(ToFollower.mutations);
    const good = follower.arrives(ToFollower.barrier);
    follower.arrives(ToFollower.mutations);
    let left = 1;
    follower.work.onMutations = () => {
      if (left-- === 0) throw new Error('the disk is full');
      tell('changed');
    };
    expect(processed(follower)).toBe('a change could not be applied: reason: the disk is full');
    expect(since()).toEqual(['changed', `acknowledged ${good}`, 'failed {"message":"reason: the disk is full"}']);
  });

  it('end the session when they come before their time, or mean nothing', () => {
    const early = authenticated();
    early.arrives(ToFollower.mutations);
    expect(processed(early)).toMatch(/a change before the resync began$/);
    expect(since()).toEqual(['failed {"message":"reason: a change before the resync began"}']);
    const follower = inStep();
    follower.arrives(ToFollower.directory);
    expect(processed(follower)).toBeNull();
    follower.arrives(UNKNOWN_TYPE);
    expect(processed(follower)).toMatch(/a frame of unknown type 60$/);
  });
});

describe('the end of a resync', () => {
  it('is put off while the primary does not know of all that was missed', () => {
    const follower = resyncing();
    follower.arrives(ToFollower.mutations);
    follower.work.onMutations = () => follower.work.port.miss(['a'], 'not there yet');
    const early = follower.finish(0);
    expect(processed(follower)).toBeNull();
    expect(since()).toEqual(['missed', `finished {"number":${early},"again":true}`, `acknowledged ${early}`]);
    expect(follower.work.port.isResyncing()).toBe(true);
    const last = follower.finish(1);
    expect(processed(follower)).toBeNull();
    expect(since()).toEqual(['in step', `durable: ${last} end`, `acknowledged ${last}`]);
    expect(follower.work.port.isResyncing()).toBe(false);
  });

  it('is told when it is durable, and what is kept for it goes before', () => {
    const follower = inStep();
    follower.session.synced(3, true, null);
    follower.session.synced(7, false, null);
    expect(since()).toEqual(['resync over', 'finished {"number":3,"again":false}', 'synced 7']);
  });

  it('fails when it cannot be made durable', () => {
    const follower = inStep();
    expect(ended(() => follower.session.synced(3, true, 'EIO'))).toBe('this replica could not be made durable: EIO');
    expect(since()).toEqual(['failed {"message":"EIO"}']);
  });
});

describe('the last word of a primary', () => {
  it('that its server is dead counts where this replica is in step', () => {
    const follower = inStep();
    const last = follower.arrives(ToFollower.ended);
    expect(processed(follower)).toMatch(/its server is dead$/);
    expect(since()).toEqual([`acknowledged ${last}`, 'primary ended at 5']);
  });

  it('that its server is dead means nothing while it is not, or not any more', () => {
    const early = resyncing();
    const first = early.arrives(ToFollower.ended);
    expect(processed(early)).toMatch(/its server is dead$/);
    expect(since()).toEqual([`acknowledged ${first}`]);
    const follower = inStep();
    follower.arrives(ToFollower.begin, { kind: 'full' });
    const last = follower.arrives(ToFollower.ended);
    expect(processed(follower)).toMatch(/its server is dead$/);
    expect(since()).toEqual(['resync in full', 'begun', `acknowledged ${last}`]);
  });

  it('is acknowledged when it releases the mirror', () => {
    const follower = inStep();
    const last = follower.arrives(ToFollower.goodbye);
    expect(processed(follower)).toBe('the primary has released the mirror');
    expect(since()).toEqual([`acknowledged ${last}`]);
    follower.session.end();
    expect(since()).toEqual(['work ended', 'connection ended']);
  });
});

describe('a flush', () => {
  it('is answered when it is done, and the frames behind it are acknowledged meanwhile', () => {
    const follower = inStep();
    follower.work.flushesLater = true;
    const number = follower.arrives(ToFollower.flush);
    const last = follower.arrives(ToFollower.mutations);
    expect(processed(follower)).toBeNull();
    expect(since()).toEqual(['flush while more waits', 'changed', `acknowledged ${last}`]);
    follower.session.flushed(number, 0);
    expect(since()).toEqual([`flushed ${number}`]);
  });

  it('that was waited for is answered before its frame is acknowledged', () => {
    const follower = inStep();
    const number = follower.arrives(ToFollower.flush);
    expect(processed(follower)).toBeNull();
    expect(since()).toEqual(['flush', `flushed ${number}`, `acknowledged ${number}`]);
  });

  it('that fails later ends the session', () => {
    const follower = inStep();
    follower.work.flushesLater = true;
    const number = follower.arrives(ToFollower.flush);
    processed(follower);
    told = [];
    expect(ended(() => follower.session.flushed(number, 5))).toBe('a change could not be applied: error 5');
    expect(since()).toEqual(['failed {"message":"error 5"}']);
  });
});

it('a follower at long work says that it is alive when it has said nothing for a while', () => {
  const follower = resyncing();
  const { port } = follower.work;
  follower.now = 200;
  port.alive();
  expect(since()).toEqual([]);
  follower.now = 201;
  port.alive();
  port.alive();
  expect(since()).toEqual(['alive']);
});
